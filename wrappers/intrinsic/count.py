"""Count bonus: one over the root of how often a state, or its hash, was visited."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from gymnasium import spaces

from papergym.envs.checks import number
from papergym.wrappers.intrinsic.base import Bonus, require, require_one_of
from papergym.wrappers.intrinsic.features import Embedding, Features, first, require_sizes
from papergym.wrappers.intrinsic.transitions import Observations, Transitions
from papergym.wrappers.intrinsic.vectors import explain, is_image

Hash = Literal["auto", "exact", "simhash", "grid"]
_CELLS = 2.0**63
"""Cells from the origin that an int64 can number."""


@dataclass(kw_only=True, eq=False)
class CountBonus(Bonus):
    """``1 / sqrt(N)`` with N the visits to the next observation's key, this one included.

    All rows of a batch are counted at once: each is paid for the visits of earlier batches and its own.

    Args:
        hash: ``"exact"`` (the observation's numbers, as float64 or int64), ``"simhash"`` (signs of ``bits`` random projections
            of the embedding), ``"grid"`` (the embedding in cells of ``width``), or ``"auto"``: exact for ids and vectors of
            integers, simhash for the rest, images and dicts among them.
        bits: length of the SimHash; more bits, finer states.
        width: edge of a grid cell, one for all elements or one each.
        embed, dim: see :class:`~papergym.wrappers.intrinsic.features.Features`.

    Source: Tang et al. 2017, arXiv 1611.04717, section 2 and algorithm 1.
    """

    hash: Hash = "auto"
    bits: int = 32
    width: float | tuple[float, ...] = 0.1
    embed: Embedding = "auto"
    dim: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of("hash", self.hash, Hash)
        edges = self.width if isinstance(self.width, tuple | list) else (self.width,)
        edges = tuple(number("width (positive)", edge, 0, above=True) for edge in edges)
        self.width = edges if isinstance(self.width, tuple | list) else edges[0]
        name = type(self).__name__
        self.features = Features(self.embed, owner=name, dim=self.dim, seed=self.seed, device=self.device)
        self.counts: dict[bytes, int] = {}
        self._rule: str | None = None
        self._projection: np.ndarray | None = None

    def bind(self, observation_space: Any, action_space: Any = None) -> "CountBonus":
        """Tell the bonus the spaces of one environment."""
        super().bind(observation_space, action_space)
        self.features.space = observation_space
        return self

    def _embed(self, transitions: Transitions) -> list[bytes]:
        """The keys of the batch."""
        observations = transitions.next_obs
        if self._rule is None:
            self._rule = self._choose(observations)
        if self._rule == "exact":
            return of_one_length(_exact(observations), self.counts)
        vectors = self.features(observations)
        if self._rule == "grid":
            if np.ndim(self.width) and len(np.ravel(self.width)) != vectors.shape[1]:
                raise ValueError(f"width has {len(np.ravel(self.width))} edges, observations have {vectors.shape[1]} elements.")
            codes = self._cells(vectors)
        else:
            if self._projection is None:
                generator = np.random.default_rng(self.seed)
                self._projection = generator.standard_normal((vectors.shape[1], self.bits), np.float32)
            codes = np.packbits(vectors @ self._projection > 0, axis=1)
        return [row.tobytes() for row in codes]

    def _cells(self, vectors: np.ndarray) -> np.ndarray:
        """(n, d) int64 numbers of the grid cells of ``vectors``."""
        cells = np.floor(vectors.astype(np.float64) / np.asarray(self.width))
        if not (np.abs(cells) < _CELLS).all():
            most = np.abs(vectors).max()
            raise ValueError(
                f"expected elements up to 2**63 cells of width {self.width} from 0, got {most:.3g}. Nothing was stored; use a "
                "larger width."
            )
        return cells.astype(np.int64)

    def _choose(self, observations: Observations) -> str:
        if self.hash != "auto":
            return self.hash
        if callable(self.embed) or isinstance(observations, dict):
            return "simhash"
        example = np.asarray(first(observations))
        discrete = isinstance(self.observation_space, (spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary))
        whole = np.issubdtype(example.dtype, np.integer) and not is_image(example)
        return "exact" if discrete or whole else "simhash"

    def _raw(self, transitions: Transitions, x: list[bytes]) -> np.ndarray:
        own = self.order == "score_first" and not transitions.stored  # else these visits are in the counts already
        visits = np.array([max(1, self.counts.get(key, 0) + own) for key in x], np.float64)
        return 1.0 / np.sqrt(visits)

    def _store(self, transitions: Transitions, x: list[bytes]) -> None:
        for key in x:
            self.counts[key] = self.counts.get(key, 0) + 1

    def stats(self) -> dict[str, float]:
        """Diagnostics, with the number of different ``states`` and of ``visits``."""
        return {**super().stats(), "states": float(len(self.counts)), "visits": float(sum(self.counts.values()))}

    def state_dict(self) -> dict[str, Any]:
        """Exact state: keys (states, bytes) uint8 and visits (states,) int64."""
        keys = np.frombuffer(b"".join(self.counts), np.uint8).reshape(len(self.counts), -1).copy() if self.counts else None
        visits = np.fromiter(self.counts.values(), np.int64, len(self.counts))
        table = {} if keys is None else {"keys": keys, "visits": visits}
        return {**super().state_dict(), "rule": self._rule, "features": self.features.state_dict(), **table}

    def _check(self, state: dict[str, Any]) -> None:
        super()._check(state)
        require(state["rule"] in (None, *get_args(Hash)), "the rule of a saved state is one of the hashes", state["rule"])
        self.features.check(state["features"])
        if self.counts and "keys" in state:
            here, saved = len(next(iter(self.counts))), np.shape(state["keys"])[1]
            require_sizes(type(self).__name__, {"bytes of a key": (here,)}, {"bytes of a key": (saved,)})

    def _load(self, state: dict[str, Any]) -> None:
        super()._load(state)
        self._rule = state["rule"]
        self.features.load_state_dict(state["features"])
        keys = np.asarray(state["keys"], np.uint8) if "keys" in state else np.zeros((0, 0), np.uint8)
        self.counts = {key.tobytes(): int(n) for key, n in zip(keys, state.get("visits", ()))}


def of_one_length(keys: list[bytes], counted: Iterable[bytes]) -> list[bytes]:
    """``keys``, which are as long as those counted, so that one array holds them all.

    Raises:
        ValueError: they are longer or shorter.
    """
    held = len(next(iter(counted), keys[0]))
    if len(keys[0]) != held:
        raise ValueError(
            f"expected observations with keys of {held} bytes, as those counted, got {len(keys[0])} bytes: their size or dtype "
            "must never change."
        )
    return keys


def _exact(observations: Observations) -> list[bytes]:
    if isinstance(observations, dict):
        parts = [_exact(observations[key]) for key in sorted(observations)]
        return [b"".join(row) for row in zip(*parts)]
    array = np.asarray(observations)
    if np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            explain(array.reshape(len(array), -1), "observation")
        array = array.astype(np.float64) + 0.0  # one key for float32 and float64 of one state, and for 0.0 and -0.0
    if np.issubdtype(array.dtype, np.integer):
        array = array if array.dtype == np.uint8 else array.astype(np.int64)
    return [row.tobytes() for row in np.ascontiguousarray(array.reshape(len(array), -1))]
