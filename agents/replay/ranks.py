"""Rank-based sampling for a million priorities: the rank of a draw, and the slot of a rank."""

import numpy as np

from papergym.agents.jit import jit

GUIDES = 65_536
"""Intervals of equal probability into which the law is cut; a draw is searched in its own interval only."""


class RankLaw:
    """``P(rank) ~ (rank + 1)^-alpha``, cut off after any number of ranks.

    Args:
        capacity: most ranks there can be.
        alpha: exponent of the paper.
    """

    def __init__(self, capacity: int, alpha: float) -> None:
        self.cumulative = np.cumsum(np.arange(1, capacity + 1, dtype=np.float64) ** -alpha)
        """Sums of the unnormalised law, float64 ``(capacity,)``."""
        count = min(capacity, GUIDES)
        self._width = float(self.cumulative[-1]) / count
        self._guide = self.cumulative.searchsorted(np.arange(count + 2) * self._width, side="right")

    def find(self, targets: np.ndarray, ranks: int) -> np.ndarray:
        """First of ``ranks`` ranks whose cumulative sum exceeds each target, int64 ``(n,)``; ``ranks`` where none does."""
        return find_ranks(self.cumulative[:ranks], self._guide, self._width, targets)


class FallingOrder:
    """Slots by falling priority, kept as sorted keys so that a new sort costs only what has changed.

    Bits of non-negative floats are ordered as the floats are. Value and slot in one integer make the sort direct, which
    costs about half of ``argsort`` on a million values; merging the changed keys into the others halves it once more.
    """

    def __init__(self, capacity: int) -> None:
        self.slots = np.zeros(0, np.int64)
        """Slots of the last sort, largest priority first; equal ones (as float32) by their number."""
        self._keys = np.zeros(0, np.uint64)
        self._changed = np.zeros(capacity, bool)

    def touch(self, slots: "np.ndarray | slice") -> None:
        """Priorities of ``slots`` may have changed."""
        self._changed[slots] = True

    def sort(self, priorities: np.ndarray) -> None:
        """Order ``priorities``, float64 ``(n,)``, n not below that of the last sort."""
        changed = np.flatnonzero(self._changed[: len(priorities)])
        if len(self._keys) == 0 or 2 * len(changed) > len(priorities):
            self._keys = _keys(priorities, np.arange(len(priorities), dtype=np.uint64))
            self._keys.sort()
        else:
            kept = self._keys[~self._changed[self.slots]]
            new = _keys(priorities[changed], changed.astype(np.uint64))
            new.sort()
            self._keys = np.concatenate([kept, new])
            self._keys.sort(kind="stable")  # finds the two sorted runs and merges them
        self.slots = (self._keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
        self._changed[:] = False

    def restore(self, slots: np.ndarray) -> None:
        """Take the order of a last sort without its keys; the next sort is a full one."""
        self.slots, self._keys = np.asarray(slots, np.int64), np.zeros(0, np.uint64)


def _keys(values: np.ndarray, slots: np.ndarray) -> np.ndarray:
    bits = np.minimum(values, np.finfo(np.float32).max).astype(np.float32).view(np.uint32)
    return ((np.uint32(0xFFFFFFFF) - bits).astype(np.uint64) << np.uint64(32)) | slots


@jit
def find_ranks(cumulative, guide, width, targets):  # noqa: D103
    count, found = len(cumulative), np.empty(len(targets), np.int64)
    for i in range(len(targets)):
        target = targets[i]
        stretch = min(int(target / width), len(guide) - 2)
        low, high = min(guide[stretch], count), min(guide[stretch + 1], count)
        while low > 0 and cumulative[low - 1] > target:  # rounding may have named the stretch beside
            low -= 1
        while high < count and cumulative[high] <= target:
            high += 1
        while low < high:
            middle = (low + high) // 2
            if cumulative[middle] <= target:
                low = middle + 1
            else:
                high = middle
        found[i] = low
    return found
