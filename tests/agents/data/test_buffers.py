"""Datasets as SB3's replay buffers, and back."""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer
from stable_baselines3.common.env_util import make_vec_env

from papergym.agents.data.buffers import from_replay_buffer, to_replay_buffer
from papergym.agents.data.dataset import Dataset, Episode
from papergym.agents.errors import UsageError
from papergym.agents.replay.uniform import PackedReplayBuffer

SEEN, TAKEN = gym.spaces.Box(-8, 8, (3,)), gym.spaces.Box(-2, 4, (2,))


@pytest.fixture
def data():
    generator = np.random.default_rng(0)
    parts = [
        Episode(
            generator.normal(size=(steps + 1, 3)).astype(np.float32),
            generator.uniform(-2, 4, (steps, 2)).astype(np.float32),
            generator.normal(size=steps).astype(np.float32),
            ended,
        )
        for steps, ended in ((4, True), (3, False), (5, True))
    ]
    return Dataset.from_episodes(parts, SEEN, TAKEN)


def test_there_and_back(data):
    buffer = to_replay_buffer(data, device="cpu")
    assert buffer.size() == 12 and buffer.full
    back = from_replay_buffer(buffer)
    np.testing.assert_array_equal(back.starts, data.starts)
    np.testing.assert_array_equal(back.terminated, data.terminated)
    np.testing.assert_array_equal(back.observations, data.observations)
    np.testing.assert_allclose(back.actions, data.actions, atol=1e-6)
    np.testing.assert_array_equal(back.rewards, data.rewards)


def test_samples_bootstrap_past_time_limits(data):
    """Every sampled transition is one of the data's; ``dones`` says that the task ended, not that time was up."""
    np.random.seed(0)  # noqa: NPY002  (SB3's buffer draws from it)
    batch = to_replay_buffer(data, device="cpu").sample(200)
    for seen, action, following, done in zip(batch.observations, batch.actions, batch.next_observations, batch.dones):
        (row,) = np.flatnonzero((data.observations == seen.numpy()).all(1))
        np.testing.assert_array_equal(data.next_observations[row], following.numpy())
        np.testing.assert_allclose((data.actions[row] - 1) / 3, action.numpy(), atol=1e-6)  # [-2, 4] to [-1, 1]
        assert bool(done) == data.terminated[row]


def test_a_buffer_that_sb3_filled():
    """The buffer has gone round: what is left of the oldest episode, whole ones, and the running one."""
    model = SAC("MlpPolicy", "Pendulum-v1", buffer_size=300, learning_starts=10_000, seed=0, device="cpu")
    model.learn(450)
    data = from_replay_buffer(model.replay_buffer)
    assert list(data.lengths) == [50, 200, 50] and not data.terminated.any()
    assert np.abs(data.actions).max() > 1  # in the environment's units


def test_what_cannot_be_used(data):
    with pytest.raises(UsageError):
        from_replay_buffer(ReplayBuffer(10, SEEN, TAKEN, device="cpu"))
    with pytest.raises(UsageError, match="optimize_memory_usage"):
        to_replay_buffer(data, device="cpu", optimize_memory_usage=True, handle_timeout_termination=False)
    endless = dataclasses.replace(data, action_space=spaces.Box(-np.inf, np.inf, data.action_space.shape))
    with pytest.raises(UsageError, match="expected a bounded Box of actions"):
        to_replay_buffer(endless, device="cpu")


@pytest.mark.parametrize("kind", [ReplayBuffer, PackedReplayBuffer])
def test_discrete_actions(kind):
    seen = np.arange(18, dtype=np.float32).reshape(6, 3)
    data = Dataset.from_episodes([Episode(seen, np.array([0, 4, 2, 1, 3]), np.ones(5), True)], SEEN, gym.spaces.Discrete(5))
    back = from_replay_buffer(to_replay_buffer(data, kind, device="cpu"))
    assert back.actions.tolist() == [0, 4, 2, 1, 3] and back.digest == data.digest
    np.testing.assert_array_equal(back.next_observations, data.next_observations)


@pytest.mark.parametrize("kind", [ReplayBuffer, PackedReplayBuffer])
def test_two_environments(kind):
    """More steps than the buffer holds: each transition is what the environment does."""
    kwargs = {"learning_starts": 1_000, "buffer_size": 700, "device": "cpu", "seed": 0, "replay_buffer_class": kind}
    model = SAC("MlpPolicy", make_vec_env("Pendulum-v1", 2, seed=0), **kwargs).learn(900)
    data = from_replay_buffer(model.replay_buffer)
    assert list(data.lengths) == [100, 200, 50] * 2 and not data.terminated.any() and np.abs(data.actions).max() > 1
    env = gym.make("Pendulum-v1")
    for row in (0, 99, 100, 349, 350, 699):
        env.reset()
        cosine, sine, speed = data.observations[row].astype(float)
        env.unwrapped.state = np.array([np.arctan2(sine, cosine), speed])
        observation, reward, *_ = env.step(data.actions[row])
        np.testing.assert_allclose(observation, data.next_observations[row], atol=1e-4)
        assert reward == pytest.approx(data.rewards[row], abs=1e-3)


def test_dict_observations():
    pairs = gym.spaces.Dict({"a": SEEN})
    with pytest.raises(UsageError, match="Flatten"):
        from_replay_buffer(DictReplayBuffer(10, pairs, TAKEN, device="cpu"))
