"""Elliptical episodic bonus: how far a state lies outside the ellipse that the states of the running episode span."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from papergym.wrappers.intrinsic.base import require
from papergym.wrappers.intrinsic.inverse import InverseBonus
from papergym.wrappers.intrinsic.memory import require_distinct
from papergym.wrappers.intrinsic.transitions import Transitions


class _Seen(NamedTuple):
    arrays: dict[str, np.ndarray]
    features: np.ndarray  # (n, dim) float64, of next_obs


@dataclass(kw_only=True, eq=False)
class E3B(InverseBonus):
    """``phi(s')^T C^-1 phi(s')`` with ``C = ridge * I + sum of phi phi^T`` over the earlier states of the running episode.

    It generalizes episodic counts: with one-hot features it is about ``1 / visits``. The first observation of an episode is its
    first state; it is not paid. Features are those of the time when a state was seen, as in the authors' code.

    Args:
        ridge: weight of the identity (lambda); the first state of a direction is paid its squared length over this.
        dim: length of the features.

    Source: Henaff et al. 2022, arXiv 2210.05805, algorithm 1; ``ridge=0.1`` as in the authors' command for MiniHack.
    """

    ridge: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.ridge > 0, "ridge is positive", self.ridge)
        require(self.order == "score_first", "order is 'score_first': a state must not meet itself", self.order)
        self.ellipses = Ellipses(self.dim, self.ridge)

    @property
    def episodic(self) -> bool:
        """The ellipse is of the running episode."""
        return True

    def reset(self, env: np.ndarray | None = None) -> None:
        """Forget the running episodes of these environments (all by default)."""
        self.ellipses.clear(env)

    def _embed(self, transitions: Transitions) -> Any:
        arrays = super()._embed(transitions)
        require_distinct(transitions.slots)
        return _Seen(arrays, self._encode(arrays, "next_"))

    def _inverses(self, transitions: Transitions, x: _Seen) -> np.ndarray:
        """(n, dim, dim) the inverse matrix of each row's episode, its first observation included; a copy."""
        inverses, fresh = self.ellipses(transitions.slots)
        if len(fresh):
            inverses[fresh] = with_row(inverses[fresh], self._encode(x.arrays, "obs_", fresh))
        return inverses

    def _raw(self, transitions: Transitions, x: _Seen) -> np.ndarray:
        return _lengths(self._inverses(transitions, x), x.features)[0]

    def _store(self, transitions: Transitions, x: _Seen) -> None:
        self.ellipses.put(transitions.slots, with_row(self._inverses(transitions, x), x.features))
        if transitions.done is not None:
            self.ellipses.clear(transitions.slots[np.asarray(transitions.done, bool)])
        super()._store(transitions, x.arrays)

    def state_dict(self) -> dict[str, Any]:
        """Exact state, the running episodes included."""
        return {**super().state_dict(), "ellipses": self.ellipses.state_dict()}

    def _load(self, state: dict[str, Any]) -> None:
        super()._load(state)
        self.ellipses.load_state_dict(state["ellipses"])


class Ellipses:
    """The inverse of ``C`` of every environment's running episode: (slots, dim, dim) float64."""

    def __init__(self, dim: int, ridge: float):
        self.empty = np.eye(dim) / ridge
        self.inverses = np.zeros((0, dim, dim))
        self.begun = np.zeros(0, bool)

    def __call__(self, slots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The inverses of these slots, (n, dim, dim), a copy, and which of the n have no state yet."""
        missing = int(slots.max()) + 1 - len(self.begun)
        if missing > 0:
            self.inverses = np.concatenate([self.inverses, np.repeat(self.empty[None], missing, 0)])
            self.begun = np.concatenate([self.begun, np.zeros(missing, bool)])
        return self.inverses[slots], np.flatnonzero(~self.begun[slots])

    def put(self, slots: np.ndarray, inverses: np.ndarray) -> None:
        """Set the inverses of these slots."""
        self.inverses[slots], self.begun[slots] = inverses, True

    def clear(self, slots: np.ndarray | None) -> None:
        """Begin new episodes in these slots, in all by default."""
        slots = np.arange(len(self.begun)) if slots is None else np.asarray(slots)
        slots = slots[slots < len(self.begun)]
        self.inverses[slots], self.begun[slots] = self.empty, False

    def state_dict(self) -> dict[str, Any]:
        """Inverses and which slots have begun."""
        return {"inverses": self.inverses.copy(), "begun": self.begun.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: inverses of another size, or not one for each slot.
        """
        inverses, begun = np.array(state["inverses"], np.float64), np.array(state["begun"], bool)
        if begun.ndim != 1 or inverses.shape != (len(begun), *self.empty.shape):
            raise ValueError(f"the state holds inverses {inverses.shape} for {begun.shape} slots of {self.empty.shape}.")
        self.inverses, self.begun = inverses, begun


def with_row(inverses: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The inverses of ``C + x x^T`` from those of ``C`` (n, d, d) and ``x`` (n, d): the formula of Sherman and Morrison."""
    lengths, moved = _lengths(inverses, rows)
    return inverses - moved[:, :, None] * moved[:, None, :] / (1.0 + lengths)[:, None, None]


def _lengths(inverses: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``x^T C^-1 x`` (n,), which rounding must not make negative, and ``C^-1 x`` (n, d)."""
    moved = (inverses @ rows[:, :, None])[:, :, 0]
    return np.maximum(np.einsum("ni,ni->n", rows, moved), 0.0), moved
