"""Numba's ``njit``, whose machine code is kept next to the source, in the user's cache, or where :mod:`compiled` finds room."""

import numba

from papergym.envs import compiled as compiled  # before the first function is compiled

jit = numba.njit(cache=True)
"""Decorator: compile a function at its first call."""
