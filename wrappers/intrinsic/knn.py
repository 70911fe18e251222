"""k-nearest-neighbour novelty: the distance of a state to the states seen before."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from papergym.wrappers.intrinsic.base import Bonus, require, require_one_of
from papergym.wrappers.intrinsic.episodes import Episodes
from papergym.wrappers.intrinsic.features import Embedding, Features
from papergym.wrappers.intrinsic.memory import RingMemory
from papergym.wrappers.intrinsic.neighbours import nearest
from papergym.wrappers.intrinsic.transitions import Transitions

Search = Callable[..., np.ndarray]
Memory = Literal["ring", "batch", "episodic"]
Aggregate = Literal["kth", "mean"]
Transform = Literal["none", "log1p"]


@dataclass(kw_only=True, eq=False)
class KNNNovelty(Bonus):
    """Distance of the next observation's embedding to its k nearest neighbours in a memory.

    Where the memory holds fewer than k rows, the rows there are count; an empty memory pays 0.

    Args:
        k: number of neighbours.
        memory: ``"ring"`` (the latest ``size`` rows), ``"batch"`` (the batch itself, as APT), or ``"episodic"`` (the running
            episode of each environment, its first observation included, at most ``size`` rows).
        size: capacity of the memory in rows.
        aggregate: ``"kth"`` distance, or the ``"mean"`` of the k.
        transform: ``"none"`` or ``"log1p"``, after scaling and clipping.
        clip: subtracted from every scaled distance, floored at 0 (1e-4 in APT).
        embed: ``"auto"``, ``"flat"``, ``"random"`` or a function from a batch of observations to (n, d); see
            :class:`~papergym.wrappers.intrinsic.features.Features`.
        dim: output length of the random encoder.
        unit: scale embeddings to unit length.
        exclude_self: leave out the state itself: its own row of a batch memory, and one exact copy in a ring when the batch
            is marked ``stored`` (drawn from a replay buffer).

    Source: particle entropy estimate, Singh et al. 2003; as a reward, APT (arXiv 2103.04551) and RE3 (arXiv 2102.09430).
    """

    k: int = 3
    memory: Memory = "ring"
    size: int = 2048
    aggregate: Aggregate = "kth"
    transform: Transform = "none"
    clip: float = 0.0
    embed: Embedding = "auto"
    dim: int = 128
    unit: bool = False
    exclude_self: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.k >= 1, "k is at least 1", self.k)
        require_one_of("memory", self.memory, Memory)
        require(self.size >= self.k, f"size (the memory's rows) is at least k = {self.k}", self.size)
        require_one_of("aggregate", self.aggregate, Aggregate)
        require_one_of("transform", self.transform, Transform)
        require(self.clip >= 0, "clip is not negative", self.clip)
        encoder = {"dim": self.dim, "unit": self.unit, "seed": self.seed, "device": self.device}
        self.features = Features(self.embed, owner=type(self).__name__, **encoder)
        self.episodes = Episodes(self.features, self.size)
        self.ring: RingMemory | None = None
        self._search = _search(self.device)

    @property
    def episodic(self) -> bool:
        """Whether the memory is the running episode."""
        return self.memory == "episodic"

    @property
    def needs(self) -> tuple[str, ...]:
        """An episodic memory starts with the episode's first observation."""
        return ("obs",) if self.episodic else ()

    def bind(self, observation_space: Any, action_space: Any = None) -> "KNNNovelty":
        """Tell the bonus the spaces of one environment."""
        super().bind(observation_space, action_space)
        self.features.space = observation_space
        return self

    def _embed(self, transitions: Transitions) -> np.ndarray:
        return self.features(transitions.next_obs)

    def _raw(self, transitions: Transitions, x: np.ndarray) -> np.ndarray:
        """(n, k) distances for the mean, (n, 1) for the k-th, (n, 0) from an empty memory."""
        if self.memory == "batch":
            distances = self._within(x, some=transitions.env is not None)
        elif self.memory == "episodic":
            distances = _fill(self.episodes.distances(transitions, x, self.k), mean=self.aggregate == "mean")
        else:
            distances = self._in_ring(x, self.exclude_self and transitions.stored)
        return distances if self.aggregate == "mean" else distances[:, -1:]

    def check_envs(self, envs: int) -> None:
        """Raise ValueError where a batch memory would never see k other rows."""
        least = self.k + self.exclude_self
        if self.memory == "batch" and envs < least:
            raise ValueError(
                f"a batch memory with k={self.k} needs batches of at least {least} rows, got {envs}: use more environments, "
                "a smaller k, memory='ring', or relabel() on replay batches (observe='sampled' in a RelabelledReplayBuffer)."
            )

    def _within(self, x: np.ndarray, some: bool) -> np.ndarray:
        """Neighbours within the batch; of ``some`` environments, others being reset, fewer than k may be there."""
        if not some:
            self.check_envs(len(x))
        k = min(self.k, len(x) - self.exclude_self)
        if k == 0:
            return np.zeros((len(x), 0), np.float32)
        return self._search(x, x, np.einsum("ij,ij->i", x, x), k, skip_self=self.exclude_self)

    def _in_ring(self, x: np.ndarray, copies: bool) -> np.ndarray:
        memory = self._ring(x.shape[1])
        k = min(self.k + copies, memory.filled)
        if k == 0:
            return np.zeros((len(x), 0), np.float32)
        distances = memory.nearest(x, k)
        if copies and k > 1:
            own = distances[:, :1] == 0
            return np.where(own, distances[:, 1:], distances[:, :-1])[:, : self.k]
        return distances

    def _store(self, transitions: Transitions, x: np.ndarray) -> None:
        if self.memory == "ring":
            self._ring(x.shape[1]).add(x)
        elif self.memory == "episodic":
            self.episodes.store(transitions, x)

    def reset(self, env: np.ndarray | None = None) -> None:
        """Forget the running episodes of these environments (all by default)."""
        self.episodes.reset(env)

    def _distances(self, raw: np.ndarray) -> np.ndarray | None:
        return raw[:, -1] if raw.shape[1] else None

    def _finish(self, raw: np.ndarray) -> np.ndarray:
        if raw.shape[1] == 0:  # an empty memory
            return np.zeros(len(raw), np.float32)
        distances = self._scaled(raw)
        if self.clip:
            distances = np.maximum(distances - self.clip, 0.0)
        reward = distances[:, 0] if distances.shape[1] == 1 else distances.mean(1)
        return np.log1p(reward) if self.transform == "log1p" else reward

    def _ring(self, dim: int) -> RingMemory:
        if self.ring is None:
            self.ring = ring_on(self.device, self.size, dim)
        return self.ring

    def stats(self) -> dict[str, float]:
        """Diagnostics, with ``memory_fill``: rows held over ``size`` (summed over environments if episodic)."""
        rows = self.episodes.memory if self.episodic else self.ring
        return {**super().stats(), "memory_fill": 0.0 if rows is None else len(rows) / self.size}

    def state_dict(self) -> dict[str, Any]:
        """Exact state, the memory included."""
        ring = {} if self.ring is None else {"ring": self.ring.state_dict()}
        own = {"features": self.features.state_dict(), "episodes": self.episodes.state_dict(), **ring}
        return {**super().state_dict(), **own}

    def _check(self, state: dict[str, Any]) -> None:
        super()._check(state)
        self.features.check(state["features"])

    def _load(self, state: dict[str, Any]) -> None:
        super()._load(state)
        self.features.load_state_dict(state["features"])
        self.episodes.load_state_dict(state["episodes"])
        self.ring = None
        if "ring" in state:
            self._ring(state["features"]["dim"]).load_state_dict(state["ring"])


def _fill(distances: np.ndarray, mean: bool) -> np.ndarray:
    """Ascending rows that end in inf where rows are missing, with their mean or largest finite distance there instead."""
    held = np.isfinite(distances)
    if held.all():
        return distances
    if mean:
        instead = np.where(held, distances, 0.0).sum(1, keepdims=True) / held.sum(1, keepdims=True)
    else:
        instead = np.take_along_axis(distances, held.sum(1, keepdims=True) - 1, axis=1)
    return np.where(held, distances, instead).astype(np.float32)


def ring_on(device: str, size: int, dim: int, *, zeros: bool = False) -> RingMemory:
    """A ring that is searched on ``device``, where its rows stay."""
    if _on_host(device):
        return RingMemory(size, dim, zeros=zeros)
    from papergym.wrappers.intrinsic.neighbours_torch import DeviceRing

    return DeviceRing(device, size, dim, zeros=zeros)


def _search(device: str) -> Search:
    if _on_host(device):
        return nearest
    from papergym.wrappers.intrinsic.neighbours_torch import nearest_on

    return partial(nearest_on, device)


def _on_host(device: str) -> bool:
    return device == "cpu" or device.startswith("mps")  # mps has no float64, which orders near rows
