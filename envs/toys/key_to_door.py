"""Key-to-Door, the long-term credit assignment task of the Decision Transformer."""

from typing import Any

import numpy as np
from gymnasium import spaces

from papergym.envs.checks import flag, is_whole
from papergym.envs.toys import draw
from papergym.envs.toys.base import ToyEnv, Walks

LEFT, RIGHT, FORWARD = 0, 1, 2
HEADINGS = np.array([[1, 0], [0, -1], [-1, 0], [0, 1]])
"""Unit vectors of the headings east, south, west, north (x right, y up)."""


class KeyToDoor(ToyEnv[np.ndarray, Any]):
    """Key-to-Door: fetch a key, cross an empty room, open the door.

    ## Description
    An episode has three phases of `phase_steps` steps, each in a square room of its own. The first room holds a key, the
    second is empty, the third holds a door. Driving onto the key takes it. Reaching the door pays only an agent that holds
    the key, so the action that matters and its reward are a whole room apart. Whether the key is held is not observed (unless
    `observe_key`): an agent needs memory, or a sequence model.

    The paper gives neither room sizes nor phase lengths, but says that a random policy succeeds in 3.1 % of episodes. The
    defaults (4x4 cells, turn/forward actions, 15 steps a phase) give 3.07 %, exactly computed.

    ## Action Space
    `Discrete(3)`

    | Num | Action                                      |
    |-----|---------------------------------------------|
    | 0   | turn left by 90 degrees                     |
    | 1   | turn right by 90 degrees                    |
    | 2   | move one cell forward; a wall blocks the move |

    ## Observation Space
    `Box(0, 1, (7 + 4 * size,), float32)`: one-hot groups, without unit.

    | Num                        | Observation                                                        | Min | Max |
    |----------------------------|--------------------------------------------------------------------|-----|-----|
    | 0 to 2                     | phase: key, empty, door                                            | 0   | 1   |
    | 3 to 6                     | heading: east, south, west, north                                  | 0   | 1   |
    | 7 to 7 + 2 size - 1        | column, then row of the agent                                      | 0   | 1   |
    | 7 + 2 size to 7 + 4 size - 1 | column, then row of the key or door; zeros where there is neither | 0   | 1   |
    | last, with `observe_key`   | whether the key is held                                            | 0   | 1   |

    ## Rewards
    1 on reaching the door with the key, 0 otherwise.

    ## Starting State
    In each room the agent's cell and heading and the object's cell are uniform, the object never under the agent.

    ## Episode End
    Terminated when the door is reached, with or without the key, or when the last phase is over: the phases are part of the
    world, and nothing can be earned after them. Never truncated.

    ## Arguments
    * `size`: cells per side of a room, at least 2. Default 4.
    * `phase_steps`: steps per phase. Default 15.
    * `observe_key`: append to the observation whether the key is held, which makes memory needless. Default False.
    * `render_mode`: `None`, `"rgb_array"` or `"ansi"`.

    ## Version History
    * v0: first version.

    ## Source
    Chen et al., Decision Transformer (arXiv 2106.01345), section 5.4 and table 5, after Mesnard et al., Counterfactual Credit
    Assignment in Model-Free Reinforcement Learning (arXiv 2011.09464). Neither released the environment.
    """

    state_names = ("elapsed", "has_key", "cells", "headings", "objects", "door_reached")

    def __init__(self, size: int = 4, phase_steps: int = 15, observe_key: bool = False, render_mode: str | None = None):
        super().__init__(render_mode)
        if not (is_whole(size) and is_whole(phase_steps) and 2 <= size <= 1000 and phase_steps >= 1):
            given = f"{size!r} and {phase_steps!r}"
            raise ValueError(
                f"size must be at least 2 and phase_steps at least 1, whole numbers, size at most 1000; got {given}"
            )
        size, observe_key = int(size), flag("observe_key", observe_key)
        self.size, self.phase_steps, self.observe_key = size, int(phase_steps), observe_key
        self.observation_space = spaces.Box(0.0, 1.0, (7 + 4 * size + observe_key,), np.float32)
        self.action_space = spaces.Discrete(3)
        self.elapsed, self.has_key, self.door_reached = 0, False, False
        self.cells, self.objects = np.zeros((3, 2), np.int64), np.ones((3, 2), np.int64)  # (phase, column and row)
        self.headings = np.zeros(3, np.int64)

    @property
    def phase(self) -> int:
        """0 key, 1 empty room, 2 door."""
        return min(self.elapsed // self.phase_steps, 2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Draw the three rooms."""
        with self.begin(seed, options):
            cells = self.size**2
            agent = self.np_random.integers(cells, size=3)
            target = (agent + self.np_random.integers(1, cells, size=3)) % cells  # uniform over the other cells
            self.cells = np.stack(np.divmod(agent, self.size), axis=1)
            self.objects = np.stack(np.divmod(target, self.size), axis=1)
            self.headings = self.np_random.integers(4, size=3)
            self.elapsed, self.has_key, self.door_reached = 0, False, False
        return self._observation(), self._info()

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One turn or move."""
        action, phase = self.choice(action), self.phase
        cell = self.cells[phase]
        if action == FORWARD:
            cell[:] = np.clip(cell + HEADINGS[self.headings[phase]], 0, self.size - 1)
        else:
            self.headings[phase] = (self.headings[phase] + (1 if action == RIGHT else -1)) % 4
        on_object = bool((cell == self.objects[phase]).all())
        self.has_key |= phase == 0 and on_object
        self.door_reached = phase == 2 and on_object
        self.elapsed += 1
        reward = float(self.door_reached and self.has_key)
        over = self.door_reached or self.elapsed == 3 * self.phase_steps
        return self._observation(), reward, self.end(over), False, self._info()

    def get_keys_to_action(self) -> dict[str, int]:
        """Keys of ``gymnasium.utils.play`` and ``papergym play``."""
        return {"a": LEFT, "d": RIGHT, "w": FORWARD}

    def _info(self) -> dict[str, Any]:
        return {"has_key": self.has_key, "phase": self.phase, "is_success": self.door_reached and self.has_key}

    def _observation(self) -> np.ndarray:
        phase, n = self.phase, self.size
        observation = np.zeros(self.observation_space.shape or (), np.float32)
        column, row = self.cells[phase]
        observation[[phase, 3 + self.headings[phase], 7 + column, 7 + n + row]] = 1
        if phase == 2 or (phase == 0 and not self.has_key):
            column, row = self.objects[phase]
            observation[[7 + 2 * n + column, 7 + 3 * n + row]] = 1
        if self.observe_key:
            observation[-1] = self.has_key
        return observation

    def _text(self) -> str:
        phase, n = self.phase, self.size
        grid = np.full((n, n), ".")
        if phase == 2 or (phase == 0 and not self.has_key):
            grid[tuple(self.objects[phase])] = "KxD"[phase]
        grid[tuple(self.cells[phase])] = ">v<^"[self.headings[phase]]
        rows = ["".join(grid[:, row]) for row in reversed(range(n))]
        return "\n".join([f"{('key', 'empty', 'door')[phase]} room, key {'held' if self.has_key else 'not held'}", *rows])

    def _image(self) -> np.ndarray:
        n = self.size
        canvas = draw.Canvas((-0.5, -1.0), (3 * n + 2.5, n + 0.5), scale=30, background=draw.INK)
        for phase in range(3):
            self._draw_room(canvas, phase, left=phase * (n + 1))
        left = 1.5 * n + 1
        canvas.text((left, -0.5), f"key {'held' if self.has_key else 'not held'}, step {self.elapsed}", draw.PAPER, 9)
        return canvas.pixels()

    def _draw_room(self, canvas: draw.Canvas, phase: int, left: float) -> None:
        n, here = self.size, phase == self.phase
        for cell in range(n * n):
            x, y = left + cell // n, cell % n
            shade = 250 if here else 165
            canvas.box((x + 0.02, y + 0.02), (x + 0.98, y + 0.98), (shade, shade - 4, shade - 12))
        x, y = self.objects[phase] + np.array([left + 0.5, 0.5])
        if phase == 0 and not self.has_key:
            canvas.disc((x - 0.17, y), 0.15, draw.ORANGE, ring=3)
            canvas.line([(x, y), (x + 0.34, y), (x + 0.34, y - 0.14)], draw.ORANGE, 3)
            canvas.line([(x + 0.2, y), (x + 0.2, y - 0.12)], draw.ORANGE, 3)
        if phase == 2:
            canvas.box((x - 0.28, y - 0.42), (x + 0.28, y + 0.42), draw.GREEN if self.has_key else draw.RED)
            canvas.disc((x + 0.15, y), 0.06, draw.PAPER)
        if here:
            middle = self.cells[phase] + np.array([left + 0.5, 0.5])
            ahead = HEADINGS[self.headings[phase]] * 0.36
            across = np.array([-ahead[1], ahead[0]]) * 0.8
            canvas.polygon([middle + ahead, middle - ahead + across, middle - ahead - across], draw.BLUE)


def random_walks(n: int, seed: int, **kwargs: Any) -> Walks:
    """``n`` episodes of the uniform random policy; the paper's data sets have 1 000 and 10 000.

    Args:
        n: number of episodes.
        seed: of rooms and actions.
        **kwargs: arguments of :class:`KeyToDoor`.
    """
    env, rng = KeyToDoor(**kwargs), np.random.default_rng(seed)
    steps, shape = 3 * env.phase_steps, env.observation_space.shape or ()
    observations, rewards = np.zeros((n, steps + 1, *shape), np.float32), np.zeros((n, steps), np.float32)
    actions = rng.integers(3, size=(n, steps))
    lengths = np.zeros(n, np.int64)
    env.reset(seed=int(rng.integers(2**31)))
    for walk in range(n):
        observations[walk, 0], _ = env.reset()
        for step in range(steps):
            observations[walk, step + 1], rewards[walk, step], over, _, _ = env.step(actions[walk, step])
            if over:
                lengths[walk], actions[walk, step + 1 :] = step + 1, 0
                break
    return Walks(observations, actions, rewards, np.ones(n, bool), lengths)
