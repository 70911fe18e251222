"""Intrinsic rewards, one a file. Names load their module when first used: those without networks never import torch."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from papergym.wrappers.intrinsic.base import Bonus

BONUSES = {
    "KNNNovelty": "knn",
    "PrototypeNovelty": "prototype",
    "RE3": "re3",
    "APT": "apt",
    "RND": "rnd",
    "ICM": "icm",
    "Disagreement": "disagreement",
    "EpisodicNovelty": "episodic",
    "NGU": "ngu",
    "CountBonus": "count",
}
"""Bonus class -> module of this folder."""

_HOME = {**BONUSES, "Bonus": "base", "Transitions": "transitions", "relabel": "relabelling", "RewardMixer": "mixing"}
__all__ = ["BONUSES", "make_bonus", *_HOME]


def make_bonus(name: str, **arguments: Any) -> "Bonus":
    """A bonus by class name, for example ``make_bonus("KNNNovelty", k=3)``.

    Raises:
        ValueError: no such bonus, or an argument out of range.
    """
    if name not in BONUSES:
        raise ValueError(f"no bonus {name!r}; there are {', '.join(BONUSES)}.")
    return __getattr__(name)(**arguments)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"papergym.wrappers.intrinsic has no {name!r}; it has: {', '.join(sorted(_HOME))}")
    return getattr(importlib.import_module(f"papergym.wrappers.intrinsic.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
