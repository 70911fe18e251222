"""A Gymnasium environment as a ``dm_env.Environment``, for code that is written for dm_control."""

from typing import Any

import dm_env
import gymnasium as gym
import numpy as np
from dm_env import specs
from gymnasium import spaces

from papergym.envs.checks import seed_of


class DmEnv(dm_env.Environment):
    """Steps and observations of ``env`` as dm_env's time steps: what DrQ-v2, URLB and Acme take.

    Observations are the environment's own, to the pixel. The discount is 0 where an episode terminates and 1 elsewhere, also
    where it is truncated. A step before the first reset, or after an episode's end, begins an episode, as dm_env asks.

    Args:
        env: environment with Box, Discrete or (nested) Dict observations and Box or Discrete actions.
        seed: seed of the first reset.

    Raises:
        TypeError: ``env`` is no environment.
        ValueError: a space that dm_env has no spec for.

    Source: dm_env 1.6, docs/index.md (the meaning of discount and of steps between episodes).
    """

    def __init__(self, env: gym.Env, seed: int | None = None):
        if not isinstance(env, gym.Env):
            raise TypeError(f"env is a gymnasium Env; got {env!r}")
        self.env, self._seed, self._over = env, seed_of(seed), True
        self._observations = _spec(env.observation_space, "observation")
        self._actions = _spec(env.action_space, "action")

    def reset(self) -> dm_env.TimeStep:
        """Begin an episode."""
        observation, _ = self.env.reset(seed=self._seed)
        self._seed, self._over = None, False
        return dm_env.restart(observation)

    def step(self, action: Any) -> dm_env.TimeStep:
        """One step, or the beginning of the next episode."""
        if self._over:
            return self.reset()
        observation, reward, terminated, truncated, _ = self.env.step(action)
        self._over = terminated or truncated
        if terminated:
            return dm_env.termination(float(reward), observation)
        build = dm_env.truncation if truncated else dm_env.transition
        return build(float(reward), observation)

    def observation_spec(self) -> Any:
        """Spec of an observation; a dict of specs for Dict spaces."""
        return self._observations

    def action_spec(self) -> Any:
        """Spec of an action."""
        return self._actions

    def render(self) -> Any:
        """The environment's own image; DrQ-v2's and URLB's video recorders call this."""
        return self.env.render()

    def close(self) -> None:
        """Close the environment."""
        self.env.close()


def _spec(space: spaces.Space, name: str) -> Any:
    if isinstance(space, spaces.Dict):
        return {key: _spec(part, key) for key, part in space.items()}
    if isinstance(space, spaces.Discrete) and space.start == 0:
        return specs.DiscreteArray(int(space.n), space.dtype, name)  # pyright: ignore[reportArgumentType]  # stub: int32 alone
    if not isinstance(space, spaces.Box):
        raise ValueError(f"expected Box, Discrete (from 0) or Dict spaces, got {space}")
    if np.isfinite(space.low).all() and np.isfinite(space.high).all():
        return specs.BoundedArray(space.shape, space.dtype, space.low, space.high, name)
    return specs.Array(space.shape, space.dtype, name)
