"""Continuous four rooms, the goal-reaching task of the Trajectory Transformer."""

from typing import Any

import numpy as np
from gymnasium import spaces

from papergym.envs.checks import flag, number, one_of, options_of
from papergym.envs.toys import draw
from papergym.envs.toys.base import ToyEnv, Walks
from papergym.envs.toys.rooms import DOOR, place, slide


class FourRooms(ToyEnv[Any, np.ndarray]):
    """Four rooms: a point reaches a goal through doorways.

    ## Description
    The square from -1 to 1 is cut into four rooms by thin walls on the axes; each of the four wall arms has a doorway 0.2 wide,
    centred half-way. A point moves by at most `step_size` per step and slides along walls. Start and goal are drawn anew in
    each episode. The paper uses the task without rewards: a model of random trajectories is conditioned on the goal.

    ## Action Space
    `Box(-1, 1, (2,), float32)`

    | Num | Action             | Min | Max | Unit             |
    |-----|--------------------|-----|-----|------------------|
    | 0   | displacement in x  | -1  | 1   | `step_size`      |
    | 1   | displacement in y  | -1  | 1   | `step_size`      |

    Vectors longer than 1 are shortened to length 1, so that no direction is faster than another.

    ## Observation Space
    `Dict` of three `Box(-1, 1, (2,), float32)`, as Gymnasium-Robotics' goal environments have it.

    | Key             | Observation                | Min | Max | Unit               |
    |-----------------|----------------------------|-----|-----|--------------------|
    | `observation`   | position (x, y)            | -1  | 1   | half side of the world |
    | `achieved_goal` | position (x, y)            | -1  | 1   | half side of the world |
    | `desired_goal`  | goal (x, y)                | -1  | 1   | half side of the world |

    ## Rewards
    `"sparse"`: 1 within `goal_radius` of the goal, 0 elsewhere. `"dense"`: minus the straight distance to the goal.

    ## Starting State
    Start and goal uniform over the four rooms, the goal at least `goal_radius` away. `reset(options=...)` takes `"position"`
    and `"goal"`, arrays of shape `(2,)`.

    ## Episode End
    Terminated when the goal is reached, unless `continuing`. Truncated by `gym.make` after 200 steps.

    ## Arguments
    * `reward_type`: `"sparse"` (default) or `"dense"`.
    * `step_size`: longest move per step. Default 0.05.
    * `goal_radius`: distance that counts as reached, at most 1. Default 0.1.
    * `continuing`: go on after the goal is reached. Default False.
    * `render_mode`: `None`, `"rgb_array"` or `"ansi"`.

    ## Version History
    * v0: first version.

    ## Source
    Janner, Li and Levine, Offline Reinforcement Learning as One Big Sequence Modeling Problem (arXiv 2106.02039), section 3.2
    and its figure of four rooms. Code and data were not released: sizes, doors and speed are ours.
    """

    metadata = {"render_modes": ["rgb_array", "ansi"], "render_fps": 20}
    state_names = ("position", "goal", "path")

    def __init__(
        self,
        reward_type: str = "sparse",
        step_size: float = 0.05,
        goal_radius: float = 0.1,
        continuing: bool = False,
        render_mode: str | None = None,
    ):
        super().__init__(render_mode)
        self.reward_type = one_of("reward_type", reward_type, ("sparse", "dense"))
        self.continuing = flag("continuing", continuing)
        self.step_size = number("step_size", step_size, 0, above=True)
        self.goal_radius = number("goal_radius", goal_radius, 0, 1, above=True)  # beyond 1 there may be no place for a goal
        keys = ("observation", "achieved_goal", "desired_goal")
        self.observation_space = spaces.Dict({key: spaces.Box(-1.0, 1.0, (2,), np.float32) for key in keys})
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.position, self.goal, self.path = np.full(2, -0.5), np.full(2, 0.5), [[-0.5, -0.5]]

    def compute_reward(self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any) -> np.ndarray | float:
        """Reward of goals of shape ``(..., 2)``, as hindsight relabelling asks for it: shape ``(...)``."""
        distance = np.linalg.norm(np.asarray(achieved_goal) - np.asarray(desired_goal), axis=-1)
        reward = -distance if self.reward_type == "dense" else (distance < self.goal_radius).astype(np.float64)
        return float(reward) if np.ndim(reward) == 0 else reward

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Draw start and goal."""
        given = options_of(options, ("position", "goal"))
        places = {name: place(point) for name, point in given.items()}  # refused before anything changes
        with self.begin(seed, options, ("position", "goal")):
            self.position = places["position"] if "position" in places else self._draw_point()
            self.goal = places["goal"] if "goal" in places else self._draw_point()
            while "goal" not in places and np.linalg.norm(self.goal - self.position) < self.goal_radius:
                self.goal = self._draw_point()
            self.path = [self.position.tolist()]
        return self._observation(), {"is_success": False}

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Move, sliding along walls."""
        action = self.vector(action)
        move = self.step_size * action / max(1.0, float(np.linalg.norm(action)))
        self.position = slide(self.position, move)
        self.path = [*self.path[-199:], self.position.tolist()]
        observation = self._observation()
        reward = float(self.compute_reward(observation["achieved_goal"], observation["desired_goal"], {}))
        distance = np.linalg.norm(observation["achieved_goal"] - observation["desired_goal"])
        success = bool(distance < self.goal_radius)
        return observation, reward, self.end(success and not self.continuing), False, {"is_success": success}

    def _draw_point(self) -> np.ndarray:
        return place(self.np_random.uniform(-1.0, 1.0, 2))

    def _observation(self) -> dict[str, np.ndarray]:
        position, goal = self.position.astype(np.float32), self.goal.astype(np.float32)
        return {"observation": position, "achieved_goal": position.copy(), "desired_goal": goal}

    def _text(self) -> str:
        grid = np.full((21, 21), " ")
        grid[10, :] = grid[:, 10] = "#"
        for corner in (-5, 5):
            grid[10, corner + 9 : corner + 12] = grid[corner + 9 : corner + 12, 10] = " "
        for mark, point in (("G", self.goal), ("o", self.position)):
            grid[tuple(np.clip(np.rint(point * 10).astype(int) + 10, 0, 20))] = mark
        return "\n".join("".join(grid[:, row]) for row in reversed(range(21)))

    def _image(self) -> np.ndarray:
        canvas = draw.Canvas((-1.06, -1.06), (1.06, 1.06), scale=150, background=draw.INK)
        canvas.box((-1, -1), (1, 1), draw.PAPER)
        for low, high in ((-1, -DOOR[1]), (-DOOR[0], DOOR[0]), (DOOR[1], 1)):
            canvas.line([(0, low), (0, high)], draw.INK, 5)
            canvas.line([(low, 0), (high, 0)], draw.INK, 5)
        canvas.disc(self.goal, self.goal_radius, (178, 214, 188))
        canvas.disc(self.goal, 0.02, draw.GREEN)
        canvas.line(self.path, (150, 184, 226), 2)
        canvas.disc(self.position, 0.035, draw.BLUE)
        return canvas.pixels()


def random_walks(n: int, horizon: int, seed: int, turn_std: float = 0.5, **kwargs: Any) -> Walks:
    """Walks of ``horizon`` steps that keep their heading but for Gaussian turns; goals are not pursued and rewards are zero.

    The paper does not describe its four-rooms data beyond being free of rewards; persistent headings cover the rooms, which
    independent steps of this length would not.

    Args:
        n: number of walks.
        horizon: steps of each walk.
        seed: of starts and headings.
        turn_std: standard deviation of the change of heading per step, radians.
        **kwargs: arguments of :class:`FourRooms`.

    Returns:
        Observations are positions, float32 ``(n, horizon + 1, 2)``.
    """
    env, rng = FourRooms(**{**kwargs, "continuing": True}), np.random.default_rng(seed)
    headings = rng.uniform(0, 2 * np.pi, (n, 1)) + np.cumsum(rng.normal(0, turn_std, (n, horizon)), axis=1)
    actions = np.stack([np.cos(headings), np.sin(headings)], axis=-1).astype(np.float32)
    positions = np.zeros((n, horizon + 1, 2))
    for walk in range(n):
        positions[walk, 0] = place(rng.uniform(-1, 1, 2))
        for step in range(horizon):
            positions[walk, step + 1] = slide(positions[walk, step], env.step_size * actions[walk, step].astype(np.float64))
    rewards, terminated = np.zeros((n, horizon), np.float32), np.zeros(n, bool)
    return Walks(positions.astype(np.float32), actions, rewards, terminated, np.full(n, horizon))
