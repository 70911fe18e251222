"""Sum tree in float64: eight children per node, one cache line each; all queries of a batch descend level by level."""

import numpy as np

from papergym.agents.jit import jit

ARITY = 8  # children of a node: 8 float64 fill one cache line of 64 bytes


class SumTree:
    """Non-negative values at leaves ``0 ... capacity - 1`` under partial sums.

    Sums are recomputed from the children, never changed by differences, so they do not drift and equal leaves give
    bit-equal trees whatever the order of the updates was.
    """

    def __init__(self, capacity: int) -> None:
        depth = 1
        while ARITY**depth < capacity:
            depth += 1
        widths = [ARITY] + [ARITY**level for level in range(1, depth)] + [-(-capacity // ARITY) * ARITY]
        self._level_starts = np.concatenate([[0], np.cumsum(widths)[:-1]]).astype(np.int64)
        self._nodes = _aligned_zeros(sum(widths))
        first = self._level_starts[-1]
        self.leaves = self._nodes[first : first + capacity]
        """Values, float64 ``(capacity,)``. Read only: write through :meth:`set`."""

    def __getstate__(self) -> dict[str, np.ndarray]:
        return {"leaves": self.leaves.copy()}  # pickled, the view of the nodes would become a copy

    def __setstate__(self, state: dict[str, np.ndarray]) -> None:
        leaves = state["leaves"]
        SumTree.__init__(self, len(leaves))
        self.set(np.arange(len(leaves)), leaves)

    @property
    def total(self) -> float:
        """Sum of all leaves."""
        return float(self._nodes[0])

    def set(self, indices: np.ndarray, values: np.ndarray) -> None:
        """Give leaves ``indices`` (int64, ``(n,)``) new ``values`` (float64, ``(n,)``); of duplicates the last one counts.

        Raises:
            IndexError: an index outside the tree. ValueError: a value that is negative or not finite.
        """
        indices = np.asarray(indices, np.int64)
        fault = set_leaves(self._nodes, self._level_starts, len(self.leaves), indices, np.asarray(values, np.float64))
        if fault == 1:
            raise IndexError(f"indices must lie in 0 ... {len(self.leaves) - 1}, got {indices.min()} ... {indices.max()}")
        if fault == 2:
            raise ValueError("priorities must be finite and not negative; the values given contain NaN, infinity or less")

    def find(self, targets: np.ndarray) -> np.ndarray:
        """Leaf in whose share of the cumulative sum each target lies.

        Args:
            targets: float64 ``(n,)`` in ``[0, total)``.

        Returns:
            int64 ``(n,)``. Leaves of value 0 are never returned, whatever the rounding.
        """
        if not self.total > 0:
            raise ValueError("the tree holds no positive value: add transitions before sampling")
        return find_leaves(self._nodes, self._level_starts, np.asarray(targets, np.float64))


def _aligned_zeros(size: int) -> np.ndarray:
    """Zeros, float64, whose first element begins a cache line."""
    raw = np.zeros(size + ARITY)
    skip = (-raw.ctypes.data % 64) // 8
    return raw[skip : skip + size]


@jit
def set_leaves(nodes, level_starts, capacity, indices, values):  # noqa: D103
    for i in range(len(indices)):
        if indices[i] < 0 or indices[i] >= capacity:
            return 1
        if not (values[i] >= 0.0 and values[i] < np.inf):
            return 2
    place = indices.copy()
    depth = len(level_starts) - 1
    for i in range(len(place)):
        nodes[level_starts[depth] + place[i]] = values[i]
    for level in range(depth - 1, -1, -1):
        children, parents = level_starts[level + 1], level_starts[level]
        for i in range(len(place)):
            parent = place[i] // ARITY
            place[i] = parent
            total = 0.0
            for child in range(parent * ARITY, parent * ARITY + ARITY):
                total += nodes[children + child]
            nodes[parents + parent] = total
    return 0


@jit
def find_leaves(nodes, level_starts, targets):  # noqa: D103
    rest = targets.copy()
    place = np.zeros(len(targets), np.int64)
    for level in range(1, len(level_starts)):
        start = level_starts[level]
        for i in range(len(rest)):
            first = place[i] * ARITY
            chosen, last = -1, 0
            for child in range(ARITY):
                share = nodes[start + first + child]
                if rest[i] < share:
                    chosen = child
                    break
                rest[i] -= share
                if share > 0.0:
                    last = child
            if chosen < 0:  # rounding carried the target past the end: the last child that holds anything
                chosen = last
                rest[i] = nodes[start + first + chosen] * (1.0 - 1e-15)
            place[i] = first + chosen
    return place
