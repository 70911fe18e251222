"""Episodic novelty: a state earns less, the more states of the running episode are similar to it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from papergym.wrappers.intrinsic.base import Bonus, require
from papergym.wrappers.intrinsic.episodes import Episodes
from papergym.wrappers.intrinsic.features import Embedding, Features
from papergym.wrappers.intrinsic.moments import RunningMoments
from papergym.wrappers.intrinsic.transitions import Transitions


@dataclass(kw_only=True, eq=False)
class EpisodicNovelty(Bonus):
    """``1 / (sqrt(sum of K) + c)`` over the k nearest states of the episode, and 0 where that root is above a limit.

    ``K = epsilon / (max(d^2 / m - cluster, 0) + epsilon)`` with d the distance and m the running mean of the squared
    distances of all neighbours seen, this batch's included. Where the episode holds fewer than k states, those there count.

    Args:
        k: number of neighbours.
        size: states kept per episode; older ones are overwritten.
        epsilon, cluster, c, max_similarity: constants of the kernel.
        embed, dim, unit: see :class:`~papergym.wrappers.intrinsic.features.Features`.

    Source: Never Give Up, Badia et al. 2020, arXiv 2002.06038, algorithm 1.
    """

    k: int = 10
    size: int = 2048
    epsilon: float = 1e-4
    cluster: float = 0.008
    c: float = 1e-3
    max_similarity: float = 8.0
    embed: Embedding = "auto"
    dim: int = 32
    unit: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.k >= 1, "k is at least 1", self.k)
        require(self.size >= self.k, f"size (the memory's rows) is at least k = {self.k}", self.size)
        require(self.order == "score_first", "order is 'score_first': a state must not meet itself", self.order)
        require(self.epsilon > 0, "epsilon is positive", self.epsilon)
        for name in ("cluster", "c", "max_similarity"):
            require(getattr(self, name) >= 0, f"{name} is not negative", getattr(self, name))
        encoder = {"dim": self.dim, "unit": self.unit, "seed": self.seed, "device": self.device}
        self.features = Features(self.embed, owner=type(self).__name__, **encoder)
        self.episodes = Episodes(self.features, self.size)
        self.squared = RunningMoments()

    @property
    def episodic(self) -> bool:
        """The memory is the running episode."""
        return True

    @property
    def needs(self) -> tuple[str, ...]:
        """The memory starts with the episode's first observation."""
        return ("obs",)

    def bind(self, observation_space: Any, action_space: Any = None) -> "EpisodicNovelty":
        """Tell the bonus the spaces of one environment."""
        super().bind(observation_space, action_space)
        self.features.space = observation_space
        return self

    def reset(self, env: np.ndarray | None = None) -> None:
        """Forget the running episodes of these environments (all by default)."""
        self.episodes.reset(env)

    def _embed(self, transitions: Transitions) -> np.ndarray:
        return self.features(transitions.next_obs)

    def _raw(self, transitions: Transitions, x: np.ndarray) -> np.ndarray:
        """(n, k) float64 squared distances, ``inf`` where there is no neighbour."""
        return self.episodes.distances(transitions, x, self.k).astype(np.float64) ** 2

    def _store(self, transitions: Transitions, x: np.ndarray) -> None:
        self.episodes.store(transitions, x)

    def _track(self, raw: np.ndarray) -> None:
        self.squared.update(raw[np.isfinite(raw)])
        if self.scaling != "none":
            self.moments.update(self._kernel(raw))

    @property
    def _tracks(self) -> bool:
        return True

    def _distances(self, raw: np.ndarray) -> np.ndarray:
        return np.sqrt(raw[:, -1])

    def _finish(self, raw: np.ndarray) -> np.ndarray:
        return self._scaled(self._kernel(raw))

    def _kernel(self, raw: np.ndarray) -> np.ndarray:
        held = raw[np.isfinite(raw)]
        mean = (self.squared.mean * self.squared.count + held.sum()) / (self.squared.count + len(held))
        relative = raw / mean if mean > 0 else np.where(np.isfinite(raw), 0.0, np.inf)
        kernel = self.epsilon / (np.maximum(relative - self.cluster, 0.0) + self.epsilon)
        similarity = np.sqrt(kernel.sum(1)) + self.c
        return np.where(similarity > self.max_similarity, 0.0, 1.0 / similarity)

    def state_dict(self) -> dict[str, Any]:
        """Exact state, the running episodes included."""
        own = {"features": self.features.state_dict(), "episodes": self.episodes.state_dict()}
        return {**super().state_dict(), **own, "squared": self.squared.state_dict()}

    def _check(self, state: dict[str, Any]) -> None:
        super()._check(state)
        self.features.check(state["features"])

    def _load(self, state: dict[str, Any]) -> None:
        super()._load(state)
        self.features.load_state_dict(state["features"])
        self.episodes.load_state_dict(state["episodes"])
        self.squared.load_state_dict(state["squared"])
