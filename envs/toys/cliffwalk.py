"""The Blind Cliffwalk of prioritised experience replay."""

from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces

from papergym.envs.checks import flag, is_whole
from papergym.envs.toys import draw
from papergym.envs.toys.base import ToyEnv


class Transitions(NamedTuple):
    """A full replay memory; every field has shape ``(2 ** (n + 1) - 2,)``."""

    state: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    next_state: np.ndarray
    terminated: np.ndarray


class BlindCliffwalk(ToyEnv[Any, Any]):
    """Blind Cliffwalk: a row of states in which one wrong step ends the episode.

    ## Description
    The agent stands on the first of `n` states in a row. In every state one of two actions is right and leads on; the other
    one falls off the cliff. Only the right action in the last state is rewarded, so an undirected agent sees the reward once
    in 2^n episodes. The world serves to measure how fast an agent learns from a memory of mostly useless transitions:
    `cliffwalk_memory` gives the paper's memory and `optimal_values` the values to learn.

    ## Action Space
    `Discrete(2)`

    | Num | Action                                                        |
    |-----|---------------------------------------------------------------|
    | 0   | right in even states, wrong in odd ones (always right with `alternate=False`) |
    | 1   | right in odd states, wrong in even ones (always wrong with `alternate=False`) |

    ## Observation Space
    `Discrete(n)`

    | Num | Observation         | Min | Max   | Unit  |
    |-----|---------------------|-----|-------|-------|
    | 0   | index of the state  | 0   | n - 1 | state |

    ## Rewards
    1 for the right action in the last state, 0 otherwise.

    ## Starting State
    State 0, always.

    ## Episode End
    Terminated by a wrong action, or by the right action in the last state. The last observation repeats the state that was
    left, since the end itself is not a state.

    ## Arguments
    * `n`: number of states, at least 1; the paper uses 2 to 16. Default 10.
    * `alternate`: whether the right action alternates from state to state, as in the paper's linear experiments (default),
      or is 0 everywhere.
    * `render_mode`: `None`, `"rgb_array"` or `"ansi"`.

    ## Version History
    * v0: first version.

    ## Source
    Schaul, Quan, Antonoglou and Silver, Prioritized Experience Replay (arXiv 1511.05952), section 3.1 and appendix B.1.
    """

    state_names = ("position", "fallen")

    def __init__(self, n: int = 10, alternate: bool = True, render_mode: str | None = None):
        super().__init__(render_mode)
        if not (is_whole(n) and 1 <= n <= 10**6):
            raise ValueError(f"n must be at least 1, at most 1000000, a whole number; got {n!r}")
        self.n, self.alternate = int(n), flag("alternate", alternate)
        self.observation_space = spaces.Discrete(self.n)
        self.action_space = spaces.Discrete(2)
        self.position, self.fallen = 0, False

    def right_action(self, state: int) -> int:
        """The action that does not fall off in ``state``."""
        return state % 2 if self.alternate else 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.int64, dict[str, Any]]:
        """Back to state 0."""
        with self.begin(seed, options):
            self.position, self.fallen = 0, False
        return np.int64(0), {"is_success": False}

    def step(self, action: int) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """One walk along the row."""
        action, last = self.choice(action), self.position == self.n - 1
        self.fallen = action != self.right_action(self.position)
        solved = last and not self.fallen
        if not (last or self.fallen):
            self.position += 1
        return np.int64(self.position), float(solved), self.end(last or self.fallen), False, {"is_success": solved}

    def _text(self) -> str:
        return (
            "".join("x" if i == self.position and self.fallen else "o" if i == self.position else "_" for i in range(self.n))
            + "|G"
        )

    def _image(self) -> np.ndarray:
        canvas = draw.Canvas((-0.7, -1.1), (self.n + 0.6, 1.0), scale=36)
        canvas.box((-0.7, -1.1), (self.n + 0.6, -0.4), (214, 228, 240))
        for i in range(self.n):
            canvas.box((i - 0.46, -0.62), (i + 0.46, -0.3), draw.STONE)
            canvas.text((i, -0.85), str(i), draw.INK, 7)
        canvas.line([(self.n, -0.4), (self.n, 0.6)], draw.INK, 2)
        canvas.polygon([(self.n, 0.6), (self.n + 0.5, 0.4), (self.n, 0.2)], draw.GREEN)
        height = -0.75 if self.fallen else 0.0
        canvas.disc((self.position, height), 0.27, draw.RED if self.fallen else draw.BLUE)
        return canvas.pixels()


def cliffwalk_memory(n: int, *, alternate: bool = True, rng: np.random.Generator | None = None) -> Transitions:
    """Every transition of all ``2 ** n`` action sequences, each run to its end (paper, appendix B.1).

    State ``i`` holds ``2 ** (n - 1 - i)`` copies of each action, hence exactly one of the ``2 ** (n + 1) - 2`` transitions
    carries the reward.

    Args:
        n: number of states.
        alternate: as in :class:`BlindCliffwalk`.
        rng: shuffles the memory; None keeps it ordered by state.
    """
    copies = 2 ** np.arange(n - 1, -1, -1)
    state = np.repeat(np.arange(n), 2 * copies)
    right = np.concatenate([np.repeat([True, False], count) for count in copies])
    action = np.where(right, 0, 1) ^ (state % 2 if alternate else 0)
    terminated = ~right | (state == n - 1)
    reward = (right & (state == n - 1)).astype(np.float32)
    memory = Transitions(state, action, reward, np.where(terminated, state, state + 1), terminated)
    if rng is None:
        return memory
    order = rng.permutation(len(state))
    return Transitions(*(column[order] for column in memory))


def optimal_values(n: int, *, gamma: float | None = None, alternate: bool = True) -> np.ndarray:
    """Optimal action values ``(n, 2)``: ``gamma ** (n - 1 - i)`` for the right action of state ``i``, 0 for the wrong one.

    Args:
        n: number of states.
        gamma: discount; the paper's ``1 - 1 / n`` by default.
        alternate: as in :class:`BlindCliffwalk`.
    """
    gamma = 1 - 1 / n if gamma is None else gamma
    values = np.zeros((n, 2))
    values[np.arange(n), np.arange(n) % 2 if alternate else 0] = gamma ** np.arange(n - 1, -1, -1.0)
    return values


def features(states: np.ndarray, n: int) -> np.ndarray:
    """The paper's linear representation, ``(m, n + 1)``: one-hot states and a constant bias feature."""
    return np.concatenate([np.eye(n)[np.asarray(states)], np.ones((len(states), 1))], axis=1)
