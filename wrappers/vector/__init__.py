"""Twins for Gymnasium vector environments, under the names of the wrappers for one environment."""

import importlib
from typing import Any

_HOME: dict[str, str] = {
    "AffordanceObservation": "affordance",
    "FrameStack": "stack",
    "PixelBatch": "pixel_batch",
    "IntrinsicReward": "intrinsic_reward",
}
"""Public name -> module of this folder that defines it."""

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"papergym.wrappers.vector has no {name!r}; it has: {', '.join(sorted(_HOME))}")
    return getattr(importlib.import_module(f"papergym.wrappers.vector.{_HOME[name]}"), name)
