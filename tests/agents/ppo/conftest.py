import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize

from papergym.agents.ppo.algorithm import PPO
from papergym.agents.ppo.fast import Batch

torch.set_num_threads(1)


class LineWalk(gym.Env):
    """A point on a line: action moves it, reward is minus the distance; ends by leaving [-3, 3] or after ``limit`` steps."""

    def __init__(self, discrete=False, limit=20):
        self.observation_space = spaces.Box(-10.0, 10.0, (3,), np.float64)
        self.action_space = spaces.Discrete(3) if discrete else spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.discrete, self.limit = discrete, limit

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at, self.speed, self.count = self.np_random.uniform(-2, 2), 0.0, 0
        return self._observe(), {}

    def step(self, action):
        push = float(action) - 1 if self.discrete else float(np.sum(action))
        self.speed = 0.8 * self.speed + 0.3 * push + self.np_random.normal(0, 0.05)
        self.at += self.speed
        self.count += 1
        terminated = abs(self.at) > 3
        return self._observe(), -abs(self.at), terminated, self.count >= self.limit, {}

    def _observe(self):
        return np.array([self.at, self.speed, 1.0])


@pytest.fixture
def line_walk():
    return LineWalk


@pytest.fixture
def make_ppo():
    def make(*, discrete=False, n_envs=1, normalize=True, seed=0, double=False, hidden=(16, 16), wrap=None, **kwargs):
        def build():
            env = LineWalk(discrete)
            return wrap(env) if wrap else env

        venv = make_vec_env(build, n_envs=n_envs)
        if normalize:
            venv = VecNormalize(venv, norm_reward=False)
        settings = {"n_steps": 64, "batch_size": 32, "n_epochs": 3, "max_grad_norm": None, "device": "cpu", **kwargs}
        architecture = {"net_arch": {"pi": list(hidden), "vf": list(hidden)}}
        model = PPO("MlpPolicy", venv, seed=seed, policy_kwargs=architecture, **settings)
        if double:
            model.policy.double()
        return model

    return make


@pytest.fixture
def make_batch():
    def make(model, rows=48, seed=3, spread=0.4):
        """A rollout of random numbers, with an old policy that differs from the present one by ``spread``."""
        generator = np.random.default_rng(seed)
        fast = model.fast_policy
        dtype = fast.network.parameters.flat.dtype
        observations = generator.normal(size=(rows, *model.observation_space.shape)).astype(dtype)
        fast.head.freeze()
        old = fast.network.forward(observations)[0].copy()
        actions = fast.head.sample(old, fast.head.noise(generator, old.shape).astype(dtype))
        log_probs = fast.head.log_prob(old, actions)
        fast.network.parameters.flat += spread * generator.normal(size=fast.network.parameters.flat.size).astype(dtype) * 0.3
        columns = [generator.normal(size=rows).astype(dtype) for _ in range(2)]
        return Batch(observations, actions.astype(dtype), log_probs, *columns), old

    return make
