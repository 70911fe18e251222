"""The batch that every bonus reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Observations = Any
"""A batch of observations: an array with the batch first, or a dict of such arrays for Dict spaces."""


def batch_length(observations: Observations) -> int:
    """Number of observations in a batch."""
    if isinstance(observations, dict):
        return batch_length(next(iter(observations.values())))
    return len(observations)


def leaves(observation: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], np.ndarray]:
    """The arrays of an observation by their path through nested dicts, keys in order; ``()`` is the path of a bare array."""
    if not isinstance(observation, dict):
        return {path: np.asarray(observation)}
    return {name: part for key in sorted(observation) for name, part in leaves(observation[key], (*path, key)).items()}


@dataclass(kw_only=True, eq=False)
class Transitions:
    """A batch of n transitions, at most one per environment when it comes from a step.

    Attributes:
        next_obs: what the actions led to; at the end of an episode its *final* observation, never the one of a reset.
        obs: what the agent saw when it acted.
        action: (n, ...) actions.
        done: (n,) bool, the episode ended here (terminated or truncated).
        env: (n,) int64, number of the environment each row belongs to; ``arange(n)`` by default.
        stored: the bonus has observed these rows before (they come from a replay buffer).
    """

    next_obs: Observations
    obs: Observations = None
    action: np.ndarray | None = None
    done: np.ndarray | None = None
    env: np.ndarray | None = None
    stored: bool = False

    def __len__(self) -> int:
        return batch_length(self.next_obs)

    @property
    def slots(self) -> np.ndarray:
        """(n,) int64 environment numbers."""
        return np.arange(len(self)) if self.env is None else np.asarray(self.env, np.int64)


def as_transitions(batch: "Transitions | Observations", bonus: Any) -> Transitions:
    """A batch as transitions: a bare batch of observations stands for ``next_obs``.

    Raises:
        ValueError: a field that the bonus needs is missing, the batch is empty, or its fields differ in length.
    """
    transitions = batch if isinstance(batch, Transitions) else Transitions(next_obs=batch)
    for field in bonus.needs:
        if getattr(transitions, field) is None:
            wanted = "Transitions(obs=, action=, next_obs=, done=)"
            raise ValueError(f"{type(bonus).__name__} needs `{field}` of every transition; pass {wanted}.")
    n = batch_length(transitions.next_obs)
    if n == 0:
        raise ValueError(f"{type(bonus).__name__} got an empty batch.")
    for field in ("obs", "action", "done", "env"):
        value = getattr(transitions, field)
        if value is not None and batch_length(value) != n:
            raise ValueError(f"{type(bonus).__name__} got {n} next_obs but {batch_length(value)} `{field}`; give one per row.")
    return transitions


def mapped(function: Callable[[Any], Any], observations: Any) -> Any:
    """A function of every array of an observation or batch, in the same nested dicts.

    dm-tree's ``map_structure`` does the same for more containers and takes four times as long, at every step.
    """
    if isinstance(observations, Mapping):
        return {key: mapped(function, value) for key, value in observations.items()}
    return function(observations)


def copied(observations: Observations) -> Observations:
    """A batch that does not share memory with the environment's buffers."""
    return mapped(np.array, observations)


def taken(observations: Observations, rows: np.ndarray) -> Observations:
    """Some rows of a batch, copied."""
    return mapped(lambda part: np.asarray(part)[rows], observations)


def replaced(observations: Observations, finals: Any, done: np.ndarray) -> Observations:
    """A copy of a batch with the final observations in the rows where ``done``.

    Args:
        observations: batch of n.
        finals: n final observations (a list or object array, only read where ``done``), or a dict of such.
        done: (n,) bool.
    """
    if isinstance(observations, dict):
        pick = finals.__getitem__ if isinstance(finals, dict) else lambda key: [f and f[key] for f in finals]
        return {key: replaced(value, pick(key), done) for key, value in observations.items()}
    out = np.array(observations)
    for i in np.flatnonzero(done):
        out[i] = finals[i]
    return out
