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
        return self._observe(), {}

    def step(self, action):
        self.count += 1
        end = self.np_random.random() < 0.05
        return self._observe(), float(-(action**2).sum()), end, self.count >= 20, {}

    def _observe(self):
        return self.np_random.normal(size=5)


class ImageDrift(Drift):
    """The same with images."""

    def __init__(self):
        super().__init__()
        self.observation_space = spaces.Box(0, 255, (3, 36, 36), np.uint8)

    def _observe(self):
        return self.np_random.integers(0, 256, (3, 36, 36), np.uint8)


class DictDrift(Drift):
    """The same with a dictionary of two entries."""

    def __init__(self):
        super().__init__()
        self.observation_space = spaces.Dict({"place": spaces.Box(-9, 9, (2, 2), np.float32), "key": spaces.Discrete(3)})

    def _observe(self):
        return {"place": self.np_random.normal(size=(2, 2)).astype(np.float32), "key": int(self.np_random.integers(3))}


@pytest.fixture
def image_drift():
    return ImageDrift


@pytest.fixture
def dict_drift():
    return DictDrift


@pytest.fixture
def make_sac():
    """Builds a small SAC on a tiny environment, filled and past its first updates where ``steps`` says so."""

    def build(steps: int = 0, cls=SAC, env=Drift, policy="MlpPolicy", **kwargs):
        defaults = {"buffer_size": 500, "learning_starts": 30, "batch_size": 16, "seed": 1, "device": "cpu"}
        defaults["policy_kwargs"] = {"net_arch": [32, 24]}
        model = cls(policy, env() if callable(env) else env, **{**defaults, **kwargs})
        if steps:
            model.learn(steps)
        return model

    return build
