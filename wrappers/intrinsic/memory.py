"""Memories of embeddings: a ring of the latest ones, or one memory per running episode."""

from typing import Any

import numpy as np

from papergym.wrappers.intrinsic.neighbours import nearest


class RingMemory:
    """The latest ``size`` rows, float32.

    Args:
        size: capacity in rows.
        dim: length of a row.
        zeros: start full of zero rows, as the reference code of Proto-RL does, instead of empty.
    """

    def __init__(self, size: int, dim: int, *, zeros: bool = False):
        self.rows = np.zeros((size, dim), np.float32)
        self.squares = np.zeros(size, np.float32)
        self.filled = size if zeros else 0
        self._next = 0

    def __len__(self) -> int:
        return self.filled

    @property
    def held(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows held, (filled, dim), and their squared norms, (filled,); views."""
        return self.rows[: self.filled], self.squares[: self.filled]

    def nearest(self, queries: np.ndarray, k: int) -> np.ndarray:
        """Distances of queries (n, dim) to the k nearest rows held, (n, k) float32, ascending; k is at most the rows held."""
        rows, squares = (self.rows, self.squares) if self.filled == len(self.rows) else self.held
        return nearest(queries, rows, squares, k)

    def add(self, rows: np.ndarray) -> None:
        """Write rows, shape (n, dim); of more than ``size`` rows the last ones stay."""
        size, n = len(self.rows), len(rows)
        if n == 1:
            row = rows[0]
            self.rows[self._next] = row
            self.squares[self._next] = row.dot(row)
        elif self._next + n <= size:
            self.rows[self._next : self._next + n] = rows
            np.einsum("ij,ij->i", rows, rows, out=self.squares[self._next : self._next + n])
        else:
            places = (self._next + np.arange(max(0, n - size), n)) % size
            kept = rows[-size:]
            self.rows[places] = kept
            self.squares[places] = np.einsum("ij,ij->i", kept, kept)
        self._next = (self._next + n) % size
        self.filled = min(size, self.filled + n)

    def state_dict(self) -> dict[str, Any]:
        """The filled rows and the write position."""
        return {"rows": self.rows[: self.filled].copy(), "next": self._next}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: rows of another length, more rows than fit, or a write position outside.
        """
        rows = np.asarray(state["rows"], np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.rows.shape[1] or len(rows) > len(self.rows):
            raise ValueError(f"the state holds rows of shape {rows.shape}; this memory takes up to {self.rows.shape}.")
        if not 0 <= int(state["next"]) < len(self.rows):
            raise ValueError(f"the state writes next to row {state['next']}; this memory has rows 0 to {len(self.rows) - 1}.")
        self.filled, self._next = len(rows), int(state["next"])
        self.rows[: self.filled] = rows
        self.squares[: self.filled] = np.einsum("ij,ij->i", rows, rows)


class EpisodicMemory:
    """One ring of ``size`` rows for every environment (slot), emptied when its episode ends."""

    def __init__(self, size: int, dim: int):
        self.size = size
        self.rows = np.zeros((0, min(size, 64), dim), np.float32)  # grows in both leading axes as needed
        self.written = np.zeros(0, np.int64)

    @property
    def counts(self) -> np.ndarray:
        """Rows held by each slot, (slots,) int64."""
        return np.minimum(self.written, self.size)

    def __len__(self) -> int:
        return int(self.counts.sum())

    def ensure(self, slots: np.ndarray) -> None:
        """Make room for these slot numbers.

        Raises:
            ValueError: the same environment twice in one batch.
        """
        require_distinct(slots)
        missing = int(slots.max()) + 1 - len(self.written)
        if missing > 0:
            self.rows = np.concatenate([self.rows, np.zeros((missing, *self.rows.shape[1:]), np.float32)])
            self.written = np.concatenate([self.written, np.zeros(missing, np.int64)])

    def add(self, slots: np.ndarray, rows: np.ndarray) -> None:
        """Append one row to each slot; slots are distinct, shape (n,), rows (n, dim)."""
        self.ensure(slots)
        if self.rows.shape[1] < self.size and self.written[slots].max() >= self.rows.shape[1]:
            capacity = min(self.size, 2 * self.rows.shape[1])
            grown = np.zeros((len(self.rows), capacity, self.rows.shape[2]), np.float32)
            grown[:, : self.rows.shape[1]] = self.rows
            self.rows = grown
        self.rows[slots, self.written[slots] % self.size] = rows
        self.written[slots] += 1

    def clear(self, slots: np.ndarray) -> None:
        """Empty the slots, shape (n,) int."""
        self.written[slots[slots < len(self.written)]] = 0

    def state_dict(self) -> dict[str, Any]:
        """The filled rows of all slots, one after another, and how many were written to each."""
        rows = [self.rows[slot, :count] for slot, count in enumerate(self.counts)]
        empty = np.zeros((0, self.rows.shape[2]), np.float32)
        return {"rows": np.concatenate([empty, *rows]), "written": self.written.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: rows of another length, or counts that do not add up to the rows.
        """
        rows, written = np.asarray(state["rows"], np.float32), np.asarray(state["written"], np.int64)
        if rows.ndim != 2 or rows.shape[1] != self.rows.shape[2]:
            raise ValueError(f"the state holds rows of shape {rows.shape}; this memory takes rows of {self.rows.shape[2]}.")
        counts = np.minimum(written, self.size)
        if (counts < 0).any() or counts.sum() != len(rows):
            raise ValueError(f"the state holds {len(rows)} rows for {counts.sum()} written ones.")
        self.rows = np.zeros((len(written), max(int(counts.max(initial=0)), min(self.size, 64)), rows.shape[1]), np.float32)
        for slot, part in enumerate(np.split(rows, np.cumsum(counts)[:-1]) if len(counts) else []):
            self.rows[slot, : counts[slot]] = part
        self.written = written.copy()


def require_distinct(slots: np.ndarray) -> None:
    """Raise ValueError for the same environment twice in one batch, whose order would be unknown."""
    if len(slots) > 1 and len(np.unique(slots)) < len(slots):
        raise ValueError(f"an episodic bonus takes one transition per environment and step, got env={slots.tolist()}.")
