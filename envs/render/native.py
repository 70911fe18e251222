"""MuJoCo's bindings, typed as Any: they are compiled and ship no type stubs."""

import ctypes.util
import importlib
import os
from typing import Any

from papergym.envs.gl import backend_wanted

LIBRARIES = {"egl": "EGL", "osmesa": "OSMesa"}


def _load() -> Any:
    """Import mujoco, without its own context class where the library that MUJOCO_GL asks for is missing.

    The import would otherwise fail inside PyOpenGL with an AttributeError that names nothing;
    :mod:`papergym.envs.render.backend` reports what is missing as soon as something is to be drawn.
    """
    library, wanted = LIBRARIES.get(backend_wanted()), os.environ.get("MUJOCO_GL", "")
    if library is None or ctypes.util.find_library(library):
        return importlib.import_module("mujoco")
    os.environ["MUJOCO_GL"] = "disable"
    try:
        return importlib.import_module("mujoco")
    finally:
        os.environ["MUJOCO_GL"] = wanted


mujoco: Any = _load()
