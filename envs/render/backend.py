"""The choice of an OpenGL library, made once in the process that draws."""

import ctypes.util
import functools
import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from papergym.envs.checks import one_of
from papergym.envs.gl import backend_wanted
from papergym.envs.render.egl import Current, Egl
from papergym.envs.render.error import RenderError

LOGGER = logging.getLogger("papergym.render")
BACKENDS = ("egl", "osmesa", "glfw")
INSTALL = {
    "egl": "sudo apt-get install libegl1 libgl1-mesa-dri",
    "osmesa": "sudo apt-get install libosmesa6",
    "glfw": "sudo apt-get install libgl1 xvfb, then start the program with xvfb-run",
}
"""How Debian and Ubuntu install what a backend needs."""


class Backend:
    """One OpenGL platform of MuJoCo: makes contexts and remembers which context was current before ours."""

    def __init__(self, name: str):
        self.name = name
        self._platform = self._load()
        self._egl = Egl(self._platform) if name == "egl" else None
        self.software: bool | None = None  # known after the first context

    def _load(self) -> Any:
        load_triton_first()
        previous, loaded = os.environ.get("PYOPENGL_PLATFORM"), set(sys.modules)
        try:
            module: Any = importlib.import_module(f"mujoco.{self.name}")
            if self.name == "egl" and module.EGL_DISPLAY is None:
                # Set here, so that mujoco registers no eglTerminate at exit: that call would run before contexts are freed.
                display = module.create_initialized_egl_device_display()
                if display == module.EGL.EGL_NO_DISPLAY:
                    raise ImportError("no EGL device answers")
                module.EGL_DISPLAY = display
            if self.name == "osmesa":
                module.GLContext(1, 1).free()  # a missing library shows only here
            if self.name == "glfw" and not module.glfw.init():
                raise ImportError("glfw found no display")
        except Exception as error:  # PyOpenGL reports a missing library as ImportError, AttributeError, OSError or GLError
            if previous is None:
                os.environ.pop("PYOPENGL_PLATFORM", None)
            for module in set(sys.modules) - loaded:  # PyOpenGL keeps the first platform it loads; let the next one in
                if module.startswith(("OpenGL", f"mujoco.{self.name}")):
                    del sys.modules[module]
            if isinstance(error, ctypes.ArgumentError) and "KeyboardInterrupt" in str(error):
                raise KeyboardInterrupt from error  # see papergym.envs.render.egl
            raise RenderError(f"backend {self.name!r} does not work: {error}. Try: {INSTALL[self.name]}") from error
        return module

    def make_context(self, width: int, height: int, lane: int = 0) -> Any:
        """A new OpenGL context for images of up to ``height`` x ``width`` pixels, for the thread ``lane`` of a pool."""
        restore = self._restorer()  # constructors change what is current
        try:
            return self._egl.make(lane) if self._egl else self._platform.GLContext(width, height)
        except Exception as error:  # each platform raises its own type
            remedy = "Close environments that draw no more; `papergym doctor` checks whether this machine can draw."
            raise RenderError(f"{self.name} cannot make an OpenGL context: {error}. {remedy}") from error
        finally:
            restore()

    def free(self, context: Any) -> None:
        """Delete an OpenGL context."""
        restore = self._restorer()
        try:
            self._egl.free(context) if self._egl else context.free()
        finally:
            restore()

    @contextmanager
    def current(self, context: Any) -> Iterator[None]:
        """Make ``context`` current, then whatever was current before.

        dm_control believes that a context it made current once stays so; without the restoration its next frames would
        silently be drawn into ours. Releasing the context also lets another thread use it.

        Raises:
            ContextLost: another library ended the display.
        """
        restore = self._restorer()
        try:
            self._egl.make_current(context) if self._egl else context.make_current()
            yield
        finally:
            restore()

    @contextmanager
    def nothing_current(self) -> Iterator[None]:
        """Let no OpenGL context be current in this thread for a while."""
        restore = self._restorer()
        try:
            if self._egl:
                self._egl.restore(Current())
            yield
        finally:
            restore()

    def _restorer(self) -> Callable[[], None]:
        module = self._platform
        if self._egl:
            return functools.partial(self._egl.restore, self._egl.current())
        if self.name == "glfw":
            return functools.partial(module.glfw.make_context_current, module.glfw.get_current_context())
        return lambda: None  # OSMesa: whoever draws makes its own context current first


def load_triton_first() -> None:
    """Load triton, where torch has brought it along, before the first OpenGL library.

    Mesa's software renderer loads LLVM into the process, triton carries a copy of its own. In the other order the process
    crashes with a segmentation fault as soon as torch imports triton, which building an optimiser is enough for
    (triton 3.7.1 of torch 2.13.0 for CUDA, Mesa 22.3 with LLVM 15). Costs 0.13 s.
    """
    if "triton" not in sys.modules and importlib.util.find_spec("triton"):
        with suppress(ImportError):  # a triton that does not load is torch's to report
            importlib.import_module("triton")


_chosen: Backend | None = None


def _candidates() -> list[str]:
    wanted = backend_wanted()
    if wanted in BACKENDS:
        return [wanted]
    if wanted in ("off", "disable", "disabled", "false", "0"):
        raise RenderError(f"MUJOCO_GL={wanted} switches rendering off. Unset it, or set MUJOCO_GL=egl.")
    return [name for name in BACKENDS if name != "glfw" or os.environ.get("DISPLAY") or os.name == "nt"]


def choose_backend(name: str | None = None) -> Backend:
    """The backend of this process; chosen at the first call, in the order argument, MUJOCO_GL, egl, osmesa, glfw.

    Args:
        name: ``"egl"``, ``"osmesa"`` or ``"glfw"``; None leaves the choice to MUJOCO_GL or to what works.

    Raises:
        ValueError: unknown name.
        RenderError: nothing works, or another backend was chosen before (OpenGL loads one platform per process).
    """
    global _chosen
    one_of("backend", name, (None, *BACKENDS))
    if _chosen is not None:
        if name not in (None, _chosen.name):
            raise RenderError(f"this process draws with {_chosen.name}; start a new one (MUJOCO_GL={name}) to use {name}")
        return _chosen
    quiet_software_threads()
    problems = []
    for candidate in [name] if name else _candidates():
        try:
            _chosen = Backend(candidate)
            return _chosen
        except RenderError as error:
            problems.append(str(error))
    raise RenderError("no OpenGL backend works.\n" + "\n".join(problems))


def quiet_software_threads() -> None:
    """Keep llvmpipe without worker threads unless the user set LP_NUM_THREADS.

    A forked child inherits the rasteriser but not its threads, and waits for them for ever. Must run before the first
    OpenGL display of the process.
    """
    os.environ.setdefault("LP_NUM_THREADS", "0")


def has_library(name: str) -> bool:
    """Whether the shared library of a backend can be found (a hint for ``doctor``; only drawing is proof)."""
    return ctypes.util.find_library({"egl": "EGL", "osmesa": "OSMesa", "glfw": "GL"}[name]) is not None
