"""dm_control tasks as Gymnasium environments."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from papergym.envs.dmc import load, physics_state
from papergym.envs.dmc.shared import SharedModels
from papergym.envs.world import MujocoWorld

LARGEST_FORCE = 1e6
"""Largest action of an actuator without a range: MuJoCo gives up where accelerations exceed 1e10."""


class DmControlEnv(MujocoWorld):
    """A dm_control task with Gymnasium's interface.

    Observation: with ``obs_type="state"`` a float32 vector, the task's observations flattened and joined in the order of its
    observation spec; with ``"pixels"`` a (H, W, 3) uint8 image. Action: float32 in [-1, 1], scaled per actuator to its own
    range; actuators without a range (LQR) take the number itself, and MuJoCo clamps what leaves a range. Reward: the task's,
    a float. ``terminated`` is True where the task ends with discount 0, ``truncated`` at the frame limit.

    Args:
        domain: name of a suite domain, for example ``"walker"``.
        task: name of a task of that domain, for example ``"walk"``; also the extra tasks of papergym.envs.dmc.urlb.
        obs_type: ``"state"`` or ``"pixels"``.
        size_px: side, or (height, width), of observed images in pixels.
        render_size_px: the same for images from :meth:`render`.
        camera: number or name of the camera; -1 for MuJoCo's free camera, or a mapping with its pose.
        quality: ``"paper"``, ``"near"`` or ``"fast"``, see papergym.envs.render.
        limit_frames: episode limit in control steps; None for the task's own.
        render_mode: None or ``"rgb_array"``.
        backend: OpenGL backend; None for MUJOCO_GL or what works.
        share_model: read one compiled model with the other environments of the process that have the same task and lane and
            are made so; or with those that are given the same SharedModels. They must be stepped one after another.
        lane: number of the thread of a pool that steps this environment; environments of a lane take turns.

    Source: Tassa et al. 2018, DeepMind Control Suite, arXiv 1801.00690; dm_control.
    """

    def __init__(
        self,
        domain: str,
        task: str,
        *,
        obs_type: str = "state",
        size_px: int | Sequence[int] = 84,
        render_size_px: int | Sequence[int] = (240, 320),
        camera: int | str | Mapping[str, Any] = 0,
        quality: str = "paper",
        limit_frames: int | None = None,
        render_mode: str | None = None,
        backend: str | None = None,
        share_model: bool | SharedModels = False,
        lane: int = 0,
    ):
        self._set_up(locals())
        self.domain, self.task, self.name = domain, task, f"{domain} {task}"
        self._limit_frames, self._shared = self._arguments["limit_frames"], SharedModels.given(share_model)
        self._build()
        native = self._dm.action_spec()
        bounded = (native.maximum < 1e9) & (native.minimum > -1e9)  # MuJoCo writes 1e10 for "no range"
        low, high = np.where(bounded, native.minimum, -1.0), np.where(bounded, native.maximum, 1.0)
        length = sum(int(np.prod(spec.shape)) for spec in self._dm.observation_spec().values())
        self._set_spaces(low, high, length, fps=1 / self._dm.control_timestep())
        if not bounded.all():
            self._largest = np.where(bounded, np.inf, LARGEST_FORCE)

    def _build(self) -> None:
        """Compile the model and make the task, which draws from this environment's generator."""
        self._generator = self.np_random.bit_generator
        self._random = np.random.RandomState(self._generator)  # draws from np_random itself
        self._dm = load.load(self.domain, self.task, self._random)
        if self._shared is not None:
            self._shared.join(self._dm, self.domain, self.task, self._arguments["lane"])
        self._physics = self._dm.physics
        self._composed = self.domain == "jaco"  # dm_control's composer, with a step of its own
        if self._limit_frames is not None:
            self._dm._step_limit = float(self._limit_frames)
        self._rebind(self._physics.model.ptr)

    @property
    def physics(self) -> Any:
        """The task's ``dm_control.mujoco.Physics``."""
        return self._physics

    def _native(self) -> tuple[Any, Any]:
        return self._physics.model.ptr, self._physics.data.ptr

    def _start(self, seed: int | None) -> dict[str, Any]:
        gym.Env.reset(self, seed=seed)
        if seed is not None or self._generator is not self.np_random.bit_generator:
            self._reseed()
        self._begin()
        return {}

    def _begin(self) -> None:
        with load.without_renderer(self._physics):
            self._observations = self._dm.reset().observation
        self._physics = self._dm.physics
        self._rebind(self._physics.model.ptr)  # jaco compiles its model for each episode

    def _reseed(self) -> None:
        if self.domain == "lqr":  # draws its model when it is made
            self._build()
        else:
            self._generator = self.np_random.bit_generator
            self._random = np.random.RandomState(self._generator)
            load.give_random(self._dm, self._random)

    def advance(self, action: np.ndarray) -> tuple[float, bool, bool, dict[str, Any]]:
        """One control step with a native action: reward, terminated, truncated, info (empty)."""
        if self._composed:
            step = self._dm.step(action)
            self._observations = step.observation
            terminated = bool(step.last() and step.discount == 0.0)
            return float(step.reward), terminated, step.last() and not terminated, {}
        # dm_control's Environment.step without its observation, which an image or a repeated frame does not need
        dm, task, physics = self._dm, self._dm.task, self._physics
        task.before_step(action, physics)
        physics.step(dm._n_sub_steps)
        task.after_step(physics)
        reward = float(task.get_reward(physics))
        dm._step_count += 1
        discount = 1.0 if dm._step_count >= dm._step_limit else task.get_termination(physics)
        dm._reset_next_step = discount is not None
        return reward, discount == 0.0, discount is not None and discount != 0.0, {}

    def state_vector(self) -> np.ndarray:
        """The present state, float32 (n,), what ``obs_type="state"`` observes; a new array."""
        parts = (self._observations if self._composed else self._dm.task.get_observation(self._physics)).values()
        return np.concatenate([np.ravel(part) for part in parts], dtype=np.float32, casting="same_kind")

    def get_state(self) -> dict[str, Any]:
        """Everything that decides the future: physics with warm start, model changes, task, counters, generator."""
        return {
            "task": self.name,
            "dm": physics_state.get(self._dm),
            "random": self._random.get_state(legacy=False),
            "seed": self._np_random_seed,
            "ended": self._ended,
        }

    @property
    def spec_limit(self) -> int | None:
        """Frames of an episode; None where the task never ends by itself."""
        return math.ceil(self._dm._step_limit) if math.isfinite(self._dm._step_limit) else None

    def _restore(self, state: dict[str, Any]) -> None:
        if state["task"] != self.name:
            raise ValueError(f"the state is of another task: {state['task']!r}, this is {self.name}")
        self._begin()
        physics_state.set(self._dm, state["dm"])
        if self._composed:
            self._dm._observation_updater.reset(self._dm._physics_proxy, self._random)
            self._observations = self._dm._observation_updater.get_observation()
        self._random.set_state(state["random"])
        self._np_random_seed, self._ended = state["seed"], bool(state["ended"])
