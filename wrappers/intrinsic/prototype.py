"""Proto-RL's novelty: distance to a queue of candidates, one drawn for every prototype."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from papergym.wrappers.intrinsic.base import require
from papergym.wrappers.intrinsic.candidates import CandidateQueue
from papergym.wrappers.intrinsic.features import Embedding
from papergym.wrappers.intrinsic.knn import KNNNovelty, ring_on
from papergym.wrappers.intrinsic.memory import RingMemory
from papergym.wrappers.intrinsic.transitions import Transitions


@dataclass(kw_only=True, eq=False)
class PrototypeNovelty(KNNNovelty):
    """Distance on the unit sphere to the k-th nearest of the latest candidates.

    Whenever ``batch_size`` states were observed, every prototype draws one of them with probability
    ``softmax(cosine / temperature)`` over the batch, and the draws enter the queue of ``size`` rows. Prototypes and embedding
    belong to a learner: pass ``embed`` and call :meth:`set_prototypes` after its updates. Without one, both are random and
    fixed.

    Args:
        prototypes: how many.
        temperature: of the draw. 1 in the reference code, which is close to uniform; 0.1 would follow the prototypes.
        batch_size: states observed between two draws, and candidates for them.
        zeros: start with a queue of zero rows, as the reference code does, instead of an empty one.
        order: ``"observe_first"`` as in the reference code, where a state may meet its own copy in the queue, or
            ``"score_first"``.

    Source: Yarats et al. 2021, arXiv 2102.11271, section 4.2, and the reference code.
    """

    embed: Embedding = "random"
    unit: bool = True
    prototypes: int = 512
    temperature: float = 1.0
    batch_size: int = 512
    zeros: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.memory == "ring", "the queue is a ring: memory is 'ring'", self.memory)
        require(self.size % self.prototypes == 0, f"size is a multiple of prototypes = {self.prototypes}", self.size)
        require(self.temperature > 0, "temperature is positive", self.temperature)
        require(self.batch_size >= 1, "batch_size is at least 1", self.batch_size)
        self._vectors: np.ndarray | None = None
        self._queue: CandidateQueue | None = None
        self._waiting: list[np.ndarray] = []

    def set_prototypes(self, vectors: np.ndarray) -> None:
        """Use these prototypes, (prototypes, d); they are scaled to unit length.

        Raises:
            ValueError: another shape, or not finite.
        """
        vectors = np.array(vectors, np.float32)
        if vectors.ndim != 2 or len(vectors) != self.prototypes or self.features.dim not in (None, vectors.shape[1]):
            raise ValueError(
                f"expected prototypes of shape ({self.prototypes}, {self.features.dim or 'd'}), got {vectors.shape}."
            )
        if not np.isfinite(vectors).all():
            raise ValueError("prototypes are not finite; the learner that made them diverged.")
        self._vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    def _store(self, transitions: Transitions, x: np.ndarray) -> None:
        self._waiting.append(x)
        if sum(map(len, self._waiting)) >= self.batch_size:
            batch = np.concatenate(self._waiting)
            self._waiting = []
            self._enqueue(batch)

    def _enqueue(self, batch: np.ndarray) -> None:
        """One row of the batch (n, d) for each prototype enters the queue, and the memory that is searched shows it."""
        if self._vectors is None:
            self.set_prototypes(np.random.default_rng(self.seed).standard_normal((self.prototypes, batch.shape[1])))
        elif self._vectors.shape[1] != batch.shape[1]:
            raise ValueError(f"prototypes have {self._vectors.shape[1]} elements, embeddings {batch.shape[1]}: set them anew.")
        z, vectors = torch.from_numpy(batch), torch.from_numpy(self._vectors)
        gumbel = self.rng.gumbel(size=(self.prototypes, len(batch))).astype(np.float32)
        queue = self._candidates(batch.shape[1])
        queue.observe(z, z @ vectors.T, torch.from_numpy(gumbel))
        filled = self.size if self.zeros else min(self.size, int(queue.written) * self.prototypes)
        self._ring(batch.shape[1]).load_state_dict({"rows": queue.rows[:filled].numpy(), "next": 0})

    def _candidates(self, dim: int) -> CandidateQueue:
        # The agent's queue and draw, but not its ``score``: that ranks the hundreds of rows of an update on a device without
        # waiting for it, and takes several times as long as the loops over a ring do for the few rows of a step.
        if self._queue is None:
            self._queue = CandidateQueue(self.prototypes, dim, size=self.size, k=self.k, temperature=self.temperature)
        return self._queue

    def _ring(self, dim: int) -> RingMemory:
        if self.ring is None:
            self.ring = ring_on(self.device, self.size, dim, zeros=self.zeros)
        return self.ring

    def state_dict(self) -> dict[str, Any]:
        """Exact state, with the states that wait for the next draw."""
        vectors = {} if self._vectors is None else {"prototypes": self._vectors.copy()}
        waiting = {"waiting": np.concatenate(self._waiting)} if self._waiting else {}
        written = 0 if self._queue is None else int(self._queue.written)
        return {**super().state_dict(), "written": written, **vectors, **waiting}

    def _load(self, state: dict[str, Any]) -> None:
        super()._load(state)
        self._vectors = np.array(state["prototypes"]) if "prototypes" in state else None
        self._waiting = [np.array(state["waiting"])] if "waiting" in state else []
        self._queue = None
        if self.ring is not None:
            queue = self._candidates(self.ring.rows.shape[1])
            queue.rows[: len(self.ring)] = torch.from_numpy(self.ring.held[0])
            queue.written.fill_(state["written"])
