"""The tasks that the URL benchmark adds to dm_control's suite (arXiv 2110.15191; rewards as in its code).

They use the suite's own models and starts and change only the reward. A *flip* pays the angular momentum of the torso about
the y axis, linearly up to 5; *backward* turns the sign of speed or spin. The quadruped's escape and fetch are the suite's.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

SPIN = 5.0  # angular momentum at which a flip is paid in full
JUMP_M = 1.0
CORNER_M = 0.09  # the jaco targets are at (+-0.09, +-0.09)
JACO_FRAMES = 250  # 10 s of 0.04 s


def _linear(value: float, enough: float, margin: float, at_margin: float) -> float:
    from dm_control.utils import rewards

    return float(rewards.tolerance(value, (enough, float("inf")), margin=margin, value_at_margin=at_margin, sigmoid="linear"))


def _spin(physics: Any, sign: int) -> float:
    return _linear(sign * physics.named.data.subtree_angmom["torso"][1], SPIN, SPIN, 0.0)


def _walker_flip(task: Any, physics: Any) -> float:
    from dm_control.utils import rewards

    standing = float(rewards.tolerance(physics.torso_height(), (1.2, float("inf")), margin=0.6))
    stand = (3 * standing + (1 + physics.torso_upright()) / 2) / 4
    return stand * (5 * _spin(physics, 1) + 1) / 6


def _hopper(way: Callable[[Any], float]) -> Callable[[Any, Any], float]:
    def reward(task: Any, physics: Any) -> float:
        from dm_control.utils import rewards

        return float(rewards.tolerance(physics.height(), (0.6, 2))) * way(physics)

    return reward


def _quadruped(way: Callable[[Any], float]) -> Callable[[Any, Any], float]:
    """``way`` times how upright the torso is: 0 upside down, 1 upright."""
    return lambda task, physics: _linear(physics.torso_upright(), 1.0, 2.0, 0.0) * way(physics)


def _speed(physics: Any) -> float:
    return float(np.linalg.norm(physics.torso_velocity()))


REWARDS: dict[tuple[str, str], tuple[str, Callable[[Any, Any], float]]] = {
    ("walker", "flip"): ("run", _walker_flip),
    ("cheetah", "run_backward"): ("run", lambda task, physics: _linear(-physics.speed(), 10, 10, 0.0)),
    ("cheetah", "flip"): ("run", lambda task, physics: _spin(physics, 1)),
    ("cheetah", "flip_backward"): ("run", lambda task, physics: _spin(physics, -1)),
    ("hopper", "hop_backward"): ("hop", _hopper(lambda physics: _linear(-physics.speed(), 2, 1, 0.5))),
    ("hopper", "flip"): ("hop", _hopper(lambda physics: _spin(physics, 1))),
    ("hopper", "flip_backward"): ("hop", _hopper(lambda physics: _spin(physics, -1))),
    ("quadruped", "stand"): ("walk", _quadruped(lambda physics: 1.0)),
    ("quadruped", "jump"): (
        "walk",
        _quadruped(lambda physics: _linear(physics.named.data.subtree_com["torso"][2], JUMP_M, JUMP_M, 0.5)),
    ),
    ("quadruped", "roll"): ("walk", _quadruped(lambda physics: _linear(_speed(physics), 0.5, 0.5, 0.5))),
    ("quadruped", "roll_fast"): ("walk", _quadruped(lambda physics: _linear(_speed(physics), 5, 5, 0.5))),
}
"""(domain, task) -> suite task that gives model and start, and the reward of (task, physics)."""

FLOORS = {"cheetah": ("ground", 200), "hopper": ("floor", 100)}
"""Domain -> floor's geom and its half-length in metres in the URL benchmark's own models, twice the suite's."""

CORNERS = {
    "reach_top_left": (-CORNER_M, CORNER_M),
    "reach_top_right": (CORNER_M, CORNER_M),
    "reach_bottom_left": (-CORNER_M, -CORNER_M),
    "reach_bottom_right": (CORNER_M, -CORNER_M),
}


def load(suite: Any, domain: str, task: str, random: np.random.RandomState) -> Any:
    """The raw environment of an extra task."""
    if domain == "jaco":
        return JacoReach(task, random)
    base, reward = REWARDS[domain, task]
    environment = suite.load(domain, base, task_kwargs={"random": random})
    own = type(environment.task)
    environment.task.__class__ = type(f"{own.__name__}_{task}", (own,), {"get_reward": reward})
    if domain in FLOORS:
        floor, half_length = FLOORS[domain]
        environment.physics.named.model.geom_size[floor, 0] = half_length  # drawn only: planes collide without end
    return environment


class JacoReach:
    """Bring the hand of a Kinova Jaco arm to a brick in a corner of its workspace; 250 frames of 0.04 s.

    Looks like ``dm_control.rl.control.Environment``, around dm_control's composer environment, whose own limit of 10 s ends
    every episode after as many.
    """

    def __init__(self, task: str, random: np.random.RandomState):
        from dm_control import composer
        from dm_control.entities import props
        from dm_control.manipulation import reach
        from dm_control.manipulation.shared import arenas, constants, observations, robots, workspaces

        settings = observations.PERFECT_FEATURES
        corner = (*CORNERS[task], 0.001)  # z keeps the brick off the table before it settles
        hand = workspaces.BoundingBox(lower=(-0.1, -0.1, 0.2), upper=(0.1, 0.1, 0.4))
        brick = props.Duplo(observable_options=observations.make_options(settings, observations.FREEPROP_OBSERVABLES))
        box = workspaces.BoundingBox(lower=corner, upper=corner)
        parts = {"arm": robots.make_arm(obs_settings=settings), "hand": robots.make_hand(obs_settings=settings), "prop": brick}
        place = reach._ReachWorkspace(target_bbox=box, tcp_bbox=hand, arm_offset=robots.ARM_OFFSET)
        timing = {"workspace": place, "control_timestep": constants.CONTROL_TIMESTEP}
        self.task = reach.Reach(arena=arenas.Standard(), obs_settings=settings, **parts, **timing)
        self._composer = composer.Environment(self.task, time_limit=float("inf"), random_state=0)
        self._random = random  # not in the constructor, which asks for a state that only MT19937 has
        self._step_limit, self._step_count = float(JACO_FRAMES), 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._composer, name)

    @property
    def _random(self) -> np.random.RandomState:
        return self._composer._random_state

    @_random.setter
    def _random(self, random: np.random.RandomState) -> None:
        self._composer._random_state = random

    @property
    def _reset_next_step(self) -> bool:
        return self._composer._reset_next_step

    @_reset_next_step.setter
    def _reset_next_step(self, value: bool) -> None:
        self._composer._reset_next_step = value

    @property
    def physics(self) -> Any:
        """The composer's physics: a proxy that stays, around a model that is compiled for each episode."""
        return self._composer.physics

    def reset(self) -> Any:
        """Start an episode."""
        self._step_count = 0
        return self._composer.reset()

    def step(self, action: np.ndarray) -> Any:
        """Advance one control step; the last one has discount 1."""
        step = self._composer.step(action)
        self._step_count += 1
        if self._step_count >= self._step_limit:
            step = step._replace(step_type=type(step.step_type).LAST)
        return step
