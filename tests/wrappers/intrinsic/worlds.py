"""Worlds whose every observation is written down beforehand, so that a test knows what each wrapper ought to have scored."""

from typing import Any

import gymnasium as gym
import numpy as np


class Script(gym.Env):
    """Plays episodes of given lengths: observation (episode, t) is row t of ``stream(seed, episode)``.

    Args:
        careless: return the same memory at every step.

    Attributes:
        log: (obs, action, next_obs, done) of every step, in order.
    """

    def __init__(self, seed: int = 0, lengths=(3, 5, 1, 4), dim: int = 3, reward: float = 1.0, careless: bool = False):
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (dim,), np.float32)
        self.action_space = gym.spaces.Discrete(3)
        self.number, self.lengths, self.dim, self.pay, self.careless = seed, lengths, dim, reward, careless
        self.episode, self.t, self.log = -1, 0, []
        self.buffer = np.zeros(dim, np.float32)

    def _observation(self) -> np.ndarray:
        rng = np.random.default_rng((self.number, self.episode, self.t))
        self.buffer[:] = rng.standard_normal(self.dim)
        return self.buffer if self.careless else self.buffer.copy()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.episode, self.t = self.episode + 1, 0
        return self._observation(), {}

    def step(self, action: Any):
        before = self.buffer.copy()
        self.t += 1
        done = self.t >= self.lengths[self.episode % len(self.lengths)]
        observation = self._observation()
        self.log.append((before, np.asarray(action).copy(), observation.copy(), done))
        return observation, self.pay, done and self.episode % 2 == 0, done and self.episode % 2 == 1, {}
