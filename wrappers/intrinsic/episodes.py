"""Distances within the running episode of each environment, shared by the episodic bonuses."""

from typing import Any

import numpy as np

from papergym.wrappers.intrinsic.features import Features
from papergym.wrappers.intrinsic.memory import EpisodicMemory
from papergym.wrappers.intrinsic.neighbours import nearest_in_slots
from papergym.wrappers.intrinsic.transitions import Transitions, taken


class Episodes:
    """Embeddings of the running episodes, at most ``size`` rows each; the first observation is an episode's first row."""

    def __init__(self, features: Features, size: int):
        self.features, self.size = features, size
        self.memory: EpisodicMemory | None = None

    def distances(self, transitions: Transitions, x: np.ndarray, k: int) -> np.ndarray:
        """(n, k) float32 ascending distances of ``x`` (n, d) to the episode; ``inf`` where it holds fewer than k rows."""
        memory, slots, fresh = self._ready(transitions, x)
        distances = nearest_in_slots(x, slots, memory.rows, memory.counts, k)
        if len(fresh):
            start = self.features(taken(transitions.obs, fresh))
            distances[fresh, 0] = np.linalg.norm(x[fresh] - start, axis=1)
        return distances

    def store(self, transitions: Transitions, x: np.ndarray) -> None:
        """Append the batch, and empty the memories of episodes that ended."""
        memory, slots, fresh = self._ready(transitions, x)
        if len(fresh):
            memory.add(slots[fresh], self.features(taken(transitions.obs, fresh)))
        memory.add(slots, x)
        if transitions.done is not None:
            memory.clear(slots[np.asarray(transitions.done, bool)])

    def reset(self, env: np.ndarray | None) -> None:
        """Empty the memories of these environments, of all by default."""
        if self.memory is not None:
            self.memory.clear(np.arange(len(self.memory.written)) if env is None else np.asarray(env))

    def _ready(self, transitions: Transitions, x: np.ndarray) -> tuple[EpisodicMemory, np.ndarray, np.ndarray]:
        if self.memory is None:
            self.memory = EpisodicMemory(self.size, x.shape[1])
        slots = transitions.slots
        self.memory.ensure(slots)
        return self.memory, slots, np.flatnonzero(self.memory.written[slots] == 0)

    def state_dict(self) -> dict[str, Any]:
        """Exact state."""
        return {} if self.memory is None else {"memory": self.memory.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.memory = None
        if "memory" in state:
            self.memory = EpisodicMemory(self.size, np.asarray(state["memory"]["rows"]).shape[1])
            self.memory.load_state_dict(state["memory"])
