"""The OpenGL library that the user asks for; importing this loads none."""

import os


def backend_wanted() -> str:
    """The variable MUJOCO_GL as MuJoCo reads it: lower case, without spaces; empty where it is unset."""
    return os.environ.get("MUJOCO_GL", "").strip().lower()
