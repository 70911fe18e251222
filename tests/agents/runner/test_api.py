"""Runs from Python: the same as from the command line."""

import gymnasium as gym
import pytest
import stable_baselines3 as sb3

import papergym
from papergym.agents.errors import UsageError
from papergym.agents.run import main
from papergym.agents.runner.folder import eval_rounds

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
