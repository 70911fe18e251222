"""MineCLIP, the small scorer, affordance maps and the rewards drawn from them. Names load their module when first used."""

import importlib
from typing import Any

_HOME = {
    "AffordanceBonus": "rewards",
    "AffordanceObservation": "observation",
    "AffordanceReward": "rewards",
    "AffordanceUNet": "unet",
    "JumpFlag": "jump",
    "LSImagine": "lsimagine",
    "MineCLIP": "mineclip",
    "MineCLIPReward": "rewards",
    "MineCLIPScore": "rewards",
    "OpenCLIPScorer": "mineclip",
    "RemoveHUD": "observation",
    "ResizeMaps": "observation",
    "SegmentationOracle": "oracle",
    "SmallScorer": "small",
    "VideoTextScorer": "scorer",
    "ZoomAffordance": "affordance",
    "chain": "lsimagine",
    "gaussian_score": "gaussian",
}
"""Public name -> module of this folder that defines it."""

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"papergym.wrappers.vision has no {name!r}; it has: {', '.join(sorted(_HOME))}")
    return getattr(importlib.import_module(f"papergym.wrappers.vision.{_HOME[name]}"), name)
