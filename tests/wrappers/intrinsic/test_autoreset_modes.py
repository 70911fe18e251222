"""A vector environment that does not keep to its autoreset mode is found out; steps in which few environments act."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from papergym import wrappers
from papergym.wrappers.intrinsic import KNNNovelty


@pytest.fixture
def make(worlds):
    return lambda index: worlds.Script(seed=index)


def test_declared_mode_must_agree():
    envs = gym.make_vec("CartPole-v1", 2)
    with pytest.raises(ValueError, match="declare"):
        wrappers.vector.IntrinsicReward(envs, KNNNovelty(), autoreset_mode=AutoresetMode.SAME_STEP)


def test_undeclared_mode_must_be_given():
    envs = gym.make_vec("CartPole-v1", 2)
    envs.unwrapped.metadata = {}
    with pytest.raises(ValueError, match="pass autoreset_mode"):
        wrappers.vector.IntrinsicReward(envs, KNNNovelty())
    wrapper = wrappers.vector.IntrinsicReward(envs, KNNNovelty(), autoreset_mode=AutoresetMode.NEXT_STEP)
    assert wrapper.mode is AutoresetMode.NEXT_STEP


@pytest.mark.parametrize(("true", "claimed"), [("SAME_STEP", "NEXT_STEP"), ("NEXT_STEP", "SAME_STEP")])
def test_a_false_claim_is_found_at_the_first_end(true, claimed, make):
    envs = SyncVectorEnv([lambda: make(0)], autoreset_mode=AutoresetMode[true])
    envs.metadata = {}
    wrapper = wrappers.vector.IntrinsicReward(envs, KNNNovelty(), autoreset_mode=AutoresetMode[claimed])
    wrapper.reset()
    with pytest.raises(ValueError, match="final_obs"):
        for _ in range(4):
            wrapper.step(np.zeros(1, int))


def test_a_forgotten_reset_is_named(make):
    wrapper = wrappers.NoveltyReward(SyncVectorEnv([lambda: make(0)], autoreset_mode=AutoresetMode.DISABLED))
    wrapper.reset()
    with pytest.raises(ValueError, match="reset_mask"):
        for _ in range(5):
            wrapper.step(np.zeros(1, int))


def test_a_batch_memory_lives_through_steps_where_few_act(worlds, reference):
    """Under NEXT_STEP the environments that are reset are not in the batch: those that act are each other's neighbours."""
    envs = SyncVectorEnv(
        [lambda i=i: worlds.Script(seed=i, lengths=(3, 5, 1, 4)[i % 2 :]) for i in range(3)],
        autoreset_mode=AutoresetMode.NEXT_STEP,
    )
    wrapper = wrappers.add_intrinsic_reward(envs, "KNNNovelty", memory="batch", k=2, aggregate="mean", normalize=False)
    wrapper.reset(seed=0)
    acting = set()
    for _ in range(24):
        obs, *_, info = wrapper.step(np.zeros(3, int))
        acted = info["_reward_intrinsic"]
        rows = list(obs[acted])
        acting.add(len(rows))
        for i, paid in enumerate(info["reward_intrinsic"][acted]):
            found = reference.nearest(rows[i], rows[:i] + rows[i + 1 :], 2)
            assert paid == pytest.approx(np.mean(found) if found else 0.0, rel=1e-5)
        assert (info["reward_intrinsic"][~acted] == 0).all()
    assert acting >= {1, 2, 3}
