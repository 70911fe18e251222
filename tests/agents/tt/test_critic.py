"""The Q-function of another run as the search's heuristic."""

import shutil

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.td3.policies import TD3Policy

from papergym.agents.data.minari import load_dataset
from papergym.agents.errors import UsageError
from papergym.agents.run import main
from papergym.agents.runner.folder import eval_rounds
from papergym.agents.runner.load import load
from papergym.agents.tt.critic import run_critic

SHORT = ["--no-video", "--checkpoint-seconds", "0", "--eval-every", "0", "--eval-episodes", "1", "--device", "cpu"]
SMALL = [
    "--bins",
    "8",
    "--window",
    "2",
    "--width",
    "16",
    "--layers",
    "1",
    "--heads",
    "2",
    "--batch-size",
    "8",
    "--context",
    "2",
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_of_iql_ranks_plans(here, make_dataset):
    """Its Q-function is that of the policy which plain stable-baselines3 loads, in the units of the data's rewards."""
    rng = np.random.default_rng(0)
    folder = str(make_dataset("Pendulum-v1", lambda seen: rng.uniform(-2, 2, 1).astype(np.float32), episodes=3))
    iql = ["train", "iql", "--dataset", folder, "--updates", "20", "--hidden", "16", "16", "--run-folder"]
    assert main([*iql, "plain", "--no-scale-rewards", *SHORT]) == 0
    assert main([*iql, "scaled", "--scale-rewards", *SHORT]) == 0
    env = gym.make("Pendulum-v1")
    seen, done = torch.randn(7, 3), torch.rand(7, 1) * 4 - 2
    returns = load_dataset(folder).returns
    for name, unit in (("plain", 1.0), ("scaled", 1000 / np.ptp(returns))):
        policy = TD3Policy.load(here / name / "policy.zip")
        with torch.no_grad():
            both = policy.critic(seen, done / 2)  # actions from -2 to 2 as SB3's critics take them
        expected = torch.minimum(*both)[:, 0] / unit
        torch.testing.assert_close(run_critic(here / name, env, "cpu")(seen, done), expected, rtol=1e-4, atol=1e-5)
    tt = ["train", "tt", "--dataset", folder, "--updates", "20", "--horizon", "2", "--beam-width", "4", *SMALL, *SHORT]
    assert main([*tt, "--critic", "plain", "--run-folder", "with"]) == 0
    assert main([*tt, "--run-folder", "without"]) == 0
    assert eval_rounds(here / "with")[20] != eval_rounds(here / "without")[20]
    assert main(["evaluate", "with", "--episodes", "1"]) == 0
    learner, _ = load(here / "with")
    found = learner.policy.q_function(seen, done)
    torch.testing.assert_close(found, run_critic(here / "plain", env, "cpu")(seen, done))
    shutil.rmtree(folder)  # only scaled rewards need the data again
    torch.testing.assert_close(found, run_critic(here / "plain", env, "cpu")(seen, done))
    with pytest.raises(UsageError, match="there is no dataset"):
        run_critic(here / "scaled", env, "cpu")


def test_what_is_no_critic(here, make_dataset):
    folder = str(make_dataset("Pendulum-v1", lambda seen: np.zeros(1, np.float32), episodes=2))
    assert main(["train", "bc", "--dataset", folder, "--updates", "5", "--run-folder", "bc", *SHORT]) == 0
    with pytest.raises(UsageError, match="expected a run of td3bc, iql or cql on continuous actions, got"):
        run_critic("bc", gym.make("Pendulum-v1"), "cpu")
    td3bc = ["train", "td3bc", "--dataset", folder, "--updates", "5", "--hidden", "8", "--run-folder", "td3bc", *SHORT]
    assert main(td3bc) == 0
    with pytest.raises(UsageError, match=r"observation_space: expected shape \(2,\), got \(3,\)"):
        run_critic("td3bc", gym.make("MountainCarContinuous-v0"), "cpu")
    with pytest.raises(UsageError, match=r"no run|no such|config"):
        run_critic("nowhere", gym.make("Pendulum-v1"), "cpu")
