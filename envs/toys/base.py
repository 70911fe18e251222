"""Base of the small environments: render modes, exact state, and the record type of the random-walk data sets."""

import copy
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple, TypeVar

import gymnasium as gym
import numpy as np

from papergym.envs.base import World
from papergym.envs.checks import choice_of, finite_action, one_of

ObsType = TypeVar("ObsType")
ActType = TypeVar("ActType")


class Walks(NamedTuple):
    """Episodes of a random policy, padded to one length ``T``.

    Attributes:
        observations: ``(n, T + 1, *observation shape)``; entry ``lengths[i]`` of walk ``i`` is its last observation.
        actions: ``(n, T, *action shape)``; zeros after the end.
        rewards: float32 ``(n, T)``; zeros after the end.
        terminated: bool ``(n,)``: the walk ended by the rules of the world, not by the limit ``T``.
        lengths: int64 ``(n,)``, steps.
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray
    lengths: np.ndarray


class ToyEnv(World, gym.Env[ObsType, ActType]):
    """Base of the small worlds; a world lists its mutable attributes in ``state_names``."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array", "ansi"], "render_fps": 5}
    state_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, render_mode: str | None):
        self.render_mode = one_of("render_mode", render_mode, (None, *self.metadata["render_modes"]))

    def choice(self, action: Any) -> int:
        """First thing in a step: the checked action of a Discrete world, as a Python int.

        An interrupt between this and :meth:`end` leaves no episode running.

        Raises:
            ActionError: no whole number, or outside the action space.
            gymnasium.error.ResetNeeded: no episode is running.
        """
        if self._ended or self._closed:
            self.check_running()
        chosen = choice_of(action, self.action_space, f"an action of {type(self).__name__}")  # type: ignore[arg-type]
        self._ended = True
        return chosen

    def vector(self, action: Any) -> np.ndarray:
        """:meth:`choice` of a Box world, as a new float64 array; values outside the bounds are the world's to shorten.

        Raises:
            ActionError: another shape than the action space has, no floats, or NaN or infinity.
            gymnasium.error.ResetNeeded: no episode is running.
        """
        if self._ended or self._closed:
            self.check_running()
        given = finite_action(action, self.action_space, f"an action of {type(self).__name__}")
        self._ended = True
        return given

    def get_state(self) -> dict[str, Any]:
        """Everything the next step depends on, the random generator included; arrays and JSON values only."""
        state = {name: copy.deepcopy(getattr(self, name)) for name in self.state_names}
        rng = copy.deepcopy(self.np_random.bit_generator.state)
        return {**state, "ended": self._ended, "rng": rng, "spaces": self._spaces()}

    def _spaces(self) -> str:
        return f"{self.observation_space}, {self.action_space}"

    def _restore(self, state: Mapping[str, Any]) -> None:
        keys = {*self.state_names, "ended", "rng", "spaces"}
        if set(state) != keys:
            raise ValueError(f"{type(self).__name__} expects the keys {sorted(keys)}, got {sorted(state)}")
        if state["spaces"] != self._spaces():
            raise ValueError(f"expected a state of a world with {self._spaces()}, got one of {state['spaces']}")
        self._ended = bool(state["ended"])
        self.np_random.bit_generator.state = copy.deepcopy(dict(state["rng"]))
        for name in self.state_names:
            setattr(self, name, copy.deepcopy(state[name]))

    @contextmanager
    def begin(self, seed: Any, options: Any, known: Collection[str] = ()) -> Iterator[None]:
        """Check and take the seed of a reset, whose changes stand in this block."""
        seed, _ = self.check_reset(seed, options, known)
        with self.beginning():
            gym.Env.reset(self, seed=seed)
            yield

    def end(self, over: bool) -> bool:
        """Last thing in a step: whether the episode terminated, remembered: the next step then needs a reset."""
        self._ended = bool(over)
        return self._ended

    def close(self) -> None:
        """Nothing to give back; may be called twice."""
        self._closed = True

    def render(self) -> np.ndarray | str | None:
        """``rgb_array``: uint8 ``(H, W, 3)``; ``ansi``: text; None without a render mode."""
        if self.render_mode is None:
            return self.nothing_drawn()
        self.check_open()
        return self._text() if self.render_mode == "ansi" else self._image()

    def _image(self) -> np.ndarray:
        raise NotImplementedError

    def _text(self) -> str:
        raise NotImplementedError
