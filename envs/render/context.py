"""OpenGL contexts: one per model, size, quality and lane, shared by every environment of the process that draws so.

A lane is a thread of a pool: contexts of different lanes draw at the same time. Other environments use lane 0, from any
thread. :data:`_LOCK` guards the table of contexts, and each context has a lock for drawing; who needs both takes the table's
first.
"""

import atexit
import hashlib
import os
import threading
from typing import Any

import numpy as np

from papergym.envs.render.backend import LOGGER, Backend, choose_backend
from papergym.envs.render.egl import Context
from papergym.envs.render.error import ContextLost, RenderError
from papergym.envs.render.native import mujoco
from papergym.envs.render.quality import Quality
from papergym.envs.render.quality import quality as quality_named

_UPLOADED = ("mesh_", "tex_", "skin_", "flex_", "hfield_", "mat_tex")
"""How names of a model's arrays begin that its OpenGL context copies (MuJoCo, render_context.c). Material colours, poses and
sizes of geoms other than planes are read at each frame; heights are uploaded again when they change."""

_LOCK = threading.RLock()
_shared: dict[tuple, "ModelContext"] = {}
_held: list["ModelContext"] = []  # locked while the process forks
_inherited: list["ModelContext"] = []  # of the parent process: never freed here, because they are not ours
_given_back: list[tuple[tuple, "ModelContext"]] = []
_fork_trap = False
_said: set[str] = set()


def fingerprint(model: Any) -> str:
    """Digest of everything of ``model`` that is copied into an OpenGL context or sizes its scene."""
    digest = hashlib.blake2b(digest_size=16)
    for name in dir(model):
        if name.startswith(_UPLOADED) and name != "hfield_data" and not name.endswith("pathadr"):
            digest.update(np.ascontiguousarray(getattr(model, name)).tobytes())
    planes = np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE)  # each is cut into tiles of its size
    digest.update(model.geom_size[planes].tobytes() + model.geom_matid[planes].tobytes())
    vis = model.vis
    sizes = (_max_geoms(model), model.ngeom, model.nskin, model.nmesh, model.ntex, model.nhfield, model.stat.extent)
    far = (vis.map.zfar, vis.map.shadowclip, vis.map.shadowscale, vis.map.fogstart, vis.map.fogend, vis.map.haze)
    lines = vis.global_.linewidth
    kept = (vis.quality.shadowsize, vis.quality.offsamples, vis.quality.numslices, vis.quality.numstacks, vis.quality.numquads)
    digest.update(repr((sizes, far, lines, kept, vis.rgba.fog.tolist(), vis.rgba.haze.tolist())).encode())
    return digest.hexdigest()


class ModelContext:
    """One OpenGL context with the meshes and textures of one model, and the scene that is rebuilt for every frame."""

    def __init__(self, backend: Backend, model: Any, size: tuple[int, int], quality: str, lane: int = 0):
        self.lock = threading.RLock()  # held while the buffer is drawn and copied
        self.backend, (self.height, self.width) = backend, size
        self.users, self.pid, self.lost = 0, os.getpid(), False
        self._hfield: np.ndarray | None = None
        self.mjr: Any = None
        setting = quality_named(quality)
        self.gl = backend.make_context(self.width, self.height, lane)
        try:
            self._upload(model, setting, quality)
        except BaseException:
            self.free()
            raise

    def _upload(self, model: Any, setting: Quality, quality: str) -> None:
        offscreen = (model.vis.global_.offwidth, model.vis.global_.offheight)
        model.vis.global_.offwidth, model.vis.global_.offheight = self.width, self.height
        try:
            with setting.applied(model), self.backend.current(self.gl):
                self.mjr = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_150)
                mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self.mjr)
                _describe(self.backend, quality)
        finally:
            model.vis.global_.offwidth, model.vis.global_.offheight = offscreen
        self.scene = mujoco.MjvScene(model, maxgeom=_max_geoms(model))
        for flag in setting.flags:
            self.scene.flags[getattr(mujoco.mjtRndFlag, flag)] = 0
        self.rect = mujoco.MjrRect(0, 0, self.width, self.height)
        self.buffer = np.empty((self.height, self.width, 3), np.uint8)  # row 0 is the bottom of the image

    def draw(self, model: Any, data: Any, option: Any, perturb: Any, camera: Any) -> np.ndarray:
        """Draw ``data`` into :attr:`buffer` (H, W, 3), bottom row first; hold :attr:`lock` until it is copied.

        Raises:
            ContextLost: another library ended the display; :func:`forget_lost`, then draw again.
        """
        if self.lost:
            raise ContextLost("another thread found that this context was lost")
        for eye in self.scene.camera:  # infinite planes are centred on the eye of the frame before: on none, as in a new scene
            eye.pos.fill(0)
        mujoco.mjv_updateScene(model, data, option, perturb, camera, mujoco.mjtCatBit.mjCAT_ALL, self.scene)
        with self.backend.current(self.gl):
            if model.nhfield:
                self._upload_heights(model)
            mujoco.mjr_render(self.rect, self.scene, self.mjr)
            mujoco.mjr_readPixels(self.buffer, None, self.rect, self.mjr)
        return self.buffer

    def _upload_heights(self, model: Any) -> None:
        """Height fields change between episodes and between the environments that share this context."""
        if self._hfield is None or not np.array_equal(self._hfield, model.hfield_data):
            self._hfield = model.hfield_data.copy()
            for index in range(model.nhfield):
                mujoco.mjr_uploadHField(model, self.mjr, index)

    def alive(self) -> bool:
        """Whether this context can draw still."""
        try:
            with self.backend.current(self.gl):
                return True
        except ContextLost:
            return False

    def free(self) -> None:
        """Delete the objects of this context while it is current: elsewhere the deletion would hit another context's."""
        try:
            with self.backend.current(self.gl):
                if self.mjr is not None:
                    self.mjr.free()
        except ContextLost:
            self.forget()
        else:
            self.backend.free(self.gl)

    def forget(self) -> None:
        """The display has been ended, and the objects of this context with it: delete nothing of OpenGL's."""
        self.lost = True
        if self.mjr is not None:
            with self.backend.nothing_current():
                self.mjr.free()


def _max_geoms(model: Any) -> int:
    """Room for each geom, site and tendon of the model with its decorations; more than a frame ever holds."""
    return max(200, 4 * model.ngeom + 3 * model.nbody + model.nsite + model.ncam + model.nlight + 20 * model.ntendon + 100)


def _say_once(message: str) -> None:
    if message not in _said:
        _said.add(message)
        LOGGER.warning(message)


def _describe(backend: Backend, quality: str) -> None:
    """Say once which backend draws and whether it is software; needs a current context."""
    if backend.software is None:
        name = _renderer_name()
        backend.software = any(word in name.lower() for word in ("llvmpipe", "softpipe", "swrast", "software"))
        LOGGER.info("drawing with %s on %s", backend.name, name)
        if backend.software:
            _say_once(f"drawing with {backend.name} in software ({name}).")
    if backend.software and quality == "paper":
        _say_once('Without a GPU, quality="fast" draws about 25 times faster than quality="paper", with slightly other pixels.')


def _renderer_name() -> str:
    from OpenGL import GL

    raw = GL.glGetString(GL.GL_RENDERER)
    return raw.decode() if isinstance(raw, bytes) else str(raw)


def acquire(model: Any, size: tuple[int, int], quality: str, backend: str | None, lane: int = 0) -> tuple[tuple, ModelContext]:
    """The shared context of ``lane`` for ``model`` at ``size`` (H, W) and ``quality``, made if there is none, and its key."""
    with _LOCK:
        _take_back()
        chosen = choose_backend(backend)
        if _fork_trap:
            raise RenderError(
                "the parent process had drawn with worker threads or on a GPU before it was forked, and a fork keeps neither. "
                'Start workers with context="spawn", or set LP_NUM_THREADS=0 before the first frame (software only).'
            )
        key = (fingerprint(model), size, quality, lane)
        if key not in _shared:
            forget_lost()  # first, because the new context may get the address of a dead one
            _shared[key] = ModelContext(chosen, model, size, quality, lane)
            _free_first_at_exit()
        _shared[key].users += 1
        return key, _shared[key]


def leave(key: tuple, context: ModelContext) -> None:
    """Give a context back without a call of OpenGL's, which the garbage collector must not make in the midst of others."""
    _given_back.append((key, context))


def release(key: tuple, context: ModelContext) -> None:
    """Give a context back; the last user frees it."""
    leave(key, context)
    _free_left()


def _free_left() -> None:
    # A finalizer of somebody may come here while this thread draws and another one, with the table, waits for the drawing.
    if _LOCK.acquire(timeout=1.0):
        try:
            _take_back()
        finally:
            _LOCK.release()


def _take_back() -> None:
    while _given_back:
        key, context = _given_back.pop()
        if _shared.get(key) is not context:  # freed at exit, or inherited from a parent process
            continue
        context.users -= 1
        if context.users == 0:
            del _shared[key]
            with context.lock:
                context.free()


def forget_lost() -> None:
    """Forget the contexts that died when another library ended the display, as pygame does when it closes a window."""
    with _LOCK:
        for key, context in list(_shared.items()):
            with context.lock:  # else it could be current in another thread
                if not context.alive():
                    del _shared[key]
                    context.forget()


def open_contexts() -> int:
    """Number of OpenGL contexts that this process holds through this room; those that nobody uses any more are freed first."""
    _free_left()
    return len(_shared)


def _free_first_at_exit() -> None:
    """Move our handler in front of any that closes the OpenGL display (dm_control registers one when it is imported)."""
    atexit.unregister(_free_all)
    atexit.register(_free_all)


def _free_all() -> None:
    while _shared:
        context = _shared.popitem()[1]
        try:
            context.free()
        except Exception:  # the platform is gone already, each with its own error: nothing is left to free
            if not isinstance(context.gl, Context):
                context.gl._context = None


def _worker_threads() -> bool:
    """Whether this process runs rasteriser threads (Linux names them after the driver)."""
    tasks = f"/proc/{os.getpid()}/task"
    if not os.path.isdir(tasks):
        return False
    names = []
    for task in os.listdir(tasks):
        try:
            with open(f"{tasks}/{task}/comm") as file:
                names.append(file.read())
        except OSError:  # the thread ended meanwhile
            continue
    return any(name.startswith("llvmpipe") for name in names)


def _before_fork() -> None:
    global _parent_unsafe
    _LOCK.acquire()
    _held.extend(_shared.values())
    for context in _held:  # no other thread may be drawing: its OpenGL library would stay locked in the child
        context.lock.acquire()
    _parent_unsafe = bool(_shared) and (_worker_threads() or not any(c.backend.software for c in _shared.values()))


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop().lock.release()
    _LOCK.release()


def _after_fork_in_child() -> None:
    """Forget the parent's contexts without freeing them, and remember whether drawing here is possible at all."""
    global _fork_trap
    _fork_trap = _fork_trap or _parent_unsafe
    _inherited.extend(_shared.values())
    for context in list(_shared.values())[:1]:
        with context.backend.nothing_current():  # EGL's first call after a fork resets its tables: before other threads call it
            pass
    _shared.clear()
    _after_fork_in_parent()


_parent_unsafe = False
os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
