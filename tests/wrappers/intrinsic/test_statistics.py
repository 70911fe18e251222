"""Statistics of the rewards in infos are those of the rewards paid, in all three kinds of environment."""

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import KVWriter, Logger

from papergym.wrappers import CountReward
from papergym.wrappers.intrinsic import RewardStatistics
from papergym.wrappers.intrinsic.statistics import WINDOW
from papergym.wrappers.sb3 import LogIntrinsicReward


class Kept(KVWriter):
    """The last value of each number."""

    def __init__(self):
        self.numbers = {}

    def write(self, key_values, key_excluded, step=0):
        self.numbers |= key_values

    def close(self):
        pass


def expected(intrinsic, extrinsic):
    late, own = np.array(intrinsic[-WINDOW:]), np.array(extrinsic[-WINDOW:])
    return {"reward_mean": late.mean(), "reward_std": late.std(), "reward_max": late.max(), "extrinsic_mean": own.mean()}


def check(numbers, wanted):
    for name, value in wanted.items():
        assert numbers[f"intrinsic/{name}"] == pytest.approx(value), name


def test_one_environment():
    env, statistics = CountReward(gym.make("CartPole-v1")), RewardStatistics()
    assert statistics.numbers() == {}
    env.reset(seed=0)
    env.action_space.seed(0)
    paid: list[tuple[float, float]] = []
    returns: list[float] = []
    first = 0
    for _ in range(1300):
        _, _, terminated, truncated, info = env.step(env.action_space.sample())
        statistics.add(info, terminated or truncated)
        paid.append((info["reward_intrinsic"], info["reward_extrinsic"]))
        if terminated or truncated:
            returns.append(len(paid) - first)  # CartPole pays 1 a step
            first = len(paid)
            env.reset()
    check(statistics.numbers(), expected(*zip(*paid)) | {"extrinsic_return": np.mean(returns)})


def test_a_vector_environment_counts_only_environments_that_acted():
    envs, statistics = CountReward(gym.make_vec("CartPole-v1", 3)), RewardStatistics()
    envs.reset(seed=0)
    envs.action_space.seed(0)
    paid: list[tuple[float, float]] = []
    ended, length, returns = np.zeros(3, bool), np.zeros(3), []
    for _ in range(200):
        _, _, terminated, truncated, info = envs.step(envs.action_space.sample())
        statistics.add(info, terminated | truncated)
        paid += [(info["reward_intrinsic"][i], 1.0) for i in range(3) if not ended[i]]  # NEXT_STEP: the other steps reset
        length += ~ended
        ended = terminated | truncated
        returns += length[ended].tolist()  # CartPole pays 1 a step
        length[ended] = 0
    assert ended.any() or len(paid) < 600
    check(statistics.numbers(), expected(*zip(*paid)) | {"extrinsic_return": np.mean(returns)})


@pytest.mark.parametrize("algorithm", [PPO, DQN])
def test_any_stable_baselines3_run(algorithm):
    venv = CountReward(make_vec_env("CartPole-v1", 2, seed=0))
    arguments = {"n_steps": 64, "batch_size": 64} if algorithm is PPO else {"learning_starts": 20, "train_freq": 16}
    model, kept, callback = algorithm("MlpPolicy", venv, seed=0, device="cpu", **arguments), Kept(), LogIntrinsicReward()
    model.set_logger(Logger(None, [kept]))
    model.learn(512, callback=callback, log_interval=1)
    model.logger.dump()
    assert kept.numbers["intrinsic/reward_mean"] > 0 and kept.numbers["intrinsic/extrinsic_return"] > 5
    assert kept.numbers["intrinsic/extrinsic_mean"] == pytest.approx(1.0)


def test_without_the_wrapper_the_error_names_it():
    statistics = RewardStatistics()
    for infos in ({"frames": 1}, [{"frames": 1}, {}]):
        with pytest.raises(ValueError, match=r"Expected reward_intrinsic in the infos, got \['frames'\]"):
            statistics.add(infos, False)
    assert statistics.numbers() == {}
