"""Which keys steer an environment: its own mapping, or one derived from the action space."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from string import ascii_lowercase, digits
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from papergym.agents.errors import UsageError

AXES = ("da", "ws", "lj", "ik", "hf", "tg")
"""For a Box: the keys that push coordinate 0 up and down, coordinate 1 up and down, and so on."""
CHOICES = digits + ascii_lowercase
"""For a Discrete: the key of action 0, 1, ...; q closes the window, so it is left out."""


@dataclass(frozen=True)
class Keys:
    """Keys held together, sorted -> action; the action without a key; and help to print."""

    actions: Mapping[tuple[str, ...], Any]
    idle: Any
    help: str

    def action(self, pressed: str) -> Any:
        """Action of one key, or the idle one."""
        return self.actions.get((pressed,), self.idle)


def keys_of(env: gym.Env) -> Keys:
    """Keys for an environment.

    Raises:
        UsageError: its actions cannot be given by keys.
    """
    space = env.action_space
    if env.has_wrapper_attr("get_keys_to_action"):
        return _own(env.get_wrapper_attr("get_keys_to_action")(), space)
    if isinstance(space, spaces.Discrete):
        return _discrete(space)
    if isinstance(space, spaces.Box) and len(space.shape) == 1:
        return _box(space)
    if isinstance(space, spaces.MultiDiscrete) and space.nvec.ndim == 1:
        return _multi_discrete(space)
    raise UsageError(f"no keys for actions in {space}. Watch it instead: papergym play ID --watch.")


def _own(mapping: Mapping[Any, Any], space: spaces.Space) -> Keys:
    """Gymnasium's convention: a string, a character code or a tuple of them -> action; () -> the idle action, if given."""
    actions = {}
    for keys, action in mapping.items():
        together = (keys,) if isinstance(keys, int) else tuple(keys)
        actions[tuple(sorted(chr(key) if isinstance(key, int) else key for key in together))] = action
    idle = actions.pop((), None)
    return Keys(actions, _idle(space) if idle is None else idle, ", ".join("+".join(keys) for keys in actions))


def _idle(space: spaces.Space) -> Any:
    if isinstance(space, spaces.Discrete):
        return int(space.start)
    if isinstance(space, spaces.Box):
        return np.clip(np.zeros(space.shape, space.dtype), space.low, space.high)
    return np.zeros(space.shape or (), space.dtype)


def _discrete(space: spaces.Discrete) -> Keys:
    names = CHOICES.replace("q", "")
    if space.n > len(names):
        raise UsageError(f"{space.n} actions are more than the {len(names)} keys. Watch it instead: papergym play ID --watch.")
    actions = {(names[index],): int(space.start + index) for index in range(int(space.n))}
    return Keys(actions, int(space.start), f"{names[0]} to {names[int(space.n) - 1]}: actions {space.start} and up")


def _box(space: spaces.Box) -> Keys:
    idle = _idle(space)
    single: dict[str, tuple[int, float]] = {}
    for index, (up, down) in enumerate(AXES[: space.shape[0]]):
        high, low = np.nan_to_num([space.high[index], space.low[index]], posinf=1.0, neginf=-1.0)
        single |= {up: (index, float(high)), down: (index, float(low))}
    actions = {}
    for keys in [*((key,) for key in single), *combinations(single, 2)]:
        if len({single[key][0] for key in keys}) == len(keys):  # not both directions of one coordinate
            action = idle.copy()
            for key in keys:
                action[single[key][0]] = single[key][1]
            actions[tuple(sorted(keys))] = action
    steered = min(space.shape[0], len(AXES))
    rest = f"; the other {space.shape[0] - steered} stay at rest" if space.shape[0] > steered else ""
    pairs = ", ".join(f"{index}: {down} {up}" for index, (up, down) in enumerate(AXES[:steered]))
    return Keys(actions, idle, f"coordinate: down up = {pairs}{rest}")


def _multi_discrete(space: spaces.MultiDiscrete) -> Keys:
    idle, names = _idle(space), iter(CHOICES.replace("q", ""))
    actions, lines = {}, []
    for part, count in enumerate(space.nvec):
        for value in range(1, int(count)):
            key = next(names, None)
            if key is None:
                break
            actions[(key,)] = idle.copy()
            actions[(key,)][part] = value
            lines.append(f"{key}: part {part} = {value}")
    return Keys(actions, idle, ", ".join(lines))
