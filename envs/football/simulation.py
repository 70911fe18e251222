"""One dm_control match with its randomness and its exact state."""

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from papergym.envs.football.dm import composer

_mujoco: Any = mujoco  # its compiled functions have no type stubs
_INTEGRATION = _mujoco.mjtState.mjSTATE_INTEGRATION
_DERIVED = ("sensordata", "qacc", "actuator_force", "cacc", "cfrc_int", "cfrc_ext", "site_xpos")
_MODEL = ("geom_rgba", "site_rgba", "site_pos")
_BALL = ("_hit", "_repossessed", "_intercepted", "_pos_at_last_step", "_dist_since_last_hit", "_dist_between_last_hits")


class Simulation:
    """Runs a match; :meth:`get_state` and :meth:`set_state` are exact.

    The pitch of a match is drawn and compiled when an episode begins. A state therefore holds the random state from which the
    episode began: restoring it repeats the reset and then writes positions, velocities and trackers.

    Args:
        match: the environment.
        random: the random state that ``match`` was given.
    """

    def __init__(self, match: composer.Environment, random: np.random.RandomState):
        self._match, self._random = match, random
        self._episode_random = random.get_state(legacy=False)
        self._closed = False

    @property
    def physics(self) -> Any:
        """dm_control's physics; another object after a reset that compiles the model."""
        return self._match.physics

    @property
    def task(self) -> Any:
        """The soccer task."""
        return self._match.task

    def observation_spec(self) -> Any:
        """A mapping of array specs for each player."""
        return self._match.observation_spec()

    def action_spec(self) -> Any:
        """An array spec for each player."""
        return self._match.action_spec()

    def seed(self, words: np.ndarray) -> None:
        """Seed the match with unsigned 32-bit ``words``."""
        self._random.seed(words)

    def reset(self) -> Any:
        """Begin an episode; dm_control's first time step.

        Raises:
            RuntimeError: the match was closed.
        """
        if self._closed:
            raise RuntimeError("this match is closed; make a new one")
        self._episode_random = self._random.get_state(legacy=False)
        for detector in self._detectors():  # a goal that ended the last episode would count in the first observation
            detector.before_step(self.physics, self._random)
        return self._match.reset()

    def step(self, actions: Sequence[np.ndarray]) -> Any:
        """One control step with an action in [-1, 1] for each player, in their order; dm_control's time step."""
        return self._match.step(list(actions))

    def close(self) -> None:
        """Free the compiled model; closing twice is allowed."""
        if not self._closed:
            self._closed = True
            self._match.close()

    def _detectors(self) -> tuple[Any, ...]:
        arena = self.task.arena
        return arena.home_goal, arena.away_goal, arena.field

    def get_state(self) -> dict[str, Any]:
        """Nested dict of arrays and JSON values."""
        model, data, ball = self.physics.model.ptr, self.physics.data.ptr, self.task.ball
        integration = np.empty(_mujoco.mj_stateSize(model, _INTEGRATION))
        _mujoco.mj_getState(model, data, integration, _INTEGRATION)
        players = self.task.players
        return {
            "episode_random": _plain(self._episode_random),
            "random": _plain(self._random.get_state(legacy=False)),
            "integration": integration,
            "derived": {name: np.array(getattr(data, name)) for name in _DERIVED},
            "model": {name: np.array(getattr(model, name)) for name in _MODEL},
            "previous_actions": {str(i): player.walker.prev_action.copy() for i, player in enumerate(players)},
            "ball": {name: _copy(getattr(ball, name)) for name in _BALL},
            "last_hit": None if ball._last_hit is None else players.index(ball._last_hit),
            "detected": [[d.activated, d._previously_detected, bool(d.detected_entities)] for d in self._detectors()],
            "over": bool(self._match._reset_next_step),
            "turn_over": bool(getattr(self.task, "_should_reset", False)),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from what :meth:`get_state` returned for a match with the same arguments.

        Raises:
            ValueError: the state is of another match.
        """
        size = _mujoco.mj_stateSize(self.physics.model.ptr, _INTEGRATION)
        if np.shape(state["integration"]) != (size,):
            raise ValueError(f"this match has states of {size} numbers, got {np.shape(state['integration'])}: other arguments?")
        self._random.set_state(_random_state(state["episode_random"]))
        self.reset()
        self._restore_physics(state)
        self._restore_trackers(state)
        self._random.set_state(_random_state(state["random"]))

    def _restore_physics(self, state: dict[str, Any]) -> None:
        model, data = self.physics.model.ptr, self.physics.data.ptr
        for name, value in state["model"].items():
            getattr(model, name)[...] = value
        integration = np.asarray(state["integration"], np.float64)
        _mujoco.mj_setState(model, data, integration, _INTEGRATION)
        _mujoco.mj_forward(model, data)
        _mujoco.mj_setState(model, data, integration, _INTEGRATION)  # forward overwrote the warm start
        for name, value in state["derived"].items():
            getattr(data, name)[...] = value

    def _restore_trackers(self, state: dict[str, Any]) -> None:
        ball, players = self.task.ball, self.task.players
        for name, value in state["ball"].items():
            setattr(ball, name, _copy(value))
        ball._last_hit = None if state["last_hit"] is None else players[state["last_hit"]]
        for index, player in enumerate(players):
            player.walker.prev_action[:] = state["previous_actions"][str(index)]
        for detector, (detected, previously, retained) in zip(self._detectors(), state["detected"]):
            detector._detected, detector._previously_detected = detected, previously
            for detection in detector._entities:  # the ball alone
                detection.detected = retained
        self._match._reset_next_step = state["over"]
        if hasattr(self.task, "_should_reset"):
            self.task._should_reset = state["turn_over"]


def _copy(value: Any) -> Any:
    return np.array(value) if isinstance(value, np.ndarray) else value


def _plain(random_state: Any) -> dict[str, Any]:
    return {
        "key": np.array(random_state["state"]["key"]),
        "pos": int(random_state["state"]["pos"]),
        "has_gauss": int(random_state["has_gauss"]),
        "gauss": float(random_state["gauss"]),
    }


def _random_state(state: dict[str, Any]) -> dict[str, Any]:
    inner = {"key": np.asarray(state["key"], np.uint32), "pos": state["pos"]}
    return {"bit_generator": "MT19937", "state": inner, "has_gauss": state["has_gauss"], "gauss": state["gauss"]}
