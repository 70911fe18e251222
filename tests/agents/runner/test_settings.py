"""Settings: presets, options, what is kept on disk."""

from dataclasses import dataclass

import pytest
import tomli_w

from papergym import assets
from papergym.agents.cli.options import field_docs, parse_plan, refuse_contradictions
from papergym.agents.errors import UsageError
from papergym.agents.runner import settings
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
    steps: int = 300
    """Budget."""


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
    row = ROW
    monkeypatch.setattr(Agent, "load", lambda self, name: Config)
    monkeypatch.setattr(settings, "agent", lambda key: row)
    monkeypatch.setattr(assets, "paper_keys", lambda: ["testing"])
    monkeypatch.setattr(assets, "paper", lambda key: FACTS)


def parse(*options: str) -> settings.Plan:
    return parse_plan(ROW, list(options), prog="test")


def test_preset_then_options():
    plan = parse("--rate", "0.125")
    assert (plan.config.rate, plan.config.sizes, plan.config.steps) == (0.125, (8,), 50)
    assert (plan.run.steps, plan.run.eval_episodes, plan.run.preset) == (50, 2, "quick")
    assert plan.run.eval_every == 2 and plan.run.log_every == 1
    assert parse("--steps", "80").config.steps == 80
    paper = parse("--preset", "paper")
    assert paper.env_kwargs == {"g": 9.0} and paper.config.rate == 0.5 and paper.run.steps == 300


def test_docs_of_fields():
    assert field_docs(Config) == {
        "rate": "A rate,\non two lines.",
        "limit": "May be unset.",
        "sizes": "Sizes.",
        "steps": "Budget.",
    }


@pytest.mark.parametrize("options", [[], ["--limit", "3"], ["--sizes", "1", "2", "3"], ["--env-kwargs", "g=1", "name=abc"]])
def test_plan_survives_the_disk(options):
    plan = parse(*options)
    again = settings.from_toml(settings.tomllib.loads(tomli_w.dumps(settings.to_toml(plan))))
    assert again == plan
    assert settings.conflicts(plan, again) == []


def test_conflicts_name_both_values():
    assert settings.conflicts(parse(), parse("--rate", "1", "--device", "cuda")) == ["rate: the run has 0.25, given 1.0"]


def test_env_kwargs():
    pairs = ("a=1", "b=2.5", "c=true", "d=fast", "e=[1, 2]", 'f="1"', "g=False")
    assert settings.parse_env_kwargs(pairs) == {"a": 1, "b": 2.5, "c": True, "d": "fast", "e": [1, 2], "f": "1", "g": False}
    with pytest.raises(UsageError, match="'a' twice: 1 and 2"):
        settings.parse_env_kwargs(("a=1", "a=2"))


def test_preset_with_an_unknown_key(monkeypatch):
    monkeypatch.setitem(FACTS["presets"], "typo", {"rat": 1})
    with pytest.raises(UsageError, match="names 'rat', which is no setting of testing"):
        parse("--preset", "typo")


def test_stored_field_of_another_version():
    tables = settings.to_toml(parse())
    tables["config"]["old_knob"] = 1
    with pytest.raises(UsageError, match="old_knob"):
        settings.from_toml(tables)


@pytest.mark.parametrize("options", [["--a", "1", "--a=1"], ["--a", "1", "--b", "1"], ["--flag", "--a", "2", "3"], ["-h"]])
def test_no_contradiction(options):
    refuse_contradictions(options)


@pytest.mark.parametrize("options", [["--a", "1", "--a=2"], ["--flag", "--no-flag"], ["--a-b", "1", "--a_b", "2"]])
def test_contradiction(options):
    with pytest.raises(UsageError, match="conflicting values"):
        refuse_contradictions(options)
