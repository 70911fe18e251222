"""dm_control tasks as Gymnasium environments."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from papergym.envs.dmc import load, physics_state
from papergym.envs.render import Renderer, check_size
from papergym.envs.render import quality as quality_named


class DmControlEnv(gym.Env[np.ndarray, np.ndarray]):
    """A dm_control task with Gymnasium's interface.

    Observation: with ``obs_type="state"`` a float32 vector, the task's observations flattened and joined in the order of its
    observation spec; with ``"pixels"`` a (H, W, 3) uint8 picture. Action: float32 in [-1, 1], scaled per actuator to its own
    range; actuators without a range (LQR) take the number itself, and MuJoCo clamps what leaves a range. Reward: the task's,
    a float. ``terminated`` is True where the task ends with discount 0, ``truncated`` at the frame limit.

    Args:
        domain: name of a suite domain, for example ``"walker"``.
        task: name of a task of that domain, for example ``"walk"``.
        obs_type: ``"state"`` or ``"pixels"``.
        size_px: side, or (height, width), of observed pictures in pixels.
        render_size_px: the same for pictures from :meth:`render`.
        camera: number or name of the camera; -1 for MuJoCo's free camera.
        quality: ``"paper"``, ``"near"`` or ``"fast"``, see papergym.envs.render.
        limit_frames: episode limit in control steps; None for the task's own.
        render_mode: None or ``"rgb_array"``.
        backend: OpenGL backend; None for MUJOCO_GL or what works.

    Source: Tassa et al. 2018, DeepMind Control Suite, arXiv 1801.00690; dm_control.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 50}

    def __init__(
        self,
        domain: str,
        task: str,
        *,
        obs_type: str = "state",
        size_px: int | Sequence[int] = 84,
        render_size_px: int | Sequence[int] = (240, 320),
        camera: int | str = 0,
        quality: str = "paper",
        limit_frames: int | None = None,
        render_mode: str | None = None,
        backend: str | None = None,
    ):
        if obs_type not in ("state", "pixels"):
            raise ValueError(f"obs_type is 'state' or 'pixels'; got {obs_type!r}")
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode is None or 'rgb_array'; got {render_mode!r}")
        self._arguments = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        self.domain, self.task, self.obs_type, self.render_mode = domain, task, obs_type, render_mode
        self._limit_frames = limit_frames
        self._sizes = {"observe": check_size(size_px), "render": check_size(render_size_px)}
        self._look = {"camera": camera, "quality": quality, "backend": backend}
        self._renderers: dict[str, Renderer] = {}
        quality_named(quality)
        self.observing = True  # ActionRepeat clears it for frames that the agent does not see
        self._ended = True
        self._build()
        self.metadata = {**type(self).metadata, "render_fps": round(1 / self._dm.control_timestep())}
        self._make_spaces()

    def _build(self) -> None:
        """Compile the model and make the task, which draws from this environment's generator."""
        self._generator = self.np_random.bit_generator
        self._random = np.random.RandomState(self._generator)  # draws from np_random itself
        self._dm = load.load(self.domain, self.task, self._random)
        self._physics, self._dm_task = self._dm.physics, self._dm.task
        if self._limit_frames is not None:
            self._dm._step_limit = float(self._limit_frames)
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()
        if self.obs_type == "pixels":
            self._renderer("observe")  # a wrong camera is reported now; OpenGL is touched at the first frame

    def _make_spaces(self) -> None:
        native = self._dm.action_spec()
        bounded = (native.maximum < 1e9) & (native.minimum > -1e9)  # MuJoCo writes 1e10 for "no range"
        low, high = np.where(bounded, native.minimum, -1.0), np.where(bounded, native.maximum, 1.0)
        self._centre, self._half_range = (low + high) / 2, (high - low) / 2
        self.action_space = spaces.Box(-1.0, 1.0, native.shape, np.float32)
        if self.obs_type == "pixels":
            self.observation_space = spaces.Box(0, 255, (*self._sizes["observe"], 3), np.uint8)
        else:
            length = sum(int(np.prod(spec.shape)) for spec in self._dm.observation_spec().values())
            self.observation_space = spaces.Box(-np.inf, np.inf, (length,), np.float32)

    @property
    def physics(self) -> Any:
        """The task's ``dm_control.mujoco.Physics``."""
        return self._physics

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode; a seed also restarts the generator, as Gymnasium asks."""
        super().reset(seed=seed)
        if seed is not None or self._generator is not self.np_random.bit_generator:
            self._reseed()
        with load.without_renderer(self._physics):
            step = self._dm.reset()
        self._ended = False
        self._observation = self._observe(step.observation)
        return self._observation, {}

    def _reseed(self) -> None:
        if self.domain == "lqr":  # draws its model when it is made
            self._build()
        else:
            self._generator = self.np_random.bit_generator
            self._random = self._dm_task._random = np.random.RandomState(self._generator)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Advance one control step (one *frame*).

        Raises:
            ValueError: wrong shape, or NaN or infinity.
            TypeError: not an array of floats.
            gymnasium.error.ResetNeeded: the episode has ended.
        """
        if self._ended:
            raise gym.error.ResetNeeded("the episode has ended: call reset() before step()")
        step = self._dm.step(self._centre + self._half_range * self._checked(action))
        self._ended = step.last()
        terminated = self._ended and step.discount == 0.0
        if self.observing or self._ended:
            self._observation = self._observe(step.observation)
        return self._observation, float(step.reward), bool(terminated), bool(self._ended and not terminated), {}

    def _checked(self, action: np.ndarray) -> np.ndarray:
        action = np.asarray(action)
        if action.dtype.kind != "f":
            raise TypeError(f"actions are float32 arrays; got dtype {action.dtype}. Convert with action.astype('float32').")
        if action.shape != self.action_space.shape:
            raise ValueError(f"an action of {self.domain} {self.task} has shape {self.action_space.shape}; got {action.shape}")
        if not np.isfinite(action).all():
            raise ValueError(f"actions are finite numbers; got {action}. Check the policy for NaN or overflow.")
        return action.astype(np.float64)

    def _observe(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        if self.obs_type == "pixels":
            return self._renderer("observe").render(self._physics.data.ptr)
        return np.concatenate([np.ravel(value) for value in observation.values()], dtype=np.float32, casting="same_kind")

    def _renderer(self, use: str) -> Renderer:
        if use not in self._renderers:
            self._renderers[use] = Renderer(self._physics.model.ptr, size_px=self._sizes[use], **self._look)
        return self._renderers[use]

    def render(self) -> np.ndarray | None:
        """The present state, (H, W, 3) uint8 of ``render_size_px``; None without a render mode."""
        if self.render_mode is None:
            gym.logger.warn("render() needs render_mode='rgb_array' in gym.make; nothing is drawn")
            return None
        return self._renderer("render").render(self._physics.data.ptr)

    def get_state(self) -> dict[str, Any]:
        """Everything that decides the future: physics with warm start, model changes, task, counters, generator."""
        return {
            "task": f"{self.domain} {self.task}",
            "dm": physics_state.get(self._dm),
            "random": self._random.get_state(legacy=False),
            "seed": self._np_random_seed,
            "ended": self._ended,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue exactly from a :meth:`get_state` of an environment of the same task.

        Raises:
            ValueError: the state is of another task.
        """
        if state["task"] != f"{self.domain} {self.task}":
            raise ValueError(f"the state is of another task: {state['task']!r}, this is {self.domain} {self.task}")
        physics_state.set(self._dm, state["dm"])
        self._random.set_state(state["random"])
        self._np_random_seed, self._ended = state["seed"], bool(state["ended"])
        self._observation: Any = None  # only ever returned for frames that nobody sees

    def __getstate__(self) -> dict[str, Any]:
        return {"arguments": self._arguments, "spec": self.spec, "state": self.get_state()}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        """Compile again and continue; OpenGL contexts and native memory stay behind."""
        self.__init__(**kept["arguments"])
        self.spec = kept["spec"]
        self.set_state(kept["state"])

    def close(self) -> None:
        """Give back the OpenGL contexts; may be called twice."""
        for renderer in self._renderers.values():
            renderer.close()
