import copy

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.sac.policies import SACPolicy

torch.set_num_threads(1)

BOX = gym.spaces.Box(-np.inf, np.inf, (5,), np.float32)


@pytest.fixture
def sac_policy():
    """Stable-baselines3's policy of SAC: 5 observations, 3 actions, ReLU networks of unequal widths."""

    def build(**kwargs):
        torch.manual_seed(0)
        actions = gym.spaces.Box(-1, 1, (3,), np.float32)
        return SACPolicy(BOX, actions, lambda _: 1e-3, **{"net_arch": [32, 24], **kwargs})

    return build


@pytest.fixture
def actor_critic():
    """Stable-baselines3's policy of PPO: 5 observations, 2 continuous or 3 discrete actions, tanh networks."""

    def build(discrete=False, hidden=(8, 6), **kwargs):
        torch.manual_seed(0)
        actions = gym.spaces.Discrete(3) if discrete else gym.spaces.Box(-1, 1, (2,), np.float32)
        return ActorCriticPolicy(BOX, actions, lambda _: 1e-3, net_arch=list(hidden), **kwargs)

    return build


@pytest.fixture
def twin():
    """A copy that shares nothing."""
    return copy.deepcopy
