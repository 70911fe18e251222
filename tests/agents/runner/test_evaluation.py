"""Evaluations: the protocol of SB3's ``evaluate_policy``, in one environment and in several."""

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

from papergym.agents.runner.evaluation import Episode, evaluate
from papergym.agents.runner.sb3 import SB3Learner


@pytest.fixture(scope="module")
def model():
    return PPO("MlpPolicy", "CartPole-v1", n_steps=64, batch_size=64, n_epochs=1, seed=3, device="cpu")


@pytest.mark.parametrize(("envs", "episodes"), [(1, 4), (3, 7), (4, 4), (4, 2)])
def test_the_episodes_are_sb3s(model, envs, episodes):
    played = evaluate(SB3Learner(model, "CartPole-v1"), [gym.make("CartPole-v1") for _ in range(envs)], episodes, 5)
    venv = make_vec_env("CartPole-v1", envs, seed=10_005)
    returns, lengths = evaluate_policy(model, venv, episodes, return_episode_rewards=True, warn=False)
    assert [Episode(value, length) for value, length in zip(returns, lengths)] == played


class History:
    """Counts steps per environment in its state, and notes what it is shown."""

    def __init__(self):
        self.seen = []

    def generators(self):
        return ()

    def act(self, observation, first, reward, target, state, *, deterministic):
        ages = np.where(first, 0, 0 if state is None else state + 1)
        self.seen.append((ages, reward.copy(), target))
        return np.zeros((len(first), 1), np.float32), ages


def test_each_environment_has_its_own_history():
    """Ages restart with each episode and end with the last one; rewards are those of the step before."""
    learner = History()
    envs = [gym.make("Pendulum-v1", max_episode_steps=length) for length in (3, 5)]
    played = evaluate(learner, envs, 3, 0, target=7.0)
    assert [episode.length for episode in played] == [3, 5, 5]  # environment 0 plays one episode, environment 1 two
    assert [list(ages) for ages, _, _ in learner.seen] == [[0, 0], [1, 1], [2, 2], *[[0, age] for age in (3, 4, 0, 1, 2, 3, 4)]]
    assert all((reward[ages == 0] == 0).all() and (reward[ages > 0] < 0).all() for ages, reward, _ in learner.seen[:4])
    assert {target for _, _, target in learner.seen} == {7.0}
