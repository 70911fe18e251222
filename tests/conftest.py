"""Settings for all tests: dm_control chooses its renderer when it is imported, and some tests compare with its pictures."""

import os

if not os.environ.get("DISPLAY"):
    os.environ.setdefault("MUJOCO_GL", "egl")
os.environ.setdefault("LP_NUM_THREADS", "0")
