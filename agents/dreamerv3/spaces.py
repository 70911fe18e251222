"""What DreamerV3 makes of Gymnasium's spaces."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from gymnasium import spaces

from papergym.agents.errors import BadNumbersError
from papergym.agents.replay.packed import FieldSpec


@dataclass(frozen=True)
class Part:
    """One entry of the observation.

    Attributes:
        key: name in a Dict observation, ``observation`` where it is none.
        kind: ``image`` (uint8, channels first), ``vector`` (any numbers, flat) or ``classes`` (whole numbers from 0).
        shape: of one observation.
        classes: number of classes of each entry; () for other kinds.
        start: lowest number of each entry; () for other kinds.
    """

    key: str
    kind: Literal["image", "vector", "classes"]
    shape: tuple[int, ...]
    classes: tuple[int, ...] = ()
    start: tuple[int, ...] = ()

    @property
    def field(self) -> FieldSpec:
        """Shape and dtype in the replay memory."""
        dtype = {"image": np.uint8, "vector": np.float32, "classes": np.int32}[self.kind]
        return self.shape, np.dtype(dtype)

    @property
    def inputs(self) -> int:
        """Numbers that the encoder sees of a part that is no image."""
        return sum(self.classes) if self.classes else self.shape[0]

    def array(self, observation: np.ndarray) -> np.ndarray:
        """``(n, ...)`` from the environment as ``(n, *shape)`` for memory and networks; classes count from 0.

        Raises:
            BadNumbersError: NaN, infinity, or what float32 cannot hold.
        """
        with np.errstate(over="ignore"):
            values = np.asarray(observation, self.field[1]).reshape(len(observation), *self.shape)
        if self.kind == "vector" and not np.isfinite(values).all():
            raise BadNumbersError(f"expected finite numbers in the observation {self.key!r}, got {values.tolist()}")
        return values - np.array(self.start, values.dtype) if self.start else values


def observation_parts(space: spaces.Space) -> tuple[Part, ...]:
    """Parts of an observation space, images channels first as SB3's VecTransposeImage gives them.

    Raises:
        ValueError: a space that is no Box, Discrete, MultiDiscrete, MultiBinary or flat Dict of these.
    """
    if isinstance(space, spaces.Dict):
        return tuple(_part(key, part) for key, part in space.spaces.items())
    return (_part("observation", space),)


def _part(key: str, space: spaces.Space) -> Part:
    if isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) == 3:
        if min(space.shape) != space.shape[0]:
            raise ValueError(
                f"expected {key!r} as an image from 0 to 255 with channels first or last, got one of shape {space.shape} "
                f"from {space.low.min()} to {space.high.max()}."
            )
        return Part(key, "image", space.shape)
    if isinstance(space, (spaces.Box, spaces.MultiBinary)):
        return Part(key, "vector", (int(np.prod(space.shape)),))
    if isinstance(space, spaces.Discrete):
        return Part(key, "classes", (1,), (int(space.n),), (int(space.start),))
    if isinstance(space, spaces.MultiDiscrete):
        classes = tuple(int(count) for count in space.nvec.ravel())
        return Part(key, "classes", (len(classes),), classes, tuple(int(least) for least in space.start.ravel()))
    raise ValueError(f"expected Box, Discrete, MultiDiscrete, MultiBinary or a flat Dict of these, got {key!r}: {space}.")


class ActionCode:
    """Actions as vectors: a one-hot, or numbers that mean low and high at -1 and 1.

    Args:
        space: Discrete, or a Box with finite bounds.

    Attributes:
        width: of the vector.
        discrete: whether it is a one-hot.

    Raises:
        ValueError: another space, or a Box without bounds.
    """

    def __init__(self, space: spaces.Space) -> None:
        self.space = space
        self.discrete = isinstance(space, spaces.Discrete)
        if isinstance(space, spaces.Discrete):
            self.width = int(space.n)
        elif isinstance(space, spaces.Box) and space.is_bounded():
            self.width = int(np.prod(space.shape))
        else:
            raise ValueError(f"expected Discrete actions or a Box with finite bounds, got {space}. Wrap the environment.")

    def action(self, vectors: np.ndarray) -> Any:
        """``(n, width)`` float32 -> actions of the environment; vectors outside of -1 ... 1 are clipped."""
        if isinstance(self.space, spaces.Discrete):
            return vectors.argmax(1) + int(self.space.start)
        assert isinstance(self.space, spaces.Box)
        unit = (np.clip(vectors, -1, 1).reshape(len(vectors), *self.space.shape) + 1) / 2
        return (self.space.low + unit * (self.space.high - self.space.low)).astype(self.space.dtype)
