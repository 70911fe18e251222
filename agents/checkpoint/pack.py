"""Attributes of other people's objects as states: arrays, numbers, containers of these, running statistics."""

from collections import deque
from typing import Any

import numpy as np
from gymnasium.wrappers.utils import RunningMeanStd as GymRunningMeanStd
from stable_baselines3.common.running_mean_std import RunningMeanStd

from papergym.agents.checkpoint.state import State


def pack_attributes(owner: Any, names: tuple[str, ...]) -> State:
    """State of those attributes of ``owner`` that exist."""
    return {name: pack(getattr(owner, name)) for name in names if hasattr(owner, name)}


def unpack_attributes(owner: Any, state: State) -> None:
    """Inverse of :func:`pack_attributes`."""
    for name, packed in state.items():
        setattr(owner, name, unpack(packed, getattr(owner, name, None)))


def pack(value: Any) -> Any:
    """Value of an attribute as a state: arrays, numbers, lists, tuples and deques of these, dicts, running statistics."""
    if isinstance(value, (RunningMeanStd, GymRunningMeanStd)):
        return {"~": "statistics", "mean": np.asarray(value.mean), "var": np.asarray(value.var), "count": float(value.count)}
    if isinstance(value, dict):
        return {"~": "dict", "items": {str(key): pack(item) for key, item in value.items()}}
    if isinstance(value, (tuple, deque, list)) and not all(isinstance(item, (int, float, str, type(None))) for item in value):
        return {"~": type(value).__name__, "items": {str(index): pack(item) for index, item in enumerate(value)}}
    if isinstance(value, (tuple, deque, list)):
        return {"~": type(value).__name__, "plain": list(value)}
    if isinstance(value, np.generic):  # integers may be keys, other scalars keep their precision
        return value.item() if isinstance(value, (np.integer, np.bool_)) else np.asarray(value)
    return value.copy() if isinstance(value, np.ndarray) else value


def unpack(packed: Any, current: Any) -> Any:
    """Inverse of :func:`pack`; ``current`` is the attribute's present value (statistics are filled in place)."""
    if not isinstance(packed, dict):
        return packed.copy()[()] if isinstance(packed, np.ndarray) else packed  # [()]: a 0-d array back to its scalar
    kind = packed["~"]
    if kind == "statistics":
        current.mean, current.var, current.count = packed["mean"].copy(), packed["var"].copy(), packed["count"]
        return current
    if kind == "dict":
        return {
            key: unpack(item, current.get(key) if isinstance(current, dict) else None) for key, item in packed["items"].items()
        }
    items = (
        packed["plain"]
        if "plain" in packed
        else [unpack(packed["items"][str(index)], None) for index in range(len(packed["items"]))]
    )
    return (
        tuple(items) if kind == "tuple" else deque(items, maxlen=getattr(current, "maxlen", None)) if kind == "deque" else items
    )
