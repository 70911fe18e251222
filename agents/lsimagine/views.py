"""Closer views of a replay memory: each is kept once, and only where a step has one."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from papergym.agents.checkpoint.state import State
from papergym.agents.replay.packed import FieldSpec

CHUNK = 256
"""Views for which memory is taken at once."""


class ViewPool:
    """Arrays of views that are numbered by slots; a freed slot is used again.

    Args:
        fields: name -> shape and dtype of a view's parts.
    """

    def __init__(self, fields: Mapping[str, FieldSpec]) -> None:
        self.fields = {name: (tuple(shape), np.dtype(dtype)) for name, (shape, dtype) in fields.items()}
        self._chunks: list[dict[str, np.ndarray]] = []
        self._free: list[int] = []

    def __len__(self) -> int:
        """Views held."""
        return CHUNK * len(self._chunks) - len(self._free)

    @property
    def nbytes(self) -> int:
        """Memory taken."""
        return sum(array.nbytes for chunk in self._chunks for array in chunk.values())

    def add(self, view: Mapping[str, Any]) -> int:
        """Keep a view; its slot. A view that is refused changes nothing.

        Raises:
            ValueError: see :meth:`checked`.
        """
        parts = self.checked(view)
        if not self._free:
            self._grow()
        slot = self._free.pop()
        for name, rows in self._chunks[slot // CHUNK].items():
            rows[slot % CHUNK] = parts[name]
        return slot

    def checked(self, view: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The parts as arrays of their dtypes, which :meth:`add` takes.

        Raises:
            ValueError: a part that is missing, or of another shape.
        """
        for name, (shape, _) in self.fields.items():
            if name not in view or np.shape(view[name]) != shape:
                got = np.shape(view[name]) if name in view else "none"
                raise ValueError(f"expected the closer view's {name!r} of shape {shape}, got {got}.")
        return {name: np.asarray(view[name], dtype) for name, (_, dtype) in self.fields.items()}

    def _grow(self) -> None:
        begin = CHUNK * len(self._chunks)
        self._chunks.append({name: np.zeros((CHUNK, *shape), dtype) for name, (shape, dtype) in self.fields.items()})
        self._free += range(begin + CHUNK - 1, begin - 1, -1)

    def free(self, slot: int) -> None:
        """Forget the view of a slot."""
        self._free.append(slot)

    def get(self, slots: np.ndarray) -> dict[str, np.ndarray]:
        """Copies of views: name -> ``(n, *shape)`` of slots ``(n,)``."""
        found = {name: np.empty((len(slots), *shape), dtype) for name, (shape, dtype) in self.fields.items()}
        for index, slot in enumerate(slots.tolist()):
            for name, rows in self._chunks[slot // CHUNK].items():
                found[name][index] = rows[slot % CHUNK]
        return found

    def get_state(self) -> State:
        """The arrays, as views, and the free slots."""
        chunks = {
            str(index): {str(i): rows for i, rows in enumerate(chunk.values())} for index, chunk in enumerate(self._chunks)
        }
        return {"chunks": chunks, "free": np.array(self._free, np.int64)}

    def set_state(self, state: State) -> None:
        """Inverse of :meth:`get_state`."""
        saved = state["chunks"]
        self._chunks = [
            {name: np.array(saved[str(index)][str(i)]) for i, name in enumerate(self.fields)} for index in range(len(saved))
        ]
        self._free = state["free"].tolist()
