"""Makes raw dm_control environments; the only importer of dm_control in this family."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from papergym.envs.checks import one_of
from papergym.envs.dmc import urlb
from papergym.envs.dmc.tasks import EXTRA_TASKS, TASKS
from papergym.envs.gl import backend_wanted
from papergym.envs.render.backend import BACKENDS, choose_backend, quiet_software_threads
from papergym.envs.render.error import RenderError


@cache
def suite() -> ModuleType:
    """``dm_control.suite``, imported so that a machine without display neither warns nor fails.

    Without MUJOCO_GL, dm_control would settle on glfw at import, warn, and fail when it renders; with a MUJOCO_GL that does
    not work, its import would fail even for those who need no images. In both cases it is told to load no renderer
    (papergym.envs.render draws, and reports what is missing); with a MUJOCO_GL that works, it obeys that as always.
    """
    quiet_software_threads()
    wanted = os.environ.get("MUJOCO_GL")
    mute = not _draws(backend_wanted()) if wanted else not os.environ.get("DISPLAY")
    if mute:
        os.environ["MUJOCO_GL"] = "disable"
    try:
        import dm_control.suite
    finally:
        if mute:
            os.environ.pop("MUJOCO_GL") if wanted is None else os.environ.update(MUJOCO_GL=wanted)
    # MuJoCo warns at every compilation of dm_control's cheetah.xml, and no user can do anything about it
    logging.getLogger("absl").addFilter(lambda record: "settotalmass" not in record.getMessage())
    return dm_control.suite


def _draws(name: str) -> bool:
    try:
        return name not in BACKENDS or bool(choose_backend(name))
    except RenderError:
        return False


def load(domain: str, task: str, random: np.random.RandomState) -> Any:
    """The raw ``dm_control.rl.control.Environment`` of a task of the suite or of the URL benchmark.

    Raises:
        ValueError: unknown domain or task; the message lists the known ones.
    """
    known = {**TASKS, **{name: {**TASKS.get(name, {}), **tasks} for name, tasks in EXTRA_TASKS.items()}}
    one_of("domain", domain, known)
    one_of(f"task of the domain {domain}", task, known[domain])
    if task in EXTRA_TASKS.get(domain, {}):
        return urlb.load(suite(), domain, task, random)
    return suite().load(domain, task, task_kwargs={"random": random})


class _Mute:
    """Stands in for dm_control's contexts, so that a task that uploads a height field does not open a window."""

    gl: Any
    mujoco: Any

    def __init__(self) -> None:
        self.gl = self.mujoco = self.ptr = self

    @contextmanager
    def make_current(self) -> Iterator["_Mute"]:
        yield self

    def call(self, function: Any, *args: Any) -> None:
        """Skip an OpenGL call; papergym.envs.render uploads height fields itself."""


_MUTE = _Mute()


@contextmanager
def without_renderer(physics: Any) -> Iterator[None]:
    """While an episode begins, keep dm_control from making an OpenGL context of its own (quadruped escape would)."""
    if physics.model.nhfield == 0 or physics._contexts is not None:
        yield
        return
    physics._contexts = _MUTE
    try:
        yield
    finally:
        physics._contexts = None


def give_random(dm: Any, random: np.random.RandomState) -> None:
    """Have the task of ``dm`` draw from ``random`` from now on."""
    owner = dm.task if hasattr(dm.task, "_random") else dm
    owner._random = random
