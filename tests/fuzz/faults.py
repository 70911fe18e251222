"""What the classes of inputs share: faults, odd values, and the comparison of states."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

ODD: list[Any] = [-1, 0, 1, 2**31, 10**30, 0.5, -0.0, math.nan, math.inf, -math.inf, True, False, "", "nan", "-1", "1e400"]
ODD += ["banana", "[", "[/i]", "\u0663", "x" * 300, "a:b", "../x", "\n", "'", '"', [], [1, "a"], {}, {"a": 1}]


class Fault(Exception):
    """What should not happen: its kind, and the input."""


def refused(state: Callable[[], Any], act: Callable[[], Any], what: str, errors: tuple[type[Exception], ...]) -> bool:
    """Whether ``act`` was refused, by one of ``errors``.

    Raises:
        Fault: it was, and ``state()`` is another one than before.
    """
    before = state()
    try:
        act()
    except errors as error:
        if not same(before, state()):
            raise Fault("changed", what) from error
        return True
    return False


def same(one: Any, other: Any) -> bool:
    """Whether two states, of dicts, lists, arrays, tensors and plain values, are equal; NaN equals NaN."""
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return isinstance(other, list | tuple) and len(one) == len(other) and all(map(same, one, other))
    left, right = np.asarray(one), np.asarray(other)
    return np.array_equal(left, right, equal_nan=left.dtype.kind in "fc" and right.dtype.kind in "fc")
