"""A search for hyper-parameters: its spaces, its study, its preset."""

import math

import numpy as np
import optuna
import pytest

from papergym.agents.errors import UsageError
from papergym.agents.reproduction.trials import trial_id
from papergym.agents.run import main
from papergym.agents.runner.fields import tomllib
from papergym.agents.runner.folder import read_plan
from papergym.agents.runner.plan import make_plan
from papergym.agents.runner.registry import agent, agents
from papergym.agents.runner.tuning import Search, Space, open_study, spaces_of, write_preset

TINY = ["tune", "ppo", "--env", "CartPole-v1", "--steps", "512", "--evaluations", "4", "--folder", "tuned"]
TINY += ["--set", "n_steps=64", "n_epochs=2", "eval_episodes=2"]
TINY += ["--space", "learning_rate=log:1e-5:1e-1", "batch_size=16,64"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trials(here):
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(here / "tuned" / "study.journal")))
    return optuna.load_study(study_name="ppo-CartPole-v1", storage=storage).trials


def test_a_search_goes_on_and_its_preset_runs(here, capsys):
    assert main([*TINY, "--trials", "2"]) == 0
    first = trials(here)
    assert main([*TINY, "--trials", "3"]) == 0
    found = trials(here)
    assert found[2].params["learning_rate"] != found[1].params["learning_rate"]
    assert len(found) == 3 and [t.params for t in found[:2]] == [t.params for t in first]
    assert found[0].params == {"learning_rate": 3e-4, "batch_size": "64"}  # the preset's own values come first
    done = [trial for trial in found if trial.state is optuna.trial.TrialState.COMPLETE]
    best = max(done, key=lambda trial: trial.value)
    content = tomllib.loads((here / "tuned" / "preset.toml").read_text())
    assert content["preset"]["learning_rate"] == best.params["learning_rate"] and content["found"]["return"] == best.value
    assert content["preset"]["n_steps"] == 64 and content["base"] == "quick"  # a fixed value belongs to the preset
    assert (
        main(["train", "ppo", "--env", "CartPole-v1", "--preset", "tuned/preset.toml", "--no-video", "--run-folder", "a"]) == 0
    )
    plan = read_plan(here / "a")
    assert plan.config.learning_rate == best.params["learning_rate"] and plan.run.steps == 512
    assert plan.config.batch_size == int(best.params["batch_size"])


def test_the_score_is_the_mean_of_the_later_evaluations(here):
    from papergym.agents.runner.folder import eval_rounds

    assert main([*TINY, "--trials", "1", "--no-prune"]) == 0
    (folder,) = (here / "tuned").glob("trial-*")
    means = [np.mean(values) for values in eval_rounds(folder).values()]
    assert trials(here)[0].value == pytest.approx(np.mean(means[len(means) // 2 :]))
    assert trials(here)[0].intermediate_values == pytest.approx(dict(enumerate(means[1:], 1))), "none before it has learned"
    assert not (folder / "checkpoints").exists()


def test_confirmation_runs_both_presets_on_new_seeds(here, capsys):
    assert main([*TINY, "--trials", "1", "--confirm", "2"]) == 0
    said = capsys.readouterr().out
    assert "p = 1" in said or "p = 0." in said
    folders = sorted(path.name for path in (here / "tuned").glob("confirm-*"))
    base, found = trial_id({}), trial_id(trials(here)[0].params)
    assert folders == [f"confirm-{name}-{seed}" for name in (f"base-{base}", f"found-{found}") for seed in (0, 1)]
    assert {read_plan(here / "tuned" / name).run.seed for name in folders} == {1_000_000, 1_000_001}


@pytest.mark.parametrize(
    ("text", "space"),
    [
        ("gamma=0.9:0.99", Space("gamma", 0.9, 0.99)),
        ("--learning-rate=log:1e-5:1e-2", Space("learning_rate", 1e-5, 1e-2, True)),
        ("batch_size=64,128,64", Space("batch_size", choices=("64", "128"))),
    ],
)
def test_spaces(text, space):
    assert Space.parse(text) == space


@pytest.mark.parametrize(
    "text", ["gamma", "=1,2", "gamma=", "gamma=1:0", "gamma=log:0:1", "gamma=0:1:2", "gamma=a:b", "gamma=0:inf", "gamma=nan:1"]
)
def test_spaces_that_are_none(text):
    with pytest.raises(UsageError, match="expected NAME=A,B,C"):
        Space.parse(text)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--trials", "0"], "--trials is 0"),
        (["--space", "gama=0.9,0.99"], "Did you mean gamma"),
        (["--space", "gamma=0.9,much"], "gamma is 'much', expected a number"),
        (["--space", "gamma=0.9,0.99", "gamma=0.5:0.6"], "gives gamma twice"),
        (["--set", "gamma"], "--set expects NAME=VALUE"),
        (["--env", "NoSuch-v0"], "cannot be made"),
        (["--confirm", "1"], "--confirm is 1"),
    ],
)
def test_bad_requests_leave_nothing(here, capsys, options, said):
    assert main(["tune", "ppo", *options]) == 2
    assert said in capsys.readouterr().err
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    "content", ["", "preset = 3", "[preset]\nlearning_rate = 'fast'", "[preset]\nlr = 1", "{", "agent = 'sac'\n[preset]"]
)
def test_files_that_are_no_preset(here, content):
    (here / "a.toml").write_text(content)
    for file in ("a.toml", "absent.toml"):
        with pytest.raises(UsageError, match=r"a\.toml|absent\.toml"):
            make_plan(agent("ppo"), file)


def test_every_agent_has_something_to_search(here):
    for row in agents():
        search = Search(row, "", {}, spaces_of(row, ()), 0, 4, True, here)
        for space in search.spaces:
            assert search.whole(space) == isinstance(getattr(row.load(row.config)(), space.name), int), (row.key, space.name)


def test_values_that_an_agent_refuses_are_pruned(here, capsys, caplog):
    assert main([*TINY[:-1], "batch_size=0,64", "--trials", "4", "--no-prune"]) == 0
    states = {trial.params["batch_size"]: trial.state.name for trial in trials(here)}
    assert states["64"] == "COMPLETE" and states.get("0", "PRUNED") == "PRUNED"


def test_a_trial_behind_the_median_stops(here, monkeypatch):
    from papergym.agents.runner import tuning

    monkeypatch.setattr(tuning, "WARM_UP", 1)
    row = agent("ppo")
    search = Search(
        row,
        "",
        {"env": "CartPole-v1", "steps": 512, "n_steps": 64, "n_epochs": 2},
        (Space("gamma", 0.9, 0.999),),
        0,
        8,
        True,
        here / "tuned",
    )
    study = open_study(search, "")
    for value in (1e9, 1e9):
        good = study.ask()
        for step in range(9):
            good.report(value, step)
        study.tell(good, value)
    study.optimize(lambda trial: tuning.objective(search, trial), n_trials=1)
    trial = study.trials[-1]
    assert trial.state is optuna.trial.TrialState.PRUNED and 0 < len(trial.intermediate_values) < 9
    assert all(math.isfinite(value) for value in trial.intermediate_values.values())


def search_of(here, *space, preset="quick", given=None):
    row = agent("ppo")
    given = {"env": "CartPole-v1", "steps": "512", **(given or {})}
    return Search(row, preset, given, spaces_of(row, space), 0, 4, True, here / "tuned")


def test_a_default_outside_the_choices_is_not_tried(here):
    search = search_of(here, "entropy_coef=0.001,0.01", "gamma=0.9,0.99")
    assert search.defaults() == {"gamma": "0.99"}
    trial = open_study(search, "").ask()
    assert search.spaces[0].suggest(trial, whole=False) in ("0.001", "0.01")
    assert search.spaces[1].suggest(trial, whole=False) == "0.99"


def test_the_presets_own_values_are_tried_again_where_the_first_trial_failed(here):
    search = search_of(here, "gamma=0.9,0.99")
    study = open_study(search, "")
    study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)
    assert open_study(search, "").ask().suggest_categorical("gamma", ("0.9", "0.99")) == "0.99"


@pytest.mark.parametrize(
    "other",
    [
        {"space": ("gamma=0.9,0.95",)},
        {"preset": "paper"},
        {"given": {"steps": "256"}},
        {"given": {"n_envs": "2"}},
    ],
)
def test_a_study_of_another_search_is_refused(here, other):
    space = other.pop("space", ("gamma=0.9,0.99",))
    open_study(search_of(here, "gamma=0.9,0.99"), "")
    open_study(search_of(here, "gamma=0.9,0.99"), "")
    with pytest.raises(UsageError, match="begun with another search"):
        open_study(search_of(here, *space, **other), "")


def test_a_storage_that_is_none_is_said(here):
    with pytest.raises(UsageError, match="--storage nonsense cannot be used"):
        open_study(search_of(here, "gamma=0.9,0.99"), "nonsense")


def test_a_found_preset_holds_what_was_the_same_in_all_trials(here):
    search = search_of(here, "gamma=0.9,0.99", given={"n_envs": "4", "n_steps": "64", "eval_episodes": "3"})
    study = open_study(search, "")
    trial = study.ask()
    trial.suggest_categorical("gamma", ("0.9", "0.99"))
    study.tell(trial, 1.0)
    content = tomllib.loads(write_preset(search, study, "papergym tune").read_text())
    assert content["preset"] == {"n_envs": 4, "eval_episodes": 3, "n_steps": 64, "gamma": 0.99, "steps": 512}
    assert make_plan(agent("ppo"), str(search.folder / "preset.toml"), {"env": "CartPole-v1"}).run.n_envs == 4
