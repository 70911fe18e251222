"""The compiler options of the inner loops of the renderer."""

from typing import Any

from numba import njit
from numba.core.options import DefaultOptions

_OPTIONS: dict[str, Any] = {"error_model": "numpy", **({"_nrt": False} if hasattr(DefaultOptions, "_nrt") else {})}
"""No checks for division by zero (directions are kept away from it), and no reference counting: kernels get every array from
outside, and counting made images four times slower. That option is not part of numba's public interface; where a version
lacks it, the kernels are slower and draw the same. No fastmath: images are the same in every process."""
kernel = njit(**_OPTIONS, forceinline=True)
"""For parts of a loop. They are compiled into what calls them; numba's cache does not notice a change of a part, so whoever
changes one deletes the ``*.nbi`` and ``*.nbc`` files of ``__pycache__``."""
entry_point = njit(**_OPTIONS, cache=True, nogil=True)
"""For what Python calls. It runs without the interpreter lock, so that threads can step worlds side by side."""
