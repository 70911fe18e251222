"""The only place that touches OpenGL: chooses the backend, owns the contexts, draws images of MuJoCo models."""

import os
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from papergym.envs.checks import is_whole, number, one_of, sides
from papergym.envs.render import context as _context
from papergym.envs.render.backend import BACKENDS, choose_backend
from papergym.envs.render.context import open_contexts
from papergym.envs.render.error import ContextLost, RenderError
from papergym.envs.render.native import mujoco
from papergym.envs.render.quality import QUALITIES, quality

__all__ = ["BACKENDS", "QUALITIES", "RenderError", "Renderer", "check_size", "choose_backend", "open_contexts"]

MAX_SIDE_PX = 4096


def check_size(size_px: int | Sequence[int], name: str = "size_px") -> tuple[int, int]:
    """``size_px`` as (height, width) in pixels; one number means a square; ``name`` is what errors call it.

    Raises:
        ValueError: not one or two whole numbers from 1 to 4096.
    """
    if (found := sides(size_px, MAX_SIDE_PX)) is None:
        raise ValueError(f"{name} is one side or (height, width), whole numbers from 1 to {MAX_SIDE_PX}; got {size_px!r}")
    return found


POSE = ("lookat", "distance", "azimuth", "elevation")
"""What may be said of a free camera: a point in metres, a distance in metres, two angles in degrees."""


def free_pose(pose: Mapping[str, Any]) -> dict[str, Any]:
    """The pose of a free camera in plain floats.

    Raises:
        ValueError: an entry that is not of :data:`POSE`, or no finite number.
    """
    if not pose.keys() <= set(POSE):
        raise ValueError(f"the pose of a free camera has {', '.join(POSE)}; got {', '.join(map(str, pose))}")
    found: dict[str, Any] = {name: number(f"camera {name}", value) for name, value in pose.items() if name != "lookat"}
    if "lookat" in pose:
        point = pose["lookat"]
        if not isinstance(point, Sequence | np.ndarray) or len(point) != 3:
            raise ValueError(f"camera lookat is (x, y, z) in metres; got {point!r}")
        found["lookat"] = [number("camera lookat", value) for value in point]
    return found


def find_camera(model: Any, camera: int | str | Mapping[str, Any]) -> int:
    """Number of a camera given by number or name; -1 is MuJoCo's free camera, as is a mapping of its pose.

    Raises:
        ValueError: the model has no such camera; the message lists those it has.
    """
    if isinstance(camera, Mapping):
        free_pose(camera)
        return -1
    names = [mujoco.mj_id2name(model, mujoco.mjtObj.mjOBJ_CAMERA, index) or "" for index in range(model.ncam)]
    if isinstance(camera, str):
        if camera in names:
            return names.index(camera)
    elif is_whole(camera) and -1 <= camera < model.ncam:
        return int(camera)
    known = ", ".join(f"{index} ({name!r})" for index, name in enumerate(names))
    raise ValueError(f"camera {camera!r} is not in the model; it has: {known or 'none'}, and -1, the free camera")


class Renderer:
    """Draws the state of one model as (H, W, 3) uint8 images, top row first.

    The OpenGL context is made at the first frame, is shared with every other renderer of the same model, size, quality and
    lane, and is left behind when the renderer is pickled. The context of a renderer that was never closed is freed when another
    context is asked for or given back.

    Args:
        model: the compiled model; :meth:`rebind` sets another.
        size_px: side of a square, or (height, width), in pixels.
        camera: number or name of a camera of the model; -1 for the free camera, or a mapping with its pose.
        quality: ``"paper"``, ``"near"`` or ``"fast"``.
        backend: ``"egl"``, ``"osmesa"`` or ``"glfw"``; None for MUJOCO_GL or what works.
        lane: number of the thread of a pool that draws; renderers of different lanes draw at the same time.
    """

    def __init__(
        self,
        model: Any,
        *,
        size_px: int | Sequence[int] = 84,
        camera: int | str | Mapping[str, Any] = 0,
        quality: str = "paper",
        backend: str | None = None,
        lane: int = 0,
    ):
        self.lane = lane
        self.size = check_size(size_px)
        self._quality, self._backend = quality, one_of("backend", backend, (None, *BACKENDS))
        _quality_exists(quality)
        self._camera_id = find_camera(model, camera)
        self._pose = free_pose(camera) if isinstance(camera, Mapping) else {}
        self._forget()
        self._set_view(model)

    def _forget(self) -> None:
        """Hold no context."""
        self._context: Any = None
        self._key: tuple = ()
        self._unused: Any = None

    def _set_view(self, model: Any) -> None:
        self._model = model
        self._option = mujoco.MjvOption()
        self._option.flags[mujoco.mjtVisFlag.mjVIS_RANGEFINDER] = 0  # as dm_control draws
        self._perturb = mujoco.MjvPerturb()
        self._camera = mujoco.MjvCamera()
        if self._camera_id == -1:
            mujoco.mjv_defaultFreeCamera(model, self._camera)
            for name, value in self._pose.items():
                setattr(self._camera, name, value)
        else:
            self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
            self._camera.fixedcamid = self._camera_id

    def render(self, data: Any, out: np.ndarray | None = None) -> np.ndarray:
        """Image of ``data``, (H, W, 3) uint8 in a new array, or into ``out``, (H, W, 3) or channels first (3, H, W).

        Raises:
            RenderError: no backend works here; the message says what to install.
        """
        out = np.empty((*self.size, 3), np.uint8) if out is None else out
        try:
            self._draw(data, out)
        except ContextLost:  # another library ended the display; the pixels of a new context are the same
            _context.forget_lost()
            self._draw(data, out)
        return out

    def _draw(self, data: Any, out: np.ndarray) -> None:
        held = self._context
        if held is None or held.lost or held.pid != os.getpid():  # none yet, or dead, or the parent's after a fork
            self.close()
            self._key, self._context = _context.acquire(self._model, self.size, self._quality, self._backend, self.lane)
            self._unused = weakref.finalize(self, _context.leave, self._key, self._context)
            self._unused.atexit = False
        with self._context.lock:
            image = self._context.draw(self._model, data, self._option, self._perturb, self._camera)[::-1]
            np.copyto(out, image if out.shape == image.shape else image.transpose(2, 0, 1))

    def rebind(self, model: Any) -> None:
        """Draw ``model`` from now on; the context stays if it draws both models alike."""
        if model is not self._model:
            self._set_view(model)
            if self._context is not None and self._key[0] != _context.fingerprint(model):
                self.close()

    def __getstate__(self) -> dict[str, Any]:
        kept = ("size", "lane", "_quality", "_backend", "_camera_id", "_pose", "_model")
        return {name: getattr(self, name) for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()
        self._set_view(self._model)

    def close(self) -> None:
        """Give the context back; drawing again makes a new one."""
        if self._context is not None:
            self._unused.detach()
            _context.release(self._key, self._context)
            self._forget()


def _quality_exists(name: str) -> None:
    quality(name)
