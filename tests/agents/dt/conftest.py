"""What the tests of the Decision Transformer share."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from papergym.agents.data.dataset import Dataset, Episode
from papergym.agents.dt.config import Config
from papergym.agents.dt.learner import DecisionTransformer
from papergym.agents.dt.policy import DecisionTransformerPolicy

BOX = gym.spaces.Box(-8, 8, (3,), np.float32)
ACTIONS = {"box": gym.spaces.Box(np.float32([-2, 0]), np.float32([2, 5])), "discrete": gym.spaces.Discrete(4, start=1)}
SMALL = {"context": 4, "width": 8, "layers": 2, "heads": 2, "max_timestep": 30}


class Spaces(gym.Env):
    """An environment for its spaces, in which any action pays 1 and episodes have 5, 6, 7, ... steps."""

    def __init__(self, observation_space=BOX, action_space=ACTIONS["box"]):
        self.observation_space, self.action_space, self.length = observation_space, action_space, 4

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time, self.length = 0, self.length + 1
        return self.np_random.uniform(-1, 1, 3).astype(np.float32), {}

    def step(self, action):
        assert self.action_space.contains(action)
        self.time += 1
        return self.np_random.uniform(-1, 1, 3).astype(np.float32), 1.0, self.time == self.length, False, {}


class Hooks:
    """Nothing happens between the updates."""

    def safe_point(self):
        pass

    def progress(self):
        pass


@pytest.fixture
def spaces_env():
    return Spaces


@pytest.fixture
def hooks():
    return Hooks()


@pytest.fixture
def make_policy():
    """A small policy whose every parameter and statistic is a random number."""

    def make(kind="box", seed=0, **more):
        torch.manual_seed(seed)
        policy = DecisionTransformerPolicy(BOX, ACTIONS[kind], **{**SMALL, **more})
        with torch.no_grad():
            for value in policy.parameters():
                value.copy_(torch.randn_like(value) * 0.3)
            policy.state_mean.normal_()
            policy.state_std.uniform_(0.5, 2)
            policy.return_scale.fill_(7.0)
            policy.target.fill_(20.0)
            policy.returns_range.copy_(torch.tensor([-30.0, 30.0]))
        return policy

    return make


@pytest.fixture
def make_data():
    """Episodes of random steps; the returns rise with their number."""

    def make(kind="box", lengths=(5, 9, 2), seed=0):
        rng, space = np.random.default_rng(seed), ACTIONS[kind]
        space.seed(seed)
        episodes = [
            Episode(
                rng.normal(size=(length + 1, 3)).astype(np.float32),
                np.stack([space.sample() for _ in range(length)]),
                rng.normal(number, 0.5, length),
                True,
            )
            for number, length in enumerate(lengths)
        ]
        return Dataset.from_episodes(episodes, BOX, space)

    return make


@pytest.fixture
def make_learner(make_data):
    def make(kind="box", data=None, seed=0, **settings):
        data = make_data(kind) if data is None else data
        config = Config(**{**SMALL, "batch_size": 8, "warmup": 0, **settings})
        return DecisionTransformer(Spaces(action_space=ACTIONS[kind]), config, data, seed=seed, device="cpu")

    return make
