"""From dm_control's nested float64 observations to float32 arrays, with the privileged statistics apart."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces


class PlayerView:
    """What one player sees: which entries, in which order, and in which space.

    Args:
        spec: observation spec of one player, name -> array spec.
        flatten: one float32 vector, rather than a dict of float32 arrays.
    """

    def __init__(self, spec: Mapping[str, Any], *, flatten: bool):
        self.stats = tuple(name for name in spec if name.startswith("stats_"))
        self.names = tuple(name for name in spec if name not in self.stats and np.prod(spec[name].shape) > 0)
        self.flatten = flatten
        sizes = [int(np.prod(spec[name].shape)) for name in self.names]
        ends = np.cumsum(sizes)
        self.slices = {name: slice(int(end - size), int(end)) for name, end, size in zip(self.names, ends, sizes)}
        """Where each entry stands in the flat vector."""
        boxes: dict[str, spaces.Space[Any]] = {name: _box(spec[name].shape) for name in self.names}
        self.space: spaces.Space[Any] = _box((int(ends[-1]),)) if flatten else spaces.Dict(boxes)

    def observe(self, observation: Mapping[str, np.ndarray]) -> Any:
        """A new float32 observation in :attr:`space`."""
        if not self.flatten:
            return {name: np.array(observation[name], np.float32) for name in self.names}
        vector = np.empty(self.space.shape or (), np.float32)
        for name, part in self.slices.items():
            vector[part] = np.ravel(observation[name])
        return vector

    def statistics(self, observation: Mapping[str, np.ndarray]) -> dict[str, float]:
        """The privileged ``stats_*`` entries as floats."""
        return {name: float(observation[name]) for name in self.stats}


def _box(shape: tuple[int, ...]) -> spaces.Box:
    return spaces.Box(-np.inf, np.inf, shape, np.float32)
