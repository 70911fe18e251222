"""EGL contexts by plain handles: what each frame calls, and what to do when another library ends the display.

PyOpenGL converts the arguments of EGL's functions by Python code, in which ctypes turns Ctrl-C into an ArgumentError. Here
arguments are integers, converted in C, so KeyboardInterrupt stays what it is. MuJoCo's module is used to find the display.
"""

import ctypes
import itertools
from typing import Any, NamedTuple

from papergym.envs.render.error import ContextLost, RenderError

_OPENGL_API, _DRAW, _READ, _TEXTURE_2D = 0x30A2, 0x3059, 0x305A, 0x0DE1
_SURFACELESS, _DEVICE, _EXTENSIONS = 0x31DD, 0x322C, 0x3055
_GONE = {0x3001: "EGL_NOT_INITIALIZED", 0x3006: "EGL_BAD_CONTEXT", 0x3008: "EGL_BAD_DISPLAY", 0x300E: "EGL_CONTEXT_LOST"}
"""Errors that say that the display was ended since the context was made."""
_HANDLES: dict[str, tuple[Any, int]] = {
    "eglBindAPI": (ctypes.c_uint, 1), "eglGetError": (ctypes.c_int, 0), "eglInitialize": (ctypes.c_uint, 3),
    "eglChooseConfig": (ctypes.c_uint, 5), "eglCreateContext": (ctypes.c_void_p, 4), "eglDestroyContext": (ctypes.c_uint, 2),
    "eglMakeCurrent": (ctypes.c_uint, 4), "eglGetCurrentContext": (ctypes.c_void_p, 0),
    "eglGetCurrentDisplay": (ctypes.c_void_p, 0), "eglGetCurrentSurface": (ctypes.c_void_p, 1),
    "eglGetProcAddress": (ctypes.c_void_p, 1), "eglGetPlatformDisplay": (ctypes.c_void_p, 3),
}  # fmt: skip
"""Function -> type of its result, number of its arguments."""
_INTEGERS = {"eglBindAPI": (0,), "eglGetCurrentSurface": (0,), "eglChooseConfig": (3,), "eglGetPlatformDisplay": (0,)}
"""Function -> places of the arguments that are no handles."""


class Current(NamedTuple):
    """What is current in a thread: handles, None where there is nothing."""

    display: int | None = None
    draw: int | None = None
    read: int | None = None
    context: int | None = None


class Context(NamedTuple):
    """One OpenGL context.

    Attributes:
        handle: EGL's. Once the display was ended, a context of another library may get the same.
        mark: name of a texture that only this context has.
        display: the display it belongs to.
    """

    handle: int
    mark: int
    display: int


class Egl:
    """The EGL display of this process that MuJoCo draws on.

    Args:
        module: ``mujoco.egl``, with its display initialized.
    """

    def __init__(self, module: Any):
        from OpenGL import platform

        theirs: Any = platform.PLATFORM
        self._library = ctypes.CDLL(theirs.EGL._name, handle=theirs.EGL._handle)  # with argument types of our own
        for name, (result, count) in _HANDLES.items():
            function = getattr(self._library, name)
            function.restype = result
            integers = _INTEGERS.get(name, ())
            function.argtypes = [ctypes.c_int if place in integers else ctypes.c_void_p for place in range(count)]
        self._display = ctypes.cast(module.EGL_DISPLAY, ctypes.c_void_p).value
        self._wanted = (ctypes.c_int * len(module.EGL_ATTRIBUTES))(*map(int, module.EGL_ATTRIBUTES))
        find = self._library.eglGetProcAddress
        self._is_texture = ctypes.CFUNCTYPE(ctypes.c_ubyte, ctypes.c_uint)(find(b"glIsTexture"))
        self._bind_texture = ctypes.CFUNCTYPE(None, ctypes.c_uint, ctypes.c_uint)(find(b"glBindTexture"))
        self._query_display = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(
            find(b"eglQueryDisplayAttribEXT") or 0
        )
        self._query_device = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int)(
            find(b"eglQueryDeviceStringEXT") or 0
        )
        self._marks = itertools.count(0x70617065)  # names that glGenTextures does not reach

    def _display_of(self, lane: int) -> int | None:
        """The display of every second lane is another one, where images are drawn in software.

        Mesa's software renderer keeps one rasteriser for each display, and a lock around it: contexts of one display draw one
        after another, whatever their threads. Mesa opens two displays without a window: MuJoCo's, and "surfaceless".
        """
        if lane % 2 == 0 or not self._software(self._display):
            return self._display
        other = self._library.eglGetPlatformDisplay(_SURFACELESS, None, None)
        if other and self._library.eglInitialize(other, None, None) and self._software(other):
            return other
        return self._display

    def _software(self, display: int | None) -> bool:
        """Whether Mesa's software renderer draws on this display, which is open."""
        device = ctypes.c_void_p()
        if not self._query_display or not self._query_device:
            return False
        if not self._query_display(display, _DEVICE, ctypes.byref(device)):
            return False
        return b"EGL_MESA_device_software" in (self._query_device(device, _EXTENSIONS) or b"").split()

    def make(self, lane: int = 0) -> Context:
        """A new OpenGL context, current; opens the display again where another library has ended it.

        Args:
            lane: number of the thread that is to draw with it, among those that draw at the same time.

        Raises:
            RenderError: EGL refuses.
        """
        egl, config, found = self._library, ctypes.c_void_p(), ctypes.c_int()
        if not egl.eglInitialize(self._display, None, None):  # no error where it is open
            raise RenderError(f"the display cannot be opened: eglInitialize fails ({egl.eglGetError():#x})")
        egl.eglBindAPI(_OPENGL_API)
        display = self._display_of(lane)
        if not egl.eglChooseConfig(display, self._wanted, ctypes.byref(config), 1, ctypes.byref(found)):
            raise self._failure("eglChooseConfig")
        if found.value < 1:
            raise RenderError("no framebuffer configuration with 8 bits per color, 24 of depth and 8 of stencil")
        handle = egl.eglCreateContext(display, config, None, None)
        if not handle:
            raise self._failure("eglCreateContext")
        if not egl.eglMakeCurrent(display, None, None, handle):
            raise self._failure("eglMakeCurrent")
        context = Context(handle, next(self._marks), display or 0)
        self._bind_texture(_TEXTURE_2D, context.mark)
        self._bind_texture(_TEXTURE_2D, 0)
        return context

    def free(self, context: Context) -> None:
        """Delete a context that lives."""
        self._library.eglDestroyContext(context.display, context.handle)

    def current(self) -> Current:
        """What is current in this thread."""
        egl = self._library
        egl.eglBindAPI(_OPENGL_API)  # "current" is asked and released per API; a new thread begins with ES
        context = egl.eglGetCurrentContext()
        if context is None:
            return Current()
        surfaces = egl.eglGetCurrentSurface(_DRAW), egl.eglGetCurrentSurface(_READ)
        return Current(egl.eglGetCurrentDisplay(), *surfaces, context)

    def make_current(self, context: Context) -> None:
        """Make ``context`` current without surfaces.

        Raises:
            ContextLost: the display was ended.
            RenderError: EGL refuses, for example because the context is current in another thread.
        """
        if not self._library.eglMakeCurrent(context.display, None, None, context.handle):
            raise self._failure("eglMakeCurrent")
        if not self._is_texture(context.mark):
            raise ContextLost("another library ended the EGL display, and its context has the address of the one before")

    def restore(self, before: Current) -> None:
        """Make current what :meth:`current` returned; if that is gone meanwhile, nothing."""
        egl, (display, draw, read, context) = self._library, before
        if context is None or not egl.eglMakeCurrent(display, draw, read, context):
            egl.eglMakeCurrent(egl.eglGetCurrentDisplay() or self._display, None, None, None)

    def _failure(self, function: str) -> RenderError:
        code = self._library.eglGetError()
        if code in _GONE:
            return ContextLost(f"another library ended the EGL display of this process: {function} fails ({_GONE[code]})")
        return RenderError(f"{function} fails ({code:#x}). Is its context in use in another thread?")
