"""A vector environment that does not keep to the autoreset mode it declares is found out."""

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
    door = wrappers.vector.IntrinsicReward(envs, KNNNovelty(), autoreset_mode=AutoresetMode.NEXT_STEP)
    assert door.mode is AutoresetMode.NEXT_STEP


@pytest.mark.parametrize(("true", "claimed"), [("SAME_STEP", "NEXT_STEP"), ("NEXT_STEP", "SAME_STEP")])
def test_a_false_claim_is_found_at_the_first_end(true, claimed, make):
    envs = SyncVectorEnv([lambda: make(0)], autoreset_mode=AutoresetMode[true])
    envs.metadata = {}
    door = wrappers.vector.IntrinsicReward(envs, KNNNovelty(), autoreset_mode=AutoresetMode[claimed])
    door.reset()
    with pytest.raises(ValueError, match="final_obs"):
        for _ in range(4):
            door.step(np.zeros(1, int))


def test_a_forgotten_reset_is_named(make):
    door = wrappers.NoveltyReward(SyncVectorEnv([lambda: make(0)], autoreset_mode=AutoresetMode.DISABLED))
    door.reset()
    with pytest.raises(ValueError, match="reset_mask"):
        for _ in range(5):
            door.step(np.zeros(1, int))
