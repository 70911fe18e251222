"""The compiler options of the inner loops of the renderer."""

from typing import Any

from numba import njit

_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "_nrt": False}
kernel = njit(**_OPTIONS)
"""No reference counting (kernels get every array from outside, and counting cost more than casting a ray) and no checks for
division by zero (directions are kept away from it). No fastmath: pictures are the same in every process."""
