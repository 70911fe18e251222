"""Rows of a replay memory: all fields of a transition side by side, so that a batch is one gather."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from papergym.agents.replay.checks import all_finite, flags, narrow, stored

FieldSpec = tuple[tuple[int, ...], np.dtype]
_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)  # numpy has one object for each
_OBS, _NEXT = "observations", "next_observations"


class PackedRows:
    """``capacity`` rows of bytes, each holding every field of ``fields`` (name -> shape, dtype).

    Reading a batch of rows costs one ``take`` instead of one fancy index per field, seven times less on a memory of
    a million rows. Fields are views: ``rows["rewards"]`` has shape ``(capacity, *shape)`` and may be written to.
    """

    def __init__(self, capacity: int, fields: Mapping[str, FieldSpec]) -> None:
        self.fields = {name: (tuple(shape), np.dtype(dtype)) for name, (shape, dtype) in fields.items()}
        self._place: dict[str, tuple[int, int]] = {}
        width = 0
        for name, (shape, dtype) in self.fields.items():
            width += -width % dtype.itemsize
            size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
            self._place[name] = (width, width + size)
            width += size
        self.data = np.zeros((capacity, width + -width % 8), np.uint8)  # whole rows stay aligned to 8 bytes
        self._views = self._split(self.data)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._views[name]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_views"}  # pickled, views would be copies

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._views = self._split(self.data)

    def take(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Copy of ``rows`` (int64, ``(n,)``): field name -> ``(n, *shape)``, all views of one fresh block."""
        return self._split(self.data.take(rows, axis=0))

    def load(self, data: np.ndarray) -> None:
        """Fill the first ``len(data)`` rows with what ``self.data[:n]`` held when it was saved.

        Raises:
            ValueError: see :meth:`check`.
        """
        self.check(data)
        self.data[: len(data)] = data

    def check(self, data: Any) -> None:
        """Look at rows before they are loaded.

        Raises:
            ValueError: rows of another memory, or with a number that is not finite, by its field.
        """
        array = isinstance(data, np.ndarray)
        if not array or data.dtype != np.uint8 or data.shape[1:] != self.data.shape[1:] or len(data) > len(self.data):
            got = f"shape {data.shape} ({data.dtype})" if array else f"the type {type(data).__name__}"
            raise ValueError(
                f"this memory holds {self.data.shape[0]} rows of {self.data.shape[1]} bytes; the saved one has {got}. "
                "Build the agent with the spaces and the buffer size of the saved run."
            )
        for name, values in self._split(np.ascontiguousarray(data)).items():
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                raise ValueError(f"{name}: expected finite numbers, the saved memory holds others.")
            if name in ("dones", "timeouts"):
                flags(name, values, len(values))

    def _split(self, block: np.ndarray) -> dict[str, np.ndarray]:
        views = {}
        for name, (shape, dtype) in self.fields.items():
            start, stop = self._place[name]
            views[name] = block[:, start:stop].view(dtype).reshape(len(block), *shape)
        return views


class StagedRows(PackedRows):
    """A block of rows that is filled and checked before a memory takes it, so that a refused transition changes nothing.

    Neighbouring float32 fields are checked in one go: a check costs as much as the copy of a small row.
    """

    def __init__(self, capacity: int, fields: Mapping[str, FieldSpec]) -> None:
        super().__init__(capacity, fields)
        self._find()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name not in ("_flat", "_floats")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._find()

    def write(self, values: Mapping[str, Any]) -> np.ndarray:
        """Rows with ``values``, uint8 ``(capacity, width)``, until the next call; a value has the shape of its field.

        Raises:
            ValueError: a value that is not finite or does not fit its field, by its name; see :func:`.checks.stored`.
        """
        for name, view in self._views.items():
            array = np.asarray(values[name])
            if array.shape == view.shape and (array.dtype is view.dtype or array.dtype.kind == "b"):
                view[...] = array
            elif array.dtype is _DOUBLE and view.dtype is _SINGLE and array.shape == view.shape:
                narrow(array.reshape(-1), self._flat[name])
            else:
                view[...] = stored(name, values[name], view.shape, view.dtype)
        for block in self._floats:
            if not all_finite(block):
                for name, view in self._views.items():
                    stored(name, values[name], view.shape, view.dtype)
        return self.data

    def _find(self) -> None:
        self._flat = {name: view.reshape(len(view), -1) for name, view in self._views.items()}  # no copies
        self._floats = [view for view in self._flat.values() if view.dtype.kind == "f" and view.dtype != _SINGLE]
        spans: list[list[int]] = []  # first and last byte of neighbouring float32 fields
        for start, stop in (self._place[name] for name, view in self._views.items() if view.dtype == _SINGLE):
            if spans and spans[-1][1] == start:
                spans[-1][1] = stop
            else:
                spans.append([start, stop])
        self._floats += [self.data[:, start:stop].view(_SINGLE) for start, stop in spans]


def transition_fields(observation_space: spaces.Space, action_space: spaces.Space) -> dict[str, FieldSpec]:
    """Fields of one transition for SB3's spaces; float64 is stored as float32, every other dtype as it is.

    Keys of a ``Dict`` observation become ``"observations/<key>"`` and ``"next_observations/<key>"``.
    """
    fields: dict[str, FieldSpec] = {}
    for prefix in (_OBS, _NEXT):
        if isinstance(observation_space, spaces.Dict):
            for key, space in observation_space.spaces.items():
                fields[f"{prefix}/{key}"] = _leaf(space)
        else:
            fields[prefix] = _leaf(observation_space)
    shape, dtype = _leaf(action_space)
    fields["actions"] = ((int(np.prod(shape, dtype=np.int64)),), dtype)
    fields.update(dict.fromkeys(("rewards", "dones", "timeouts"), ((), np.dtype(np.float32))))
    return fields


def flattened_fields(observation_space: spaces.Space, action_space: spaces.Space) -> dict[str, tuple[int, ...]]:
    """Shape in its space of every field that a row keeps flat: actions, and MultiDiscrete observations, of several axes."""
    held = observation_space.spaces if isinstance(observation_space, spaces.Dict) else {"": observation_space}
    found = {"actions": tuple(action_space.shape or ())}
    for key, space in held.items():
        if isinstance(space, spaces.MultiDiscrete):
            found |= {f"{prefix}/{key}" if key else prefix: tuple(space.shape) for prefix in (_OBS, _NEXT)}
    return {name: shape for name, shape in found.items() if len(shape) > 1}


def _leaf(space: spaces.Space) -> FieldSpec:
    if isinstance(space, spaces.Discrete):
        return (1,), np.dtype(np.int64)
    if isinstance(space, spaces.MultiDiscrete):
        return (int(np.prod(space.nvec.shape)),), np.dtype(space.dtype)
    if isinstance(space, (spaces.Box, spaces.MultiBinary)):
        dtype = np.dtype(space.dtype)
        return tuple(space.shape), np.dtype(np.float32) if dtype == np.float64 else dtype
    raise TypeError(f"replay memories hold Box, Discrete, MultiDiscrete, MultiBinary or a flat Dict of these, not {space}")
