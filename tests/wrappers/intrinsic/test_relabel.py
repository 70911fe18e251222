"""Relabelled replay batches: what every library calls them, fresh rewards, and no state meeting itself."""

import copy
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import SAC
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from papergym.wrappers.intrinsic import RND, EpisodicNovelty, KNNNovelty, relabel
from papergym.wrappers.sb3 import RelabelledDictReplayBuffer, RelabelledReplayBuffer

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


@pytest.mark.parametrize("mix", ["add", "replace"])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("kind", ["numpy", "torch", "list"])
def test_rewards_of_every_type_keep_the_intrinsic_one(kind, dtype, mix):
    whole = np.arange(12) % 2
    rewards = {
        "numpy": whole.astype(dtype), "torch": torch.from_numpy(whole).to(getattr(torch, dtype)), "list": whole.tolist()
    }[kind]  # fmt: skip
    bonus = KNNNovelty(memory="batch", k=2)
    expected = 0.3 * KNNNovelty(memory="batch", k=2).reward(NEXT).astype(np.float64) + (whole if mix == "add" else 0)
    got = relabel({**plain()[0], "reward": rewards}, bonus, weight=0.3, mix=mix)["reward"]
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-6)
    assert isinstance(got, torch.Tensor) == (kind == "torch")
    wanted = "float64" if dtype == "float64" and kind != "list" and (mix == "add" or kind == "torch") else "float32"
    assert np.asarray(got).dtype == wanted


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


def replayed(env: Any, options: dict[str, Any], steps: int) -> Any:
    """The buffer of a small SAC after some steps."""
    model = SAC(
        "MlpPolicy", env, learning_starts=50, seed=0, replay_buffer_class=RelabelledReplayBuffer,
        replay_buffer_kwargs=options, policy_kwargs={"net_arch": [16]}, buffer_size=500,
    )  # fmt: skip
    return model.learn(steps).replay_buffer


@pytest.mark.parametrize("observe", ["stored", "sampled"])
def test_normalised_samples_are_scored_as_they_were_stored(observe):
    """VecNormalize is for the learner: the bonus has observed raw observations and must meet such again."""
    venv = VecNormalize(DummyVecEnv([lambda: gym.make("Pendulum-v1", max_episode_steps=30)] * 2))
    options = {"bonus": "KNNNovelty", "bonus_arguments": {"k": 1, "size": 500}, "weight": 0.5, "observe": observe}
    buffer = replayed(venv, options, 120)
    np.random.seed(0)  # noqa: NPY002 (what stable-baselines3 draws with)
    bonus = copy.deepcopy(buffer.bonus)
    got = buffer.sample(40, env=venv)
    np.random.seed(0)  # noqa: NPY002
    raw = ReplayBuffer.sample(buffer, 40)
    np.random.seed(0)  # noqa: NPY002
    normalised = ReplayBuffer.sample(buffer, 40, env=venv)
    others = np.linalg.norm(raw.next_observations.numpy()[:, None].astype(np.float64) - bonus.ring.held[0][None], axis=-1)
    if observe == "stored":
        np.testing.assert_array_equal(np.sort(bonus.ring.held[0], 0), np.sort(buffer.next_observations[:60].reshape(-1, 3), 0))
    copies = (others == 0).sum(1)
    nearest = np.sort(others, 1)[np.arange(40), np.minimum(copies, 1)]  # one copy is the state itself
    np.testing.assert_allclose(got.rewards[:, 0], normalised.rewards[:, 0].numpy() + 0.5 * nearest, rtol=1e-4, atol=1e-5)
    for name in ("observations", "next_observations", "actions", "dones"):
        np.testing.assert_array_equal(getattr(got, name), getattr(normalised, name))


def test_dict_observations_and_a_saved_buffer(tmp_path):
    class Named(gym.ObservationWrapper):
        def __init__(self, env):
            super().__init__(env)
            self.observation_space = gym.spaces.Dict(body=env.observation_space)

        def observation(self, observation):
            return {"body": observation}

    def build():
        options = {"bonus": "KNNNovelty", "bonus_arguments": {"k": 2}, "mix": "replace"}
        return SAC(
            "MultiInputPolicy", Named(gym.make("Pendulum-v1")), learning_starts=30, seed=0,
            replay_buffer_class=RelabelledDictReplayBuffer, replay_buffer_kwargs=options, policy_kwargs={"net_arch": [16]},
            buffer_size=500,
        )  # fmt: skip

    model = build().learn(50)
    model.save_replay_buffer(tmp_path / "buffer.pkl")
    again = build()
    again.load_replay_buffer(tmp_path / "buffer.pkl")
    rewards = []
    for buffer in (model.replay_buffer, again.replay_buffer):
        np.random.seed(3)  # noqa: NPY002
        rewards.append(buffer.sample(32).rewards.numpy())
    np.testing.assert_array_equal(*rewards)
    stored = model.replay_buffer.next_observations["body"][:50, 0].astype(np.float64)
    np.random.seed(3)  # noqa: NPY002
    drawn = model.replay_buffer.sample(32).next_observations["body"].numpy().astype(np.float64)
    distances = np.sort(np.linalg.norm(drawn[:, None] - stored[None], axis=-1), 1)
    np.testing.assert_allclose(rewards[0][:, 0], distances[:, 2], rtol=1e-4, atol=1e-6)  # the 0th is the state itself


def test_the_buffer_refuses_at_once():
    def build(bonus, space=gym.spaces.Box(-1, 1, (3,)), buffer=RelabelledReplayBuffer, **options):  # noqa: B008
        return buffer(100, space, gym.spaces.Discrete(2), bonus=bonus, **options)

    with pytest.raises(ValueError, match="EpisodicNovelty is episodic"):
        build("EpisodicNovelty")
    with pytest.raises(ValueError, match="observe='sampled' in a RelabelledReplayBuffer"):
        build("APT")
    assert build("APT", observe="sampled").bonus.k == 12
    with pytest.raises(ValueError, match="go into a RelabelledDictReplayBuffer"):
        build("RND", gym.spaces.Dict(a=gym.spaces.Discrete(2)))
    with pytest.raises(ValueError, match="go into a RelabelledReplayBuffer"):
        build("RND", buffer=RelabelledDictReplayBuffer)


def test_sac_replays_fresh_rewards():
    options = {"bonus": "KNNNovelty", "bonus_arguments": {"k": 1, "size": 500}, "mix": "replace"}
    env = gym.make("Pendulum-v1", max_episode_steps=30)
    buffer = replayed(env, options, 80)
    assert len(buffer.bonus.ring) == 80
    stored = buffer.next_observations[:80, 0]
    samples = buffer.sample(64)
    others = np.linalg.norm(samples.next_observations.numpy()[:, None].astype(np.float64) - stored[None], axis=-1)
    others[others == 0] = np.inf
    np.testing.assert_allclose(samples.rewards[:, 0], others.min(1), rtol=1e-4)
    final = np.flatnonzero(buffer.dones[:80, 0])[0]
    assert final == 29  # its next observation is the final one of the episode, not that of the reset
    assert np.linalg.norm(stored[final] - buffer.observations[final + 1, 0]) > 0
