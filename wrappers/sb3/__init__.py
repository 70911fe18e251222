"""Twins for stable-baselines3 vectorised environments."""

import importlib
from typing import Any

_HOME: dict[str, str] = {
    "AffordanceObservation": "affordance",
    "IntrinsicReward": "intrinsic_reward",
    "RelabelledDictReplayBuffer": "replay",
    "RelabelledReplayBuffer": "replay",
}
"""Public name -> module of this folder that defines it."""

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"papergym.wrappers.sb3 has no {name!r}; it has: {', '.join(sorted(_HOME))}")
    return getattr(importlib.import_module(f"papergym.wrappers.sb3.{_HOME[name]}"), name)
