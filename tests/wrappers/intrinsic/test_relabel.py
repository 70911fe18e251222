"""Relabelled replay batches: what every library calls them, fresh rewards, and no state meeting itself."""

from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from papergym.wrappers.intrinsic import RND, EpisodicNovelty, KNNNovelty, relabel
from papergym.wrappers.sb3 import RelabelledReplayBuffer

RNG = np.random.default_rng(0)
OBS, NEXT = RNG.standard_normal((2, 12, 3)).astype(np.float32)
ACTION, REWARD = RNG.uniform(-1, 1, (12, 1)).astype(np.float32), RNG.standard_normal(12).astype(np.float32)


def sb3():
    obs, action, next_obs, reward = map(torch.from_numpy, (OBS, ACTION, NEXT, REWARD[:, None]))
    return ReplayBufferSamples(obs, action, next_obs, torch.zeros(12, 1), reward), lambda batch: batch.rewards[:, 0].numpy()


def plain():
    return {"obs": OBS, "action": ACTION, "next_obs": NEXT, "reward": REWARD}, lambda batch: batch["reward"]


def tianshou_like():
    return SimpleNamespace(obs=OBS, act=ACTION, obs_next=NEXT, rew=REWARD), lambda batch: batch.rew


@pytest.mark.parametrize("kind", [sb3, plain, tianshou_like])
@pytest.mark.parametrize("bonus", [lambda: KNNNovelty(memory="batch", k=2), lambda: RND(warmup=0)])
def test_batches_of_every_library(kind, bonus):
    batch, rewards = kind()
    expected = bonus().reward(NEXT)
    added = relabel(batch, bonus(), weight=0.5)
    assert type(added) is type(batch)
    np.testing.assert_allclose(rewards(added), REWARD + 0.5 * expected, rtol=1e-5)
    np.testing.assert_array_equal(rewards(batch), REWARD)  # the batch given is left as it was
    np.testing.assert_allclose(rewards(relabel(batch, bonus(), mix="replace")), expected, rtol=1e-5)


def test_observing_is_a_choice():
    bonus = KNNNovelty(k=1)
    relabel(plain()[0], bonus, observe=False)
    assert bonus.ring is None or len(bonus.ring) == 0
    relabel(plain()[0], bonus)
    assert bonus.ring is not None and len(bonus.ring) == 12


def test_a_stored_state_is_not_its_own_neighbour():
    bonus = KNNNovelty(k=1)
    bonus.observe(NEXT)
    others = np.linalg.norm(NEXT[:, None].astype(np.float64) - NEXT[None], axis=-1)
    np.fill_diagonal(others, np.inf)
    got = relabel(plain()[0], bonus, mix="replace", observe=False)["reward"]
    np.testing.assert_allclose(got, others.min(1), rtol=1e-5)
    with_self = KNNNovelty(k=1, exclude_self=False)
    with_self.observe(NEXT)
    assert (relabel(plain()[0], with_self, mix="replace", observe=False)["reward"] == 0).all()


def test_refusals():
    with pytest.raises(ValueError, match="episodic and cannot score replayed"):
        relabel(plain()[0], EpisodicNovelty())
    with pytest.raises(ValueError, match="no next_obs: looked for"):
        relabel({"obs": OBS, "reward": REWARD}, KNNNovelty())
    with pytest.raises(ValueError, match="mix is one of"):
        relabel(plain()[0], KNNNovelty(), mix="times")


def test_sac_replays_fresh_rewards():
    options = {"bonus": "KNNNovelty", "bonus_arguments": {"k": 1, "size": 500}, "mix": "replace"}
    env = gym.make("Pendulum-v1", max_episode_steps=30)
    model = SAC(
        "MlpPolicy", env, learning_starts=50, seed=0, replay_buffer_class=RelabelledReplayBuffer,
        replay_buffer_kwargs=options, policy_kwargs={"net_arch": [16]}, buffer_size=500,
    )  # fmt: skip
    model.learn(80)
    buffer: Any = model.replay_buffer
    assert len(buffer.bonus.ring) == 80
    stored = buffer.next_observations[:80, 0]
    samples = buffer.sample(64)
    others = np.linalg.norm(samples.next_observations.numpy()[:, None].astype(np.float64) - stored[None], axis=-1)
    others[others == 0] = np.inf
    np.testing.assert_allclose(samples.rewards[:, 0], others.min(1), rtol=1e-4)
    final = np.flatnonzero(buffer.dones[:80, 0])[0]
    assert final == 29  # its next observation is the final one of the episode, not that of the reset
    assert np.linalg.norm(stored[final] - buffer.observations[final + 1, 0]) > 0
