"""Pseudo-counts: how often a density model has, in effect, seen a state, from how much one more visit would teach it."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from papergym.wrappers.intrinsic.base import Bonus, require
from papergym.wrappers.intrinsic.features import Embedding, Features, first
from papergym.wrappers.intrinsic.transitions import Observations, Transitions, leaves
from papergym.wrappers.intrinsic.vectors import is_image


@dataclass(kw_only=True, eq=False)
class PseudoCounts(Bonus):
    """``1 / sqrt(N + c)`` with the pseudo-count ``N = p (1 - p') / (p' - p)`` of the next observation.

    p is the probability that a density model gives the state, and p' the probability after one more visit. The model is the
    product over the elements of a state of ``(visits of the value + prior) / (states + 2 prior)``, the estimate of Krichevsky
    and Trofimov. So a state whose elements were seen in other states is partly known. For a state of one element, such as an
    id, the pseudo-count is the exact count of earlier visits plus ``prior``.

    All rows of a batch are counted at once: each is paid for the visits of earlier batches.

    Args:
        width: edge of the cells that numbers which are not whole are counted in.
        prior: visits that every value has before the first one.
        c: added to the pseudo-count.
        embed, dim: see :class:`~papergym.wrappers.intrinsic.features.Features`. Ids and vectors of integers are counted as they
            are where ``embed`` is ``"auto"``.

    Source: Bellemare et al. 2016, arXiv 1606.01868, section 3 for the pseudo-count, and the bonus of its experiments; the
    factored density model in place of the paper's for pixels as in Martin et al. 2017, arXiv 1706.08090.
    """

    width: float = 0.1
    prior: float = 0.5
    c: float = 0.01
    embed: Embedding = "auto"
    dim: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.width > 0, "width is positive", self.width)
        require(self.prior > 0, "prior is positive", self.prior)
        require(self.c > 0, "c is positive", self.c)
        name = type(self).__name__
        self.features = Features(self.embed, owner=name, dim=self.dim, seed=self.seed, device=self.device)
        self.visits: list[Counter[int]] = []  # of each element, by value
        self.states = 0
        self._whole: bool | None = None

    def bind(self, observation_space: Any, action_space: Any = None) -> "PseudoCounts":
        """Tell the bonus the spaces of one environment."""
        super().bind(observation_space, action_space)
        self.features.space = observation_space
        return self

    def _embed(self, transitions: Transitions) -> np.ndarray:
        """(n, elements) int64: what is counted of each state; equal numbers are equal values."""
        observations = transitions.next_obs
        if self._whole is None:
            self._whole = self.embed == "auto" and _whole(observations)
        if not self._whole:
            cells = np.floor(self.features(observations).astype(np.float64) / self.width)
            return (cells + 0.0).view(np.int64)  # the bits: no cell is too large for them, and -0.0 is 0.0
        parts = [np.asarray(part).astype(np.int64) for part in leaves(observations).values()]
        values = np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
        if self.features.dim not in (None, values.shape[1]):
            raise ValueError(f"observations have {values.shape[1]} elements, expected {self.features.dim}: their size must "
                             "never change.")  # fmt: skip
        self.features.dim = values.shape[1]
        return values

    def _raw(self, transitions: Transitions, x: np.ndarray) -> np.ndarray:
        return 1.0 / np.sqrt(self._counts(x, int(transitions.stored)) + self.c)

    def _counts(self, x: np.ndarray, own: int) -> np.ndarray:
        """Pseudo-counts (n,) float64, without ``own`` visits of each state that are in the counts already."""
        visits = np.zeros(x.shape)
        for element, counter in enumerate(self.visits):
            visits[:, element] = [counter[value] for value in x[:, element].tolist()]
        seen, states = np.maximum(visits - own, 0) + self.prior, max(self.states - own, 0) + 2 * self.prior
        missing = (states - seen) / (states + 1)  # 1 - p' of each element, without the rounding of that difference
        after = np.log1p(-missing).sum(1)
        gain = np.log1p(missing / seen).sum(1)  # log p' - log p
        return np.expm1(after) * np.exp(-gain) / np.expm1(-gain)

    def _store(self, transitions: Transitions, x: np.ndarray) -> None:
        self.visits = self.visits or [Counter() for _ in range(x.shape[1])]
        for counter, column in zip(self.visits, x.T.tolist()):
            counter.update(column)
        self.states += len(x)

    def stats(self) -> dict[str, float]:
        """Diagnostics, with the number of ``visits`` and of different ``values`` of all elements."""
        values = sum(len(counter) for counter in self.visits)
        return {**super().stats(), "values": float(values), "visits": float(self.states)}

    def state_dict(self) -> dict[str, Any]:
        """Exact state: how many values each element has, the values (all,) int64 of one after another, and their visits."""
        flat = [pair for counter in self.visits for pair in counter.items()]
        values, visits = np.array(flat, np.int64).reshape(-1, 2).T.copy()
        table = {"sizes": np.array([len(counter) for counter in self.visits], np.int64), "values": values, "visits": visits}
        own = {"features": self.features.state_dict(), "whole": self._whole, "states": self.states, "table": table}
        return {**super().state_dict(), **own}

    def _check(self, state: dict[str, Any]) -> None:
        super()._check(state)
        require(state["whole"] in (None, True, False), "'whole' of a saved state is True, False or None", state["whole"])
        self.features.check(state["features"])

    def _load(self, state: dict[str, Any]) -> None:
        super()._load(state)
        self.features.load_state_dict(state["features"])
        self._whole, self.states = state["whole"], int(state["states"])
        values, visits, sizes = (np.asarray(state["table"][name], np.int64) for name in ("values", "visits", "sizes"))
        require(len(values) == len(visits) == sizes.sum(), "as many values as visits and sizes", visits.shape)
        pairs, ends = list(zip(values.tolist(), visits.tolist())), np.cumsum(sizes)
        self.visits = [Counter(dict(pairs[end - size : end])) for end, size in zip(ends, sizes)]


def _whole(observations: Observations) -> bool:
    """Whether every part is ids or whole numbers, and none an image."""
    examples = leaves(first(observations)).values()
    return all(np.asarray(part).dtype.kind in "biu" and not is_image(part) for part in examples)
