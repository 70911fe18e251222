"""Lenses: wrappers that change what an agent sees of a world. Names load their module when first used."""

if __name__ != "papergym.wrappers":
    raise ImportError("import papergym.wrappers, not wrappers: two copies of a module have two sets of classes")

import importlib
from typing import Any

_HOME: dict[str, str] = {
    "CountReward": "intrinsic_reward",
    "DisagreementReward": "intrinsic_reward",
    "EpisodicReward": "intrinsic_reward",
    "ICMReward": "intrinsic_reward",
    "IntrinsicReward": "intrinsic_reward",
    "NGUReward": "intrinsic_reward",
    "NoveltyReward": "intrinsic_reward",
    "PrototypeReward": "intrinsic_reward",
    "RE3Reward": "intrinsic_reward",
    "RNDReward": "intrinsic_reward",
    "add_intrinsic_reward": "intrinsic_reward",
    "LSImagineActions": "mine",
    "LSImagineObservation": "mine",
    "AffordanceObservation": "vision.observation",
    "AffordanceReward": "vision.rewards",
    "LSImagine": "vision.lsimagine",
    "MineCLIPReward": "vision.rewards",
    "ActionRepeat": "repeat",
    "FrameStack": "stack",
}
"""Public name -> module of this room that defines it."""

_FOLDERS = ("intrinsic", "sb3", "vector", "vision")
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _FOLDERS:
        return importlib.import_module(f"papergym.wrappers.{name}")
    if name not in _HOME:
        raise AttributeError(f"papergym.wrappers has no {name!r}; it has: {', '.join(sorted(_HOME))}")
    return getattr(importlib.import_module(f"papergym.wrappers.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
