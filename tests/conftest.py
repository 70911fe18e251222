"""Settings for all tests: dm_control chooses its renderer when it is imported, and some tests compare with its pictures."""

import gc
import os
from collections.abc import Callable

import pytest

if not os.environ.get("DISPLAY"):
    os.environ.setdefault("MUJOCO_GL", "egl")
os.environ.setdefault("LP_NUM_THREADS", "0")


@pytest.fixture
def new_contexts() -> Callable[[], int]:
    """A count of the OpenGL contexts that this test has opened and not freed."""
    from papergym.envs.render import open_contexts

    gc.collect()  # else what other tests have dropped is freed in the middle of this one
    before = open_contexts()
    return lambda: open_contexts() - before
