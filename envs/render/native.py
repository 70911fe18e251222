"""MuJoCo's bindings, typed as Any: they are compiled and ship no type stubs."""

import importlib
from typing import Any

mujoco: Any = importlib.import_module("mujoco")
