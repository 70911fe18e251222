"""A nested Dict observation as a Dict of one level."""

import math
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.core import ActType
from gymnasium.utils import RecordConstructorArgs


class FlattenDict(gym.ObservationWrapper[dict[str, Any], ActType, Any], RecordConstructorArgs):
    """Observe a nested Dict as a Dict of one level, which is what stable-baselines3's ``MultiInputPolicy`` takes.

    ``{"life_stats": {"life": ...}}`` becomes ``{"life_stats/life": ...}``. Numbers without axes become arrays of shape (1,),
    MultiDiscrete and MultiBinary observations of several axes are laid out in one. Everything else stays as it is.
    Gymnasium's ``FlattenObservation`` joins all entries, images too, into one vector instead.

    Args:
        env: environment with a Dict observation.
        separator: stands between the keys of the levels.

    Raises:
        ValueError: the observation is no Dict, or two entries would get one key.
    """

    def __init__(self, env: gym.Env[Any, ActType], separator: str = "/"):
        if not isinstance(separator, str):
            raise ValueError(f"separator is a text; got {separator!r}")
        RecordConstructorArgs.__init__(self, separator=separator)
        super().__init__(env)
        if not isinstance(env.observation_space, spaces.Dict):
            raise ValueError(f"expected an environment with a Dict observation, got {env.observation_space}")
        self._paths: dict[str, tuple[str, ...]] = {}
        flat: dict[str, spaces.Space] = {}
        for path, space in _leaves(env.observation_space):
            key = separator.join(path)
            if key in flat:
                raise ValueError(f"two entries would be called {key!r}; pass another separator than {separator!r}")
            self._paths[key], flat[key] = path, _in_one_axis(space)
        self.observation_space = self._flat = spaces.Dict(flat)

    def observation(self, observation: dict[str, Any]) -> dict[str, Any]:
        """The entries of all levels under one key each."""
        return {key: _laid_out(_found(observation, path), self._flat[key]) for key, path in self._paths.items()}


def _leaves(space: spaces.Dict, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], spaces.Space]]:
    for key, part in space.items():
        if isinstance(part, spaces.Dict):
            yield from _leaves(part, (*path, key))
        else:
            yield (*path, key), part


def _in_one_axis(space: spaces.Space) -> spaces.Space:
    if isinstance(space, spaces.Box) and not space.shape:
        return spaces.Box(space.low.reshape(1), space.high.reshape(1), dtype=space.dtype.type)
    if isinstance(space, spaces.MultiDiscrete) and len(space.shape) != 1:
        return spaces.MultiDiscrete(space.nvec.ravel(), dtype=space.dtype.type, start=space.start.ravel())
    if isinstance(space, spaces.MultiBinary) and len(space.shape) != 1:
        return spaces.MultiBinary(math.prod(space.shape))
    return space


def _found(observation: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        observation = observation[key]
    return observation


def _laid_out(value: Any, space: spaces.Space) -> Any:
    shape = space.shape
    return value if not shape or np.shape(value) == shape else np.reshape(value, shape)
