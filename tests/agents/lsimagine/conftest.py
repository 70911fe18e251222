"""A small world with images, maps, closer views and signals, and an agent of a few thousand parameters in it."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym.agents.lsimagine.algorithm import Baseline, LSImagine
from papergym.agents.lsimagine.config import Config
from tests.agents.dreamerv3.conftest import TINY


class World(gym.Env):
    """Counts its steps. Every third step has a closer view, whose goal lies two steps or, every sixth step, never ahead.

    The score is the count; a step pays its count, and a tenth of it as intrinsic reward.
    """

    def __init__(self, length=9, truncated=False, action_space=None, side=16):
        image, heat = (spaces.Box(0, 255, (channels, side, side), np.uint8) for channels in (3, 1))
        two = {"is_zoomed": spaces.Discrete(2), "jump": spaces.Discrete(2)}
        self.observation_space = spaces.Dict(
            {"image": image, "affordance": heat, "zoomed": image, "zoomed_affordance": heat, **two}
        )
        self.action_space = action_space or spaces.Discrete(3)
        self.length, self.cut = length, truncated

    def seen(self):
        zoomed = self.count % 3 == 1
        number = self.count % 100
        filled = {"image": 2 * number, "affordance": number, "zoomed": 100 + number, "zoomed_affordance": 50}
        images = {key: np.full(self.observation_space[key].shape, value, np.uint8) for key, value in filled.items()}
        return {**images, "is_zoomed": int(zoomed), "jump": int(zoomed and self.count % 2 == 1)}

    def info(self):
        goal = self.count + 1.5 if self.count % 6 == 1 else 1e9
        signals = {"intrinsic": 0.1 * self.count, "score": float(self.count), "view_score": goal, "view_intrinsic": 0.5}
        return {**signals, "jump_threshold": 0.25 * self.count, "jump_probability": 0.5}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return self.seen(), self.info()

    def step(self, action):
        assert self.action_space.contains(action), action
        self.count += 1
        over = self.count == self.length
        return self.seen(), float(self.count), over and not self.cut, over and self.cut, self.info()

    def get_state(self):
        return {"count": self.count}

    def set_state(self, state):
        self.count = state["count"]


class Stateless(World):
    """Offers no state."""

    def __getattribute__(self, name):
        if name in ("get_state", "set_state"):
            raise AttributeError(name)
        return super().__getattribute__(name)


def settings(**changes):
    small = {"size": "1M", "batch_size": 3, "batch_length": 6, "imagined_steps": 4, "buffer_size": 400}
    return Config(**{**small, "train_ratio": 9.0, "learning_starts": 20, "warmup": 2, "learning_rate": 1e-3, **changes})


@pytest.fixture
def tiny(monkeypatch):
    """Networks of a few thousand parameters under the name 1M."""
    monkeypatch.setattr(Config, "widths", lambda self: TINY)


@pytest.fixture
def make_agent(tiny):
    """An agent in copies of the world."""

    def make(*, n_envs=1, seed=0, world=None, env=None, **changes):
        config = settings(**changes)
        made = env or (lambda: gym.wrappers.TimeLimit(World(**(world or {})), 1000))
        venv = DummyVecEnv([made] * n_envs)
        if config.baseline:
            return Baseline("ImagePolicy", venv, config, seed=seed, device="cpu")
        return LSImagine("LSImaginePolicy", venv, config, seed=seed, device="cpu")

    return make


ID = "LSImagineTiny-v0"


@pytest.fixture
def tiny_id(tiny):
    """Id of the world, for runs by name."""
    gym.register(ID, entry_point=World, max_episode_steps=1000)
    yield ID
    del gym.registry[ID]
