"""Intrinsic rewards, one a file. Names load their module when first used: those without networks never import torch."""

import inspect
from typing import TYPE_CHECKING, Any

from papergym.wrappers.lazy import attach

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
    "E3B": "e3b",
    "RIDE": "ride",
    "PseudoCounts": "pseudo_counts",
}
"""Bonus class -> module of this folder."""

_load, _names, _public = attach(
    __name__,
    {
        **BONUSES,
        "Bonus": "base",
        "RewardMixer": "mixing",
        "RewardStatistics": "statistics",
        "Transitions": "transitions",
        "relabel": "relabelling",
    },
)

if TYPE_CHECKING:
    __all__: list[str]
    from papergym.wrappers.intrinsic.apt import APT as APT
    from papergym.wrappers.intrinsic.base import Bonus as Bonus
    from papergym.wrappers.intrinsic.count import CountBonus as CountBonus
    from papergym.wrappers.intrinsic.disagreement import Disagreement as Disagreement
    from papergym.wrappers.intrinsic.e3b import E3B as E3B
    from papergym.wrappers.intrinsic.episodic import EpisodicNovelty as EpisodicNovelty
    from papergym.wrappers.intrinsic.icm import ICM as ICM
    from papergym.wrappers.intrinsic.knn import KNNNovelty as KNNNovelty
    from papergym.wrappers.intrinsic.mixing import RewardMixer as RewardMixer
    from papergym.wrappers.intrinsic.ngu import NGU as NGU
    from papergym.wrappers.intrinsic.prototype import PrototypeNovelty as PrototypeNovelty
    from papergym.wrappers.intrinsic.pseudo_counts import PseudoCounts as PseudoCounts
    from papergym.wrappers.intrinsic.re3 import RE3 as RE3
    from papergym.wrappers.intrinsic.relabelling import relabel as relabel
    from papergym.wrappers.intrinsic.ride import RIDE as RIDE
    from papergym.wrappers.intrinsic.rnd import RND as RND
    from papergym.wrappers.intrinsic.statistics import RewardStatistics as RewardStatistics
    from papergym.wrappers.intrinsic.transitions import Transitions as Transitions
else:
    __getattr__, __dir__, __all__ = _load, _names, ["BONUSES", "make_bonus", *_public]


def make_bonus(name: str, **arguments: Any) -> "Bonus":
    """A bonus by class name, for example ``make_bonus("KNNNovelty", k=3)``.

    Raises:
        ValueError: no such bonus, or an argument out of range.
        TypeError: an argument that the bonus does not have.
    """
    if name not in BONUSES:
        raise ValueError(f"no bonus {name!r}; there are {', '.join(BONUSES)}.")
    kind = _load(name)
    known = inspect.signature(kind).parameters
    if unknown := sorted(set(arguments) - set(known)):
        raise TypeError(f"{name} has no arguments {', '.join(unknown)}; bonus_arguments are {', '.join(known)}.")
    return kind(**arguments)
