"""The two sampling laws of the paper (section 3.3): proportional to |TD error|, and to the inverse rank of it."""

import math
from typing import Protocol

import numpy as np
from typing_extensions import override

from papergym.agents.checkpoint.state import State
from papergym.agents.jit import jit
from papergym.agents.replay.checks import all_below, column, entries, scalar, whole
from papergym.agents.replay.ranks import FallingOrder, RankLaw
from papergym.agents.replay.tree import SumTree


class Priorities(Protocol):
    """Priorities of the slots of a ring memory of fixed capacity."""

    def add(self, start: int, count: int) -> None:
        """Slots ``start ... start + count - 1`` hold new transitions, in ring order: the largest priority so far."""
        ...

    def update(self, slots: np.ndarray, td_errors: np.ndarray) -> None:
        """Set the priorities of ``slots`` (int64 ``(n,)``) from ``td_errors`` (``(n,)``, any sign)."""
        ...

    def draw(self, count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Stratified sample: slots, int64 ``(count,)``, and the probability P(i) of each, float64 ``(count,)``."""
        ...

    def smallest(self) -> float:
        """The smallest P(i) of the slots in use, of which there is one at least."""
        ...

    def get_state(self) -> State:
        """Everything that later draws depend on."""
        ...

    def set_state(self, state: State) -> None:
        """Inverse of :meth:`get_state`.

        Raises:
            ValueError: see :meth:`check_state`.
        """
        ...

    def check_state(self, state: State, filled: int) -> None:
        """Look at a saved state of ``filled`` slots; nothing is changed.

        Raises:
            ValueError: priorities that are negative or not finite, or counts that do not fit.
        """
        ...


LOWEST, HIGHEST = 1e-100, 1e100
"""Bounds of p_i^alpha: every transition can be drawn again, and the sum over a memory is finite."""


def _powers(priorities: np.ndarray, alpha: float, epsilon: float, largest: float) -> np.ndarray:
    if alpha <= 1.0 and epsilon >= LOWEST and largest <= HIGHEST:  # then so are all powers, and no bound need be looked for
        return priorities**alpha
    with np.errstate(over="ignore", under="ignore"):
        powers = priorities**alpha
    _bound(powers)
    return powers


@jit
def _bound(powers):
    for i in range(len(powers)):
        powers[i] = min(max(powers[i], LOWEST), HIGHEST)


def _power(priority: float, alpha: float) -> float:
    try:
        return min(max(priority**alpha, LOWEST), HIGHEST)
    except OverflowError:
        return HIGHEST


def _checked(slots: np.ndarray, td_errors: np.ndarray, epsilon: float, filled: int) -> tuple[np.ndarray, float]:
    """|TD error| + epsilon of each slot, and the largest of them, 0 for none.

    Raises:
        ValueError: an error that is not finite, or slots that are no whole numbers. IndexError: a slot not in use.
    """
    slots = np.asarray(slots)
    if slots.dtype.kind not in "iu" and len(slots):
        raise ValueError(f"indices must be whole numbers, got {slots.dtype}")
    priorities = np.abs(td_errors) + epsilon
    largest = float(priorities.max(initial=0.0))  # NaN where there is one
    if not math.isfinite(largest):
        raise ValueError("priorities must be finite and not negative; the TD errors given contain NaN or infinity")
    if not all_below(slots, filled):
        raise IndexError(f"indices must lie in 0 ... {filled - 1}, got {slots.min()} ... {slots.max()}")
    return priorities, largest


def _check_range(start: int, count: int, capacity: int) -> None:
    whole("start", start, 0, capacity - 1)
    whole("count", count, 1, capacity - start)


def _check_draw(count: int, filled: int) -> None:
    whole("count", count, 1)
    if not filled:
        raise ValueError("no priorities yet: add transitions before sampling")


class Proportional(Priorities):
    """P(i) = p_i^alpha / sum_k p_k^alpha with p_i = |TD error| + epsilon (equation 1), in a sum tree."""

    def __init__(self, capacity: int, alpha: float, epsilon: float) -> None:
        self.alpha, self.epsilon = alpha, epsilon
        self.tree = SumTree(capacity)
        self.max_priority = 1.0  # of every p_i so far, before alpha; p_1 = 1 (algorithm 1)
        self._filled = 0

    @override
    def add(self, start: int, count: int) -> None:
        _check_range(start, count, len(self.tree.leaves))
        slots = np.arange(start, start + count)
        self.tree.set(slots, np.full(count, _power(self.max_priority, self.alpha)))
        self._filled = max(self._filled, start + count)

    @override
    def update(self, slots: np.ndarray, td_errors: np.ndarray) -> None:
        priorities, largest = _checked(slots, td_errors, self.epsilon, self._filled)
        self.tree.set(slots, _powers(priorities, self.alpha, self.epsilon, largest))
        self.max_priority = max(self.max_priority, largest)

    @override
    def draw(self, count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        _check_draw(count, self._filled)
        total = self.tree.total
        slots = self.tree.find((np.arange(count) + generator.random(count)) * (total / count))
        return slots, self.tree.leaves[slots] / total

    @override
    def smallest(self) -> float:
        return float(self.tree.leaves[: self._filled].min()) / self.tree.total

    @override
    def get_state(self) -> State:
        return {"leaves": self.tree.leaves[: self._filled].copy(), "max": self.max_priority}

    @override
    def set_state(self, state: State) -> None:
        self.check_state(state, len(state["leaves"]))
        leaves = np.zeros(len(self.tree.leaves))
        leaves[: len(state["leaves"])] = state["leaves"]
        self.tree.set(np.arange(len(leaves)), leaves)
        self.max_priority, self._filled = float(state["max"]), len(state["leaves"])

    @override
    def check_state(self, state: State, filled: int) -> None:
        leaves, largest = entries(state, ("leaves", "max"))
        whole("slots in use", filled, 0, len(self.tree.leaves))
        column("priorities/leaves", leaves, filled)
        scalar("priorities/max", largest)
        if filled and not 0 < np.sum(leaves) < np.inf:
            raise ValueError(f"priorities/leaves: expected a positive and finite sum, got {np.sum(leaves)}.")


class Ranked(Priorities):
    """P(i) proportional to rank(i)^-alpha, the rank taken from a snapshot that is sorted again and again.

    Where the paper reads ranks off a binary heap, which is sorted only approximately, this reads them off the last full
    sort: a sort costs about as much as ``N / 1000`` draws, and is due after that many. Transitions added since stand before
    the snapshot (they have the largest priority), the newest first; until the next sort an overwritten slot keeps its
    old place as well.
    """

    def __init__(self, capacity: int, alpha: float, epsilon: float) -> None:
        self.alpha, self.epsilon = alpha, epsilon
        self.priorities = np.zeros(capacity)
        self.max_priority = 1.0
        self._law, self._order = RankLaw(capacity, alpha), FallingOrder(capacity)
        self._filled = self._head = self._new = self._draws = 0  # slots in use, next slot, additions and draws since the sort

    @override
    def add(self, start: int, count: int) -> None:
        _check_range(start, count, len(self.priorities))
        self.priorities[start : start + count] = self.max_priority
        self._order.touch(slice(start, start + count))
        self._filled = max(self._filled, start + count)
        self._head = (start + count) % len(self.priorities)
        self._new += count

    @override
    def update(self, slots: np.ndarray, td_errors: np.ndarray) -> None:
        priorities, largest = _checked(slots, td_errors, self.epsilon, self._filled)
        self.priorities[slots] = priorities
        self._order.touch(slots)
        self.max_priority = max(self.max_priority, largest)

    @override
    def draw(self, count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        _check_draw(count, self._filled)
        if self._draws >= self._filled // 1000 or self._new > self._filled // 10:
            self.sort()
        self._draws += 1
        total = self._law.cumulative[self._filled - 1]
        targets = (np.arange(count) + generator.random(count)) * (total / count)
        ranks = np.minimum(self._law.find(targets, self._filled), self._filled - 1)
        return self._at(ranks), (ranks + 1.0) ** -self.alpha / total

    @override
    def smallest(self) -> float:
        return self._filled**-self.alpha / float(self._law.cumulative[self._filled - 1])

    def sort(self) -> None:
        """Take a new snapshot: the slots in use by falling priority."""
        self._order.sort(self.priorities[: self._filled])
        self._new = self._draws = 0

    def _at(self, ranks: np.ndarray) -> np.ndarray:
        if not self._new:
            return self._order.slots[ranks]
        newest_first = (self._head - 1 - ranks) % len(self.priorities)
        if not len(self._order.slots):
            return newest_first
        return np.where(ranks < self._new, newest_first, self._order.slots[np.maximum(ranks - self._new, 0)])

    @override
    def get_state(self) -> State:
        counts = [self._filled, self._head, self._new, self._draws]
        priorities = self.priorities[: self._filled].copy()
        return {"priorities": priorities, "order": self._order.slots.copy(), "counts": counts, "max": self.max_priority}

    @override
    def set_state(self, state: State) -> None:
        self.check_state(state, len(state["priorities"]))
        self.priorities[:] = 0.0
        self.priorities[: len(state["priorities"])] = state["priorities"]
        self._order.restore(state["order"])
        self._filled, self._head, self._new, self._draws = (int(count) for count in state["counts"])
        self.max_priority = float(state["max"])

    @override
    def check_state(self, state: State, filled: int) -> None:
        priorities, order, counts, largest = entries(state, ("priorities", "order", "counts", "max"))
        capacity = len(self.priorities)
        whole("slots in use", filled, 0, capacity)
        column("priorities/priorities", priorities, filled)
        scalar("priorities/max", largest)
        if np.size(counts) != 4:
            raise ValueError(f"priorities/counts: expected 4 whole numbers, got {counts!r}.")
        whole("priorities/counts", counts[0], filled, filled)
        _, head, new, _ = (whole("priorities/counts", count) for count in counts)
        whole("priorities/counts", head, 0, max(capacity - 1, 0))
        slots = np.asarray(order)
        if slots.dtype.kind not in "iu" or slots.ndim != 1 or len(np.unique(slots)) != len(slots):
            raise ValueError(f"priorities/order: expected different slots, got {slots.dtype} of shape {slots.shape}.")
        if len(slots) and (slots.min() < 0 or slots.max() >= filled):
            raise ValueError(f"priorities/order: expected slots in 0 ... {filled - 1}, got {slots.min()} ... {slots.max()}.")
        if len(slots) + new < filled:
            raise ValueError(f"priorities/order: expected at least {filled - new} slots, got {len(slots)}.")
