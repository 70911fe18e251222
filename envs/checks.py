"""Checks of arguments that several environments take."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces


def sides(size: Any, most: float = float("inf")) -> tuple[int, int] | None:
    """(height, width) in pixels of an image's size, which is that or one number for a square.

    None unless it is one or two whole numbers from 1 to ``most``; the caller knows what the size is called.
    """
    found = size if isinstance(size, Sequence | np.ndarray) else (size, size)
    if len(found) != 2 or not all(isinstance(side, int | np.integer) and 1 <= side <= most for side in found):
        return None
    return int(found[0]), int(found[1])


def finite_action(action: Any, space: spaces.Space, what: str) -> np.ndarray:
    """An action of a Box as a new float64 array; bounds are not looked at.

    Args:
        action: what the user gave.
        space: whose shape the action has.
        what: what errors call it, for example "the action of home_0".

    Raises:
        ValueError: another shape, or NaN or infinity.
    """
    array = np.array(action, np.float64)
    if array.shape != space.shape or not np.isfinite(array).all():
        raise ValueError(f"{what} must be {space.shape} finite numbers, got shape {array.shape}: {array}")
    return array
