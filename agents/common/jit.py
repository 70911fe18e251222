"""Numba's ``njit`` with its compile cache where one can be written, without it where not (a read-only installation)."""

from collections.abc import Callable
from typing import Any

import numba


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile ``function`` at its first call; the machine code is cached next to the source or in the user's cache."""
    try:
        return numba.njit(cache=True)(function)
    except RuntimeError:  # numba finds no folder that it may write to
        return numba.njit(function)
