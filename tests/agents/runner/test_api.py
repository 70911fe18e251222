"""Runs from Python: the same as from the command line."""

from pathlib import Path
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3 as sb3

import papergym
from papergym.agents.errors import UsageError
from papergym.agents.run import main
from papergym.agents.runner.folder import RunFolder, eval_rounds, read_plan
from papergym.agents.runner.session import Session

SETTINGS = {"steps": 512, "n_steps": 128, "eval_episodes": 2, "video": False, "seed": 3}


def test_train_and_load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = papergym.train("ppo", "Pendulum-v1", run_folder="mine", **SETTINGS)
    assert run.summary["steps"] == 512 and (run.folder / "model.zip").is_file()
    model, env = run.load()
    assert isinstance(model, sb3.PPO) and isinstance(env, gym.Env) and env.spec.id == "Pendulum-v1"
    env.close()
    words = ["--steps", "512", "--n-steps", "128", "--eval-episodes", "2", "--no-video", "--seed", "3"]
    assert main(["train", "ppo", "--env", "Pendulum-v1", *words, "--run-folder", "theirs"]) == 0
    assert eval_rounds(run.folder) == eval_rounds(tmp_path / "theirs")
    assert papergym.train("ppo", run_folder="mine", resume=True).summary == run.summary  # finished: nothing is done again


def test_what_cannot_be_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    papergym.train("ppo", "Pendulum-v1", run_folder="mine", **SETTINGS)
    with pytest.raises(UsageError, match="already holds a run"):
        papergym.train("ppo", "Pendulum-v1", run_folder="mine", **SETTINGS)
    with pytest.raises(UsageError, match="learning_rat"):
        papergym.train("ppo", "Pendulum-v1", learning_rat=1e-3)
    with pytest.raises(UsageError, match="unknown agent"):
        papergym.train("pppo")
    with pytest.raises(UsageError, match="no run at"):
        papergym.load("nowhere")
    with pytest.raises(AttributeError, match="papergym has no 'lead'"):
        papergym.lead  # noqa: B018


def test_a_run_that_goes_on_keeps_its_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kwargs = {"env_kwargs": ("g=9.5", "render_mode=rgb_array")}
    run = papergym.train("ppo", "Pendulum-v1", run_folder="mine", **SETTINGS, **kwargs)

    def go_on(agent="ppo", env="", **given):
        return papergym.train(agent, env, run_folder="mine", resume=True, **given).summary

    for given in ({}, {"steps": 512}, {"env_kwargs": ("g=9.5",)}, {"env": "Pendulum-v1"}, {"video": True, **SETTINGS}):
        assert go_on(**given) == run.summary
    for given, said in (
        ({"agent": "sac"}, "is a run of ppo, not of sac"),
        ({"env": "CartPole-v1"}, "the run's environment is Pendulum-v1"),
        ({"steps": 99}, "steps: the run has 512, given 99"),
        ({"gamma": 0.5}, "gamma: the run has"),
        ({"preset": "paper"}, "preset: the run has 'quick', given 'paper'"),
        ({"env_kwargs": ("g=3.0",)}, "has g=9.5, got --env-kwargs g=3.0"),
        ({"env_kwargs": ("h=3.0",)}, "has no argument h"),
        ({"gama": 0.5}, "Did you mean gamma"),
    ):
        with pytest.raises(UsageError, match=said):
            go_on(**given)


def test_what_evaluations_are_told_confirms_the_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    papergym.train("ppo", "Pendulum-v1", run_folder="mine", env_kwargs=("g=9.5",), **SETTINGS)
    assert main(["evaluate", "mine", "--episodes", "1", "--env", "Pendulum-v1", "--env-kwargs", "g=9.5"]) == 0
    for words, said in (
        (["--env", "CartPole-v1"], "the run's environment is Pendulum-v1"),
        (["--env-kwargs", "g=1.0"], "has g=9.5"),
        (["--video", "film"], "--video writes an .mp4"),
    ):
        assert main(["evaluate", "mine", "--episodes", "1", *words]) == 2
        assert said in capsys.readouterr().err
    with pytest.raises(UsageError, match=r"has g=9\.5"):
        papergym.load("mine", env_kwargs=("g=1.0",))


def test_numbers_of_numpy_and_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {**SETTINGS, "seed": np.int64(3), "steps": np.float64(512), "learning_rate": np.float32(0.25)}
    run = papergym.train("ppo", "Pendulum-v1", run_folder=Path("mine"), **given)
    plan = read_plan(run.folder)
    assert (plan.run.seed, plan.run.steps, plan.config.learning_rate) == (3, 512, 0.25) and type(plan.run.seed) is int


def test_a_run_is_finished_before_its_checkpoints_go(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def interrupted(folder):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "drop_checkpoints", interrupted)
        with pytest.raises(KeyboardInterrupt):
            papergym.train("ppo", "Pendulum-v1", run_folder="mine", keep_checkpoints=False, **SETTINGS)
    assert papergym.train("ppo", run_folder="mine", resume=True).summary["steps"] == 512


def test_an_error_before_learning_gives_the_folder_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    papergym.train("ppo", "Pendulum-v1", run_folder="mine", **SETTINGS)
    (tmp_path / "mine" / "summary.json").unlink()
    with monkeypatch.context() as patch:
        patch.setattr("papergym.agents.runner.train.build_learner", lambda plan: 1 / 0)
        with pytest.raises(ZeroDivisionError) as kept:
            papergym.train("ppo", run_folder="mine", resume=True)
    assert papergym.train("ppo", run_folder="mine", resume=True).summary["steps"] == 512
    assert kept.tb is not None


@pytest.mark.parametrize("steps, count", [(50_000, 3), (10, 6), (10, 10), (7, 3), (100, 7), (20, 20)])
def test_as_many_snapshots_as_were_asked_for(steps, count):
    session = SimpleNamespace(plan=SimpleNamespace(run=SimpleNamespace(steps=steps, snapshots=count)))
    due, done = [], 0
    while done < steps:
        done = Session._snapshot_after(session, done)
        due.append(done)
    assert len(due) == count and due[-1] == steps
    gaps = np.diff([0, *due])
    assert gaps.max() - gaps.min() <= 1
