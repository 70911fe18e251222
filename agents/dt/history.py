"""What a Decision Transformer remembers of the present episodes, for several environments of different ages."""

from typing import NamedTuple

import numpy as np
from gymnasium import spaces


class History(NamedTuple):
    """The last K steps of n environments, each filled from the left; a tuple of arrays, as SB3's ``predict`` returns them.

    Attributes:
        observations: ``(n, K, ...)``; the newest one stands at ``last``.
        actions: ``(n, K, ...)``; the one at ``last`` is still to be chosen.
        returns: ``(n, K)`` float64: return-to-go told at each step.
        age: ``(n,)`` int64: step of the episode, from 0.
        wanted: ``(n,)`` float64: return-to-go of the newest step.
    """

    observations: np.ndarray
    actions: np.ndarray
    returns: np.ndarray
    age: np.ndarray
    wanted: np.ndarray

    @property
    def last(self) -> np.ndarray:
        """Place of the newest step, ``(n,)`` int64."""
        return np.minimum(self.age, self.returns.shape[1] - 1)

    @property
    def timesteps(self) -> np.ndarray:
        """Step of the episode at each place, ``(n, K)`` int64; places on the right of ``last`` are padding and have 0."""
        places = np.arange(self.returns.shape[1])
        steps = (self.age - self.last)[:, None] + places
        return np.where(places <= self.last[:, None], steps, 0)


def empty(observation: np.ndarray, context: int, action_space: spaces.Space) -> History:
    """A history of as many environments as ``observation``, ``(n, ...)``, has rows."""
    n, dtype = len(observation), action_space.dtype or np.dtype(np.float32)
    return History(
        np.zeros((n, context, *observation.shape[1:]), observation.dtype),
        np.full((n, context, *(action_space.shape or ())), getattr(action_space, "start", 0), dtype),
        np.zeros((n, context)),
        np.zeros(n, np.int64),
        np.zeros(n),
    )


def observe(
    history: History, observation: np.ndarray, first: np.ndarray, paid: np.ndarray | None, target: np.ndarray
) -> History:
    """The history with a new observation; the old one is left as it is.

    Args:
        history: before.
        observation: ``(n, ...)``.
        first: ``(n,)`` bool: the observation begins an episode.
        paid: ``(n,)`` rewards of the steps that led to the observations; None leaves the return-to-go as it is.
        target: ``(n,)`` return-to-go at the beginning of an episode.
    """
    context = history.returns.shape[1]
    age = np.where(first, 0, history.age + 1)
    left = history.wanted if paid is None else history.wanted - paid
    observations, actions, returns = (array.copy() for array in history[:3])
    after = History(observations, actions, returns, age, np.where(first, target, left))
    full = age >= context
    for array in after[:3]:
        array[full, :-1] = array[full, 1:]
    rows = np.arange(len(age))
    after.observations[rows, after.last] = observation
    after.returns[rows, after.last] = after.wanted
    return after
