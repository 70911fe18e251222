"""Settings: presets, options, what is kept on disk."""

from dataclasses import dataclass

import pytest
import tomli_w
import tyro

from papergym import assets
from papergym.agents.cli.options import parse_given, refuse_contradictions
from papergym.agents.errors import UsageError
from papergym.agents.runner import plan as module
from papergym.agents.runner.fields import as_key_values, fit, key_values, tomllib
from papergym.agents.runner.plan import Plan, RunSettings, conflicts, from_toml, make_plan, presets, to_toml
from papergym.agents.runner.planned import planned
from papergym.agents.runner.registry import Agent


@dataclass
class Config:
    """A configuration for these tests."""

    rate: float = 0.5
    """A rate,
    on two lines."""
    limit: float | None = None
    """May be unset."""
    sizes: tuple[int, ...] = (4, 4)
    """Sizes."""
    steps: tyro.conf.SuppressFixed[tyro.conf.Fixed[int]] = 300
    """Budget."""
    pretrain_steps: int | None = None
    """Part of the budget."""


ROW = Agent(
    key="testing",
    algorithm=f"{__name__}:Config",
    config=f"{__name__}:Config",
    build="",
    paper="testing",
    summary="Nothing.",
    default_env="Pendulum-v1",
)
FACTS = {
    "presets": {"quick": {"steps": 50, "rate": 0.25, "eval_episodes": 2, "sizes": [8]}, "paper": {"env_kwargs": {"g": 9.0}}}
}


@pytest.fixture(autouse=True)
def facts(monkeypatch):
    monkeypatch.setattr(Agent, "load", lambda self, name: Config)
    monkeypatch.setattr(module, "agent", lambda key: ROW)
    monkeypatch.setattr(assets, "paper_keys", lambda: ["testing"])
    monkeypatch.setattr(assets, "paper", lambda key: FACTS)


def parse(*options: str) -> Plan:
    return planned(ROW, parse_given(ROW, list(options), verb="test"))


def test_a_preset_over_another(monkeypatch):
    """It has the values of its base where it names none of its own; the base keeps its own."""
    monkeypatch.setitem(FACTS["presets"], "slow", {"base": "quick", "rate": 0.5})
    assert presets(ROW)["slow"] == {"steps": 50, "rate": 0.5, "eval_episodes": 2, "sizes": [8]}
    assert presets(ROW)["quick"] == FACTS["presets"]["quick"]
    monkeypatch.setitem(FACTS["presets"], "lost", {"base": "quik"})
    with pytest.raises(UsageError, match=r"base of the preset lost.*'quik'. Did you mean quick"):
        presets(ROW)


def test_preset_then_options():
    plan = parse("--rate", "0.125")
    assert (plan.config.rate, plan.config.sizes, plan.config.steps) == (0.125, (8,), 50)
    assert (plan.run.steps, plan.run.eval_episodes, plan.run.preset) == (50, 2, "quick")
    assert plan.run.eval_every == 2 and plan.run.log_every == 1
    assert parse("--steps", "80").config.steps == 80
    paper = parse("--preset", "paper")
    assert paper.env_kwargs == {"g": 9.0} and paper.config.rate == 0.5 and paper.run.steps == 20_000


def test_arguments_of_the_environment_over_the_presets(monkeypatch):
    """The given ones win; what they leave open stays, in tables too."""
    preset = {"env_kwargs": {"g": 9.0, "more": {"a": 1, "b": 2}}}
    monkeypatch.setitem(FACTS["presets"], "paper", preset)
    cases = {
        (): {"g": 9.0, "more": {"a": 1, "b": 2}},
        ("g=1.0",): {"g": 1.0, "more": {"a": 1, "b": 2}},
        ("more={a = 3, c = 4}", "name=abc"): {"g": 9.0, "more": {"a": 3, "b": 2, "c": 4}, "name": "abc"},
        ("more=true",): {"g": 9.0, "more": True},
    }
    for given, expected in cases.items():
        plan = parse("--preset", "paper", *(("--env-kwargs", *given) if given else ()))
        assert plan.env_kwargs == expected, given
        assert from_toml(tomllib.loads(tomli_w.dumps(to_toml(plan)))) == plan


@pytest.mark.parametrize("options", [[], ["--limit", "3"], ["--sizes", "1", "2", "3"], ["--env-kwargs", "g=1", "name=abc"]])
def test_plan_survives_the_disk(options):
    plan = parse(*options)
    again = from_toml(tomllib.loads(tomli_w.dumps(to_toml(plan))))
    assert again == plan
    assert conflicts(plan, again) == []


def test_conflicts_name_both_values():
    assert conflicts(parse(), parse("--rate", "1", "--device", "cuda")) == ["rate: the run has 0.25, given 1.0"]


def test_env_kwargs():
    pairs = ("a=1", "b=2.5", "c=true", "d=fast", "e=[1, 2]", 'f="1"', "g=False")
    assert key_values(pairs, "--env-kwargs") == {"a": 1, "b": 2.5, "c": True, "d": "fast", "e": [1, 2], "f": "1", "g": False}
    with pytest.raises(UsageError, match="'a' twice: 1 and 2"):
        key_values(("a=1", "a=2"), "--env-kwargs")


@pytest.mark.parametrize(
    "value",
    [1, 2.5, True, "fast", 'say "a = b"', [1, 2], [], {}, {"x": True, "y": {"a b": [1.5, {"z": "w"}]}}, [{"a": 1}, {"a": 2}]],
)
def test_values_come_back_from_their_text(value):
    pairs = as_key_values({"name": value})
    assert key_values(pairs, "--env-kwargs") == {"name": value} and "\n" not in pairs[0]


def test_preset_with_an_unknown_key(monkeypatch):
    monkeypatch.setitem(FACTS["presets"], "typo", {"rat": 1})
    with pytest.raises(UsageError, match=r"unknown setting of testing 'rat'. Did you mean rate.*presets.typo"):
        parse("--preset", "typo")


def test_stored_field_of_another_version():
    tables = to_toml(parse())
    tables["config"]["old_knob"] = 1
    with pytest.raises(UsageError, match="old_knob"):
        from_toml(tables)


@pytest.mark.parametrize("options", [["--a", "1", "--a=1"], ["--a", "1", "--b", "1"], ["--flag", "--a", "2", "3"], ["-h"]])
def test_no_contradiction(options):
    refuse_contradictions(options)


@pytest.mark.parametrize("options", [["--a", "1", "--a=2"], ["--flag", "--no-flag"], ["--a-b", "1", "--a_b", "2"]])
def test_contradiction(options):
    with pytest.raises(UsageError, match="conflicting values"):
        refuse_contradictions(options)


@pytest.mark.parametrize("text", ["1e6", "1_000_000", "1000000"])
def test_whole_numbers_as_people_write_them(text):
    assert parse("--steps", text).run.steps == 1_000_000 == parse("--updates", text).run.steps
    assert fit(Config, "steps", text) == 1_000_000


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("steps", 1.5, "a whole number"), ("steps", True, "a whole number"), ("rate", "fast", "a number"),
        ("rate", [1.0], "a number"), ("sizes", "a b", "a list of a whole number"), ("limit", "x", "a number or None"),
    ],
)  # fmt: skip
def test_values_of_a_wrong_type(name, value, expected):
    with pytest.raises(UsageError, match=f"{name} is .*, expected {expected}"):
        make_plan(ROW, "quick", {name: value})


def test_values_from_text():
    plan = make_plan(ROW, "quick", {"sizes": "8 16", "limit": "None", "rate": "1e-3", "steps": "1e3"})
    assert (plan.config.sizes, plan.config.limit, plan.config.rate, plan.run.steps) == ((8, 16), None, 1e-3, 1000)


def test_shares_of_the_budget_follow_it(monkeypatch):
    monkeypatch.setitem(FACTS["presets"], "phases", {"steps": 100, "pretrain_steps": 40})
    assert parse("--preset", "phases").config.pretrain_steps == 40
    assert parse("--preset", "phases", "--steps", "50").config.pretrain_steps == 20
    assert parse("--preset", "phases", "--steps", "50", "--pretrain-steps", "7").config.pretrain_steps == 7


def test_only_the_user_has_a_foreign_agent_imported():
    tables = to_toml(parse())
    tables["agent"] = "os:path"
    with pytest.raises(UsageError, match="outside papergym"):
        from_toml(tables)


def test_an_option_that_equals_the_preset_is_given_all_the_same(monkeypatch):
    monkeypatch.setitem(FACTS["presets"], "quick", {"steps": 50, "pretrain_steps": 25})
    assert parse("--steps", "100").config.pretrain_steps == 50
    assert parse("--steps", "100", "--pretrain-steps", "25").config.pretrain_steps == 25
    assert parse("--updates=100", "--pretrain_steps=25").run.steps == 100
    assert parse("--from", "x").config.pretrain_steps == 0
    assert parse("--from", "x", "--pretrain-steps", "25").config.pretrain_steps == 25


def test_two_names_of_one_option_do_not_contradict_each_other():
    for options in (["--steps", "1", "--updates", "2"], ["--from", "a", "--start-from", "b"]):
        with pytest.raises(UsageError, match="conflicting values for --st"):
            refuse_contradictions(options)
    refuse_contradictions(["--steps", "1", "--updates", "1"])


def test_folders_hold_no_signs_that_a_file_system_refuses():
    assert RunSettings(env="my:Env/Walk-v0", seed=3).folder("m:A").as_posix() == "runs/m_A-my_Env_Walk-v0-s3"
