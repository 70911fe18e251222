"""The 2-D multi-goal task of soft Q-learning."""

from typing import Any

import numpy as np
from gymnasium import spaces

from papergym.envs.checks import number
from papergym.envs.toys import draw
from papergym.envs.toys.base import ToyEnv

GOALS = np.array([[5.0, 0.0], [-5.0, 0.0], [0.0, 5.0], [0.0, -5.0]])
"""Positions of the four goals, ``(4, 2)``."""
LIMIT = 7.0
"""The world is the square from -LIMIT to LIMIT."""


class MultiGoal(ToyEnv[np.ndarray, np.ndarray]):
    """Multi-goal: a point in the plane with four equally good goals.

    ## Description
    A point mass starts at the centre of a square and controls its own displacement. Four goals lie at the same distance, so
    an optimal policy has four modes: maximum-entropy agents should visit all of them, deterministic ones settle on one.

    ## Action Space
    `Box(-1, 1, (2,), float32)`

    | Num | Action             | Min | Max | Unit                 |
    |-----|--------------------|-----|-----|----------------------|
    | 0   | displacement in x  | -1  | 1   | length unit per step |
    | 1   | displacement in y  | -1  | 1   | length unit per step |

    Larger values are clipped.

    ## Observation Space
    `Box(-7, 7, (2,), float32)`

    | Num | Observation    | Min | Max | Unit        |
    |-----|----------------|-----|-----|-------------|
    | 0   | position in x  | -7  | 7   | length unit |
    | 1   | position in y  | -7  | 7   | length unit |

    ## Rewards
    `-action_cost * |a|^2 - distance_cost * d^2`, d being the distance from the new position to the nearest goal, and
    `goal_reward` more on reaching a goal.

    ## Starting State
    Normal around the origin with standard deviation `start_std`.

    ## Episode End
    Terminated within 1 length unit of a goal. Truncated by `gym.make` after 30 steps, the official code's path length.

    ## Arguments
    * `goal_reward`: bonus on reaching a goal. Default 10.
    * `action_cost`: weight of the squared action. Default 30.
    * `distance_cost`: weight of the squared distance. Default 1.
    * `start_std`: standard deviation of the start in each coordinate. Default 0.1.
    * `render_mode`: `None`, `"rgb_array"` or `"ansi"`.

    ## Version History
    * v0: first version; constants of the official code (haarnoja/softqlearning at 6f51eac).

    ## Source
    Haarnoja, Tang, Abbeel and Levine, Reinforcement Learning with Deep Energy-Based Policies (arXiv 1702.08165), section 5.1.
    """

    state_names = ("position", "path")

    def __init__(
        self,
        goal_reward: float = 10.0,
        action_cost: float = 30.0,
        distance_cost: float = 1.0,
        start_std: float = 0.1,
        render_mode: str | None = None,
    ):
        super().__init__(render_mode)
        self.goal_reward, self.action_cost = number("goal_reward", goal_reward), number("action_cost", action_cost)
        self.distance_cost = number("distance_cost", distance_cost)
        self.start_std, self.goal_radius = number("start_std", start_std, 0), 1.0
        self.observation_space = spaces.Box(-LIMIT, LIMIT, (2,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.position, self.path = np.zeros(2), [[0.0, 0.0]]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Start near the origin."""
        with self.begin(seed, options):
            self.position = np.clip(self.np_random.normal(0.0, self.start_std, 2), -LIMIT, LIMIT)
            self.path = [self.position.tolist()]
        return self.position.astype(np.float32), {"is_success": False, "nearest_goal": self._nearest()[0]}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Move by ``action``."""
        action = np.clip(self.vector(action), -1.0, 1.0)
        self.position = np.clip(self.position + action, -LIMIT, LIMIT)
        self.path = [*self.path[-199:], self.position.tolist()]
        goal, distance = self._nearest()
        reward = -self.action_cost * float(action @ action) - self.distance_cost * distance**2
        reached = distance < self.goal_radius
        if reached:
            reward += self.goal_reward
        return self.position.astype(np.float32), reward, self.end(reached), False, {"is_success": reached, "nearest_goal": goal}

    def _nearest(self) -> tuple[int, float]:
        distances = np.linalg.norm(GOALS - self.position, axis=1)
        return int(distances.argmin()), float(distances.min())

    def _text(self) -> str:
        goal, distance = self._nearest()
        return f"({self.position[0]:+.2f}, {self.position[1]:+.2f}), {distance:.2f} from goal {goal}"

    def _image(self) -> np.ndarray:
        canvas = draw.Canvas((-LIMIT, -LIMIT), (LIMIT, LIMIT), scale=24)
        for radius in (5.0, 4.0, 3.0, 2.0):
            for goal in GOALS:
                canvas.disc(goal, radius, (228, 234, 226), ring=1)
        for goal in GOALS:
            canvas.disc(goal, self.goal_radius, (178, 214, 188))
            canvas.disc(goal, 0.14, draw.GREEN)
        canvas.line(self.path, draw.BLUE, 2)
        for point in self.path:
            canvas.disc(point, 0.1, draw.BLUE)
        canvas.disc(self.position, 0.26, draw.ORANGE)
        return canvas.pixels()
