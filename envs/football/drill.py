"""Base of the football drills: one player, one ball, a pitch, and a target on the ground."""

import copy
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from papergym.envs.base import World
from papergym.envs.checks import one_of
from papergym.envs.football.dm import composer, soccer
from papergym.envs.football.image import DEFAULT_CAMERA, MatchImage
from papergym.envs.football.match import CONTROL_STEP_S, WALKERS, checked, make_ball, make_players, pitch_limits, see_far
from papergym.envs.football.observations import PlayerView
from papergym.envs.football.pickling import PicklesByState
from papergym.envs.football.simulation import Simulation

PITCH_SIZE = {"humanoid": (10.0, 7.5), "ant": (32.0, 24.0), "boxhead": (32.0, 24.0)}
"""Half-sizes of the pitch (x, y), metres; fixed, so that a reset need not compile the model anew."""


SHARED = (
    """
    ## Action Space
    `Box(-1, 1, (n,), float32)`: n = 56 joint position targets of the humanoid, 8 joint torques of the ant, or the boxhead's 3
    controls. Values are fractions of the actuator's range.

    | Num        | Action                                            | Min | Max | Unit  |
    |------------|---------------------------------------------------|-----|-----|-------|
    | 0 to n - 1 | control of an actuator, in the order of the model | -1  | 1   | range |

    ## Observation Space
    `Box(-inf, inf, (m,), float32)`; `slices()` of the unwrapped env says where each entry stands. Vectors are in the player's
    frame.

    | Num    | Observation                                                        | Min  | Max | Unit            |
    |--------|--------------------------------------------------------------------|------|-----|-----------------|
    | first  | body: joint angles and velocities, end effectors, height, sensors, vertical axis, last action | -inf | inf | SI |
    | then   | ball: angular velocity, position, linear velocity                  | -inf | inf | rad/s, m, m/s   |
    | then   | both goals and the field's corners                                 | -inf | inf | m               |
    | last   | position (3) of the target, and velocity (2) where it moves         | -inf | inf | m, m/s          |

    `info` holds dm_control's privileged statistics (`stats_*`) and `is_success`.

""",
    """

    ## Arguments
    * `walker`: `"humanoid"` (default), `"ant"` or `"boxhead"`.
    * `render_mode`: `None` or `"rgb_array"`.
    * `camera`: name of a camera of the model, such as `"soccer_ball/ball_cam"` (default), `"home0/back"` or `"top_down"`.
    * `size_px`: (height, width) of the images. Default (240, 320).
    * `quality`: `"fast"` (default), `"near"` or `"paper"`.

    ## Version History
    * v0: first version.

    ## Source
    A drill named in Liu et al., From Motor Control to Team Play in Simulated Humanoid Football (arXiv 2105.12196), on the
    bodies of `dm_control.locomotion.soccer`. The drill's code was not released: pitch, target motion and reward are ours.
    """,
)
"""Sections that the docstrings of all drills share: those before and those after the drill's own rewards, start and end."""


class Drill(PicklesByState, World, gym.Env[np.ndarray, np.ndarray]):
    """Base of the drills: one player, one ball, one pitch, and a target on the ground.

    Args:
        walker: ``"humanoid"``, ``"ant"`` or ``"boxhead"``.
        render_mode: None or ``"rgb_array"``.
        camera: name of a camera of the model.
        size_px: (height, width) of the images.
        quality: ``"fast"``, ``"near"`` or ``"paper"``.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": round(1 / CONTROL_STEP_S)}
    speed_range: ClassVar[tuple[float, float]] = (0.0, 0.0)
    has_target: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        description, *own = (cls.__doc__ or "").partition("    ## Rewards")
        cls.__doc__ = description.rstrip() + "\n" + SHARED[0] + "".join(own).rstrip() + SHARED[1]

    def __init__(
        self,
        walker: str = "humanoid",
        render_mode: str | None = None,
        camera: str | int = DEFAULT_CAMERA,
        size_px: tuple[int, int] = (240, 320),
        quality: str = "fast",
    ):
        one_of("walker", walker, WALKERS)
        one_of("render_mode", render_mode, (None, "rgb_array"))
        self.render_mode = render_mode
        self._arguments = dict(walker=walker, render_mode=render_mode, camera=camera, size_px=size_px, quality=quality)
        self._image = MatchImage(camera, size_px, quality)
        random = np.random.RandomState()
        self._player = make_players(walker, 1, 0)[0]
        size, goal = PITCH_SIZE[walker], pitch_limits(walker, 1)[2]
        arena = soccer.RandomizedPitch(min_size=size, max_size=size, goal_size=goal)  # soccer.Pitch lays planes on planes
        see_far(arena)
        root: Any = arena.mjcf_model
        colour = (1, 0.8, 0.1, 0.8 if self.has_target else 0)
        self._mark = root.worldbody.add("site", name="target", type="cylinder", size=(0.4, 0.01), rgba=colour)
        self._task = soccer.Task([self._player], arena, make_ball(walker), control_timestep=CONTROL_STEP_S)
        match = composer.Environment(
            self._task,
            random_state=random,
            strip_singleton_obs_buffer_dim=True,
            raise_exception_on_physics_error=False,
            recompile_mjcf_every_episode=False,
        )
        match.reset()  # compiles the pitch, with draws that no later reset makes: else the first episode would differ
        self._simulation = Simulation(match, random)
        self._view = PlayerView(self._simulation.observation_spec()[0], flatten=True)
        self._moves = self.speed_range[1] > 0
        entries = (self._view.space.shape or (0,))[0] + 3 * self.has_target + 2 * self._moves
        self.observation_space = spaces.Box(-np.inf, np.inf, (entries,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, self._simulation.action_spec()[0].shape, np.float32)
        self.target, self._heading, self._speed = np.zeros(2), 0.0, 0.0
        self._limit = 0.8 * np.array(PITCH_SIZE[walker])

    @property
    def _physics(self) -> Any:
        return self._simulation.physics

    def slices(self) -> dict[str, slice]:
        """Where each entry stands in the observation; the target comes last."""
        entries, start = dict(self._view.slices), (self._view.space.shape or (0,))[0]
        if self.has_target:
            entries["target_ego_position"] = slice(start, start + 3)
        if self._moves:
            entries["target_ego_velocity"] = slice(start + 3, start + 5)
        return entries

    def ball_position(self) -> np.ndarray:
        """(x, y) of the ball, metres."""
        return np.array(self._physics.bind(self._task.ball.geom).xpos[:2])

    def player_position(self) -> np.ndarray:
        """(x, y) of the player's root, metres."""
        return np.array(self._physics.bind(self._player.walker.root_body).xpos[:2])

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Place player, ball and target."""
        seed, _ = self.check_reset(seed, options)
        with self.beginning():
            gym.Env.reset(self, seed=seed)
            self._simulation.seed(self.np_random.integers(2**32, size=8, dtype=np.uint32))
            time_step = self._simulation.reset()
            self._place_target()
            self._show_target()
            return self._observation(time_step), self._info(time_step, False)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One control step of 0.025 s.

        Raises:
            ActionError: another shape than the action space has, no floats, or NaN or infinity; nothing has changed.
            gymnasium.error.ResetNeeded: no episode is running.
        """
        self.check_running()
        native, self._ended = checked(action, self.action_space), True  # an interrupted step ends the episode
        time_step = self._simulation.step([native])
        self._move_target()
        self._show_target()
        statistics = self._view.statistics(time_step.observation[0])
        goal = self._task.arena.detected_goal()
        diverged = np.ndim(time_step.reward) == 0
        reward, success = (0.0, False) if diverged else self._judge(statistics, goal)
        info, observation = self._info(time_step, success), self._observation(time_step)
        terminated = bool(success or (goal is not None and not diverged))
        self._ended = terminated or diverged
        return observation, reward, terminated, diverged, info

    def _judge(self, statistics: dict[str, float], goal: Any) -> tuple[float, bool]:
        """Reward of a step, and whether the drill is solved and over."""
        raise NotImplementedError

    def _info(self, time_step: Any, success: bool) -> dict[str, Any]:
        return {"is_success": success, **self._view.statistics(time_step.observation[0])}

    def _place_target(self) -> None:
        self.target = self.np_random.uniform(-self._limit, self._limit)
        self._heading = float(self.np_random.uniform(-np.pi, np.pi))
        self._speed = float(self.np_random.uniform(*self.speed_range))

    def _move_target(self) -> None:
        """The heading diffuses by 0.5 rad per root second; the target bounces off the border of the drill's area."""
        if not self._speed:
            return
        self._heading += float(self.np_random.normal(0.0, 0.5 * np.sqrt(CONTROL_STEP_S)))
        velocity = self._velocity()
        outside = np.abs(self.target + velocity * CONTROL_STEP_S) > self._limit
        velocity = np.where(outside, -velocity, velocity)
        self._heading = float(np.arctan2(velocity[1], velocity[0]))
        self.target = self.target + velocity * CONTROL_STEP_S

    def _velocity(self) -> np.ndarray:
        return self._speed * np.array([np.cos(self._heading), np.sin(self._heading)])

    def _show_target(self) -> None:
        number = self._physics.bind(self._mark).element_id  # raw arrays: dm_control would recompute all after a bound one
        self._physics.model.ptr.site_pos[number] = self._physics.data.ptr.site_xpos[number] = [*self.target, 0.01]

    def _observation(self, time_step: Any) -> np.ndarray:
        seen = self._view.observe(time_step.observation[0])
        if not self.has_target:
            return seen
        root = self._physics.bind(self._player.walker.root_body)
        frame = np.reshape(root.xmat, (3, 3))
        offset = frame.T @ (np.array([*self.target, 0.0]) - root.xpos)
        velocity = (frame.T @ np.array([*self._velocity(), 0.0]))[: 2 if self._moves else 0]
        return np.concatenate([seen, offset, velocity]).astype(np.float32)

    def get_state(self) -> dict[str, Any]:
        """Everything the next step depends on: nested dict of arrays and JSON values."""
        target = {"position": self.target.copy(), "heading": self._heading, "speed": self._speed}
        return {
            "match": self._simulation.get_state(),
            "target": target,
            "ended": self._ended,
            "rng": copy.deepcopy(self.np_random.bit_generator.state),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self._simulation.set_state(state["match"])
        self.np_random.bit_generator.state = copy.deepcopy(state["rng"])
        self.target = np.array(state["target"]["position"])
        self._heading, self._speed = state["target"]["heading"], state["target"]["speed"]
        self._ended = bool(state["ended"])
        self._show_target()

    def render(self) -> np.ndarray | None:
        """uint8 ``(H, W, 3)`` in mode ``rgb_array``, else None."""
        if self.render_mode is None:
            return self.nothing_drawn()
        self.check_open()
        return self._image.draw(self._physics)

    def close(self) -> None:
        """Free the OpenGL context and the compiled model; closing twice is allowed."""
        self._closed = True
        self._image.close()
        self._simulation.close()
