"""The reward of the last step as a part of the observation, for agents that keep a return-to-go."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.core import ActType
from gymnasium.utils import RecordConstructorArgs

KEY = "previous_reward"


def with_reward(space: spaces.Space) -> spaces.Dict:
    """The observation space with the reward: a Dict gains an entry, another space becomes the entry ``observation``.

    Raises:
        ValueError: the Dict has an entry ``previous_reward`` already.
    """
    reward = spaces.Box(-np.inf, np.inf, (1,), np.float32)
    if not isinstance(space, spaces.Dict):
        return spaces.Dict({"observation": space, KEY: reward})
    if KEY in space.spaces:
        raise ValueError(f"expected observations without an entry {KEY!r}, got {space}: is the environment wrapped twice?")
    return spaces.Dict({**space.spaces, KEY: reward})


def add_reward(observation: Any, reward: np.ndarray) -> dict[str, Any]:
    """The observation, or the batch of observations, with the reward, float32 ``(1,)`` or ``(n, 1)``."""
    parts = observation if isinstance(observation, dict) else {"observation": observation}
    return {**parts, KEY: reward}


class PreviousReward(gym.Wrapper[Any, ActType, Any, ActType], RecordConstructorArgs):
    """Observe the reward of the last step: ``{"observation": ..., "previous_reward": (1,) float32}``, 0 after a reset.

    A Dict observation gains the entry ``previous_reward``. It tells a Decision Transformer what is left of its target, where
    only observations reach the policy, as in SB3's ``evaluate_policy``.

    Args:
        env: environment with any spaces.
    """

    def __init__(self, env: gym.Env[Any, ActType]):
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self.observation_space = with_reward(env.observation_space)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Reset the environment; the reward is 0."""
        observation, info = self.env.reset(seed=seed, options=options)
        return add_reward(observation, np.zeros(1, np.float32)), info

    def step(self, action: ActType) -> tuple[dict[str, Any], Any, bool, bool, dict[str, Any]]:
        """Take a step."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return add_reward(observation, np.full(1, reward, np.float32)), reward, terminated, truncated, info
