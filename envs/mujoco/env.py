"""Gymnasium's MuJoCo v4 tasks, observed as images or float32 states."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from papergym.envs.checks import one_of
from papergym.envs.dmc.physics_state import get_physics, set_physics
from papergym.envs.mujoco.rows import TASKS
from papergym.envs.world import MujocoWorld


class MujocoV4Env(MujocoWorld):
    """A MuJoCo v4 task of Gymnasium with this package's images.

    Gymnasium's own viewer returns wrong images when two tasks are drawn in one process, and its free camera looks where an
    unseeded reset happened to be; here the camera is fixed in the model. Physics, reward and end are Gymnasium's.

    Observation: float32 vector with ``obs_type="state"``, (H, W, 3) uint8 image with ``"pixels"``. Action: float32 in
    [-1, 1], scaled to the task's own range (0.4 for humanoids, 3 for the inverted pendulum). ``truncated`` at the limit.

    Args:
        task: name of a v4 task, for example ``"Walker2d"``.
        obs_type: ``"state"`` or ``"pixels"``.
        size_px: side, or (height, width), of observed images in pixels.
        render_size_px: the same for images from :meth:`render`.
        camera: number or name of the camera; -1 for MuJoCo's free camera, or a mapping with its pose.
        quality: ``"paper"`` (MuJoCo's own defaults), ``"near"`` or ``"fast"``, see papergym.envs.render.
        limit_frames: episode limit in control steps; None for the task's own.
        render_mode: None or ``"rgb_array"``.
        backend: OpenGL backend; None for MUJOCO_GL or what works.
        lane: number of the thread of a pool that steps this environment; environments of a lane take turns.

    Source: Gymnasium, gymnasium.envs.mujoco (v4).
    """

    def __init__(
        self,
        task: str,
        *,
        obs_type: str = "state",
        size_px: int | Sequence[int] = 84,
        render_size_px: int | Sequence[int] = 240,
        camera: int | str | Mapping[str, Any] = -1,
        quality: str = "paper",
        limit_frames: int | None = None,
        render_mode: str | None = None,
        backend: str | None = None,
        lane: int = 0,
    ):
        self._set_up(locals())
        one_of("task", task, TASKS)
        self.name, self._frames, self._state = f"{task}-v4", 0, None
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*out of date.*")  # v4 is meant: papers used it
            self._task: Any = gym.make(self.name, disable_env_checker=True).unwrapped
        self._limit_frames: Any = self._arguments["limit_frames"] or gym.spec(self.name).max_episode_steps
        self._unpaid = self._info_of_a_reset()
        native = self._task.action_space
        length = int(np.prod(self._task.observation_space.shape))
        self._set_spaces(native.low.astype(np.float64), native.high.astype(np.float64), length, fps=1 / self._task.dt)

    def _native(self) -> tuple[Any, Any]:
        return self._task.model, self._task.data

    def _start(self, seed: int | None) -> dict[str, Any]:
        gym.Env.reset(self, seed=seed)
        self._task.np_random = self.np_random
        self._state, _ = self._task.reset()
        self._frames = 0
        return dict(self._unpaid)

    def _info_of_a_reset(self) -> dict[str, float]:
        """The task's info with zeros: what a step reports is known after one, which is taken here and undone."""
        before = get_physics(*self._native())
        info = self._task.step(np.zeros(self._task.action_space.shape))[4]
        set_physics(*self._native(), before)
        return dict.fromkeys(_plain(info), 0.0)

    def advance(self, action: np.ndarray) -> tuple[float, bool, bool, dict[str, Any]]:
        """One control step with a native action: reward, terminated, truncated, and the task's info as Python floats."""
        self._state, reward, terminated, _, info = self._task.step(action)
        self._frames += 1
        return float(reward), bool(terminated), self._frames >= self._limit_frames, _plain(info)

    def state_vector(self) -> np.ndarray:
        """The present state, float32 (n,), what ``obs_type="state"`` observes; a new array."""
        state = self._task._get_obs() if self._state is None else self._state
        return np.asarray(state).ravel().astype(np.float32)

    def get_state(self) -> dict[str, Any]:
        """Everything that decides the future: physics with warm start, counters, generator."""
        return {
            "task": self.name,
            **get_physics(*self._native()),
            "random": self.np_random.bit_generator.state,
            "seed": self._np_random_seed,
            "frames": self._frames,
            "ended": self._ended,
        }

    @property
    def spec_limit(self) -> int | None:
        """Frames of an episode."""
        return self._limit_frames

    def _restore(self, state: dict[str, Any]) -> None:
        if state["task"] != self.name:
            raise ValueError(f"the state is of another task: {state['task']!r}, this is {self.name}")
        set_physics(*self._native(), state)
        self._state = None  # worked out where it is asked for
        self.np_random.bit_generator.state = state["random"]
        self._task.np_random = self.np_random
        self._np_random_seed, self._frames, self._ended = state["seed"], int(state["frames"]), bool(state["ended"])

    def close(self) -> None:
        """Give back the OpenGL contexts; may be called twice."""
        super().close()
        self._task.close()


def _plain(info: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in info.items() if np.ndim(value) == 0}
