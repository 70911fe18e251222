import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces

from papergym.agents.sac.algorithm import SAC

torch.set_num_threads(1)  # small networks; more threads only wait for each other


class Drift(gym.Env):
    """Noise as observations, a reward that depends on the action; ends by chance or after 20 steps."""

    def __init__(self):
        self.observation_space = spaces.Box(-np.inf, np.inf, (5,), np.float64)
        self.action_space = spaces.Box(-2.0, 1.0, (3,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return self.np_random.normal(size=5), {}

    def step(self, action):
        self.count += 1
        end = self.np_random.random() < 0.05
        return self.np_random.normal(size=5), float(-(action**2).sum()), end, self.count >= 20, {}


@pytest.fixture
def make_sac():
    """Builds a small SAC on a tiny environment, filled and past its first updates where ``steps`` says so."""

    def build(steps: int = 0, cls=SAC, env=Drift, **kwargs):
        defaults = {"buffer_size": 500, "learning_starts": 30, "batch_size": 16, "seed": 1, "device": "cpu"}
        defaults["policy_kwargs"] = {"net_arch": [32, 24]}
        model = cls("MlpPolicy", env() if callable(env) else env, **{**defaults, **kwargs})
        if steps:
            model.learn(steps)
        return model

    return build
