"""A dataset of whole episodes, checked for what Minari does not check."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from papergym.agents.errors import UsageError

SLACK = 1e-4
"""Share of a bound, or of 1, by which rounding may lead over it."""

COLUMNS = ("observations", "actions", "rewards", "next_observations", "terminated")


@dataclass(frozen=True)
class Episode:
    """One episode of T steps.

    Attributes:
        observations: ``(T + 1, *observation_space.shape)``; the last one is where the episode ends.
        actions: ``(T, *action_space.shape)``.
        rewards: ``(T,)``.
        terminated: the last step ended the task; False for a time limit, or for data that was cut.
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    terminated: bool


@dataclass(frozen=True)
class Dataset:
    """Transitions of whole episodes, one episode after the other.

    Attributes:
        observations, next_observations: ``(n, *observation_space.shape)``.
        actions: ``(n, *action_space.shape)``.
        rewards: ``(n,)`` float64.
        terminated: ``(n,)`` bool; True only at the last step of an episode that ended the task.
        starts: ``(episodes + 1,)`` int64: episode ``i`` is the rows ``starts[i]:starts[i + 1]``.
        observation_space, action_space: of the environment that the data is from.
        spec: that environment's ``EnvSpec``, None for arrays in memory.
        name: for messages.
        random_return, expert_return: the environment's reference returns, None where they are not known.
        digest: of the contents, 16 hexadecimal digits.
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    next_observations: np.ndarray
    terminated: np.ndarray
    starts: np.ndarray
    observation_space: spaces.Space
    action_space: spaces.Space
    spec: Any = None
    name: str = "in memory"
    random_return: float | None = None
    expert_return: float | None = None
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        contents = hashlib.sha256()
        for name in (*COLUMNS, "starts"):
            array = getattr(self, name)
            contents.update(f"{array.dtype}{array.shape}".encode())
            contents.update(np.ascontiguousarray(array).data)
        object.__setattr__(self, "digest", contents.hexdigest()[:16])

    @classmethod
    def from_episodes(
        cls,
        episodes: Iterable[Episode],
        observation_space: spaces.Space,
        action_space: spaces.Space,
        *,
        name: str = "in memory",
        **more: Any,
    ) -> "Dataset":
        """Put episodes together.

        Args:
            episodes: at least one.
            observation_space: Box or Discrete.
            action_space: Box or Discrete.
            name: for messages.
            **more: further attributes.

        Raises:
            UsageError: no episode, other shapes than the spaces', T instead of T + 1 observations, or numbers that are not
                finite; the message names episode and place.
        """
        for what, space in (("observation", observation_space), ("action", action_space)):
            if not isinstance(space, (spaces.Box, spaces.Discrete)):
                raise UsageError(f"{name}, {what}s: expected a Box or a Discrete space, got {space}.")
        whole = list(episodes)
        if not whole:
            raise UsageError(f"{name} holds no episode.")
        for number, episode in enumerate(whole):
            check_episode(episode, observation_space, action_space, f"{name}, episode {number}")
        lengths = [len(episode.actions) for episode in whole]
        starts = np.concatenate(([0], np.cumsum(lengths)))
        terminated = np.zeros(starts[-1], bool)
        terminated[starts[1:] - 1] = [episode.terminated for episode in whole]
        columns = {
            "observations": np.concatenate([episode.observations[:-1] for episode in whole]),
            "actions": np.concatenate([episode.actions for episode in whole]),
            "rewards": np.concatenate([np.asarray(episode.rewards, np.float64) for episode in whole]),
            "next_observations": np.concatenate([episode.observations[1:] for episode in whole]),
        }
        spaces_ = {"observation_space": observation_space, "action_space": action_space}
        return cls(**columns, terminated=terminated, starts=starts, **spaces_, name=name, **more)

    def __len__(self) -> int:
        """Transitions."""
        return len(self.actions)

    @property
    def episodes(self) -> int:
        """Number of episodes."""
        return len(self.starts) - 1

    @cached_property
    def lengths(self) -> np.ndarray:
        """Steps of each episode, ``(episodes,)`` int64."""
        return np.diff(self.starts)

    @cached_property
    def returns(self) -> np.ndarray:
        """Undiscounted return of each episode, ``(episodes,)`` float64."""
        return np.add.reduceat(self.rewards, self.starts[:-1])

    def returns_to_go(self, discount: float = 1.0) -> np.ndarray:
        """Sum of ``discount ** (k - t) * rewards[k]`` over the episode's steps k >= t, ``(n,)`` float64."""
        total, result = 0.0, np.empty(len(self))
        last = np.zeros(len(self), bool)
        last[self.starts[1:] - 1] = True
        for row in range(len(self) - 1, -1, -1):
            total = self.rewards[row] + (0.0 if last[row] else discount * total)
            result[row] = total
        return result

    def timesteps(self) -> np.ndarray:
        """Step within its episode of each transition, ``(n,)`` int64, from 0."""
        return np.arange(len(self)) - np.repeat(self.starts[:-1], self.lengths)

    def episode(self, number: int) -> Episode:
        """One episode."""
        rows = slice(self.starts[number], self.starts[number + 1])
        seen = np.concatenate((self.observations[rows], self.next_observations[rows][-1:]))
        return Episode(seen, self.actions[rows], self.rewards[rows], bool(self.terminated[rows][-1]))

    def best(self, share: float) -> "Dataset":
        """The episodes of highest return that hold up to ``share`` of the transitions, at least one (%BC's rule).

        Raises:
            UsageError: a share outside (0, 1].
        """
        if not 0 < share <= 1:
            raise UsageError(f"expected a share of the data in (0, 1], got {share}.")
        order = np.argsort(-self.returns, kind="stable")
        kept = order[: max(int((np.cumsum(self.lengths[order]) <= share * len(self)).sum()), 1)]
        return self.select(np.sort(kept))

    def select(self, numbers: Iterable[int]) -> "Dataset":
        """The episodes with these numbers."""
        about = {"spec": self.spec, "random_return": self.random_return, "expert_return": self.expert_return}
        chosen = [self.episode(int(number)) for number in numbers]
        return Dataset.from_episodes(chosen, self.observation_space, self.action_space, name=self.name, **about)

    def with_delayed_rewards(self) -> "Dataset":
        """The same episodes with the whole return of each paid at its last step, and no reward before it.

        Source: Chen et al. 2021 (arXiv 2106.01345), section 5.7.
        """
        rewards = np.zeros_like(self.rewards)
        rewards[self.starts[1:] - 1] = self.returns
        return replace(self, rewards=rewards)

    def with_terminal_reward(self, reward: float) -> "Dataset":
        """The same episodes with this reward at every step that ended the task."""
        return replace(self, rewards=np.where(self.terminated, reward, self.rewards))

    def state_statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the observations, each ``observation_space.shape`` float32."""
        seen = self.observations.astype(np.float64)
        return seen.mean(0).astype(np.float32), seen.std(0).astype(np.float32)

    def normalized(self, value: float) -> float:
        """100 * (return - random) / (expert - random); NaN where the reference returns are not known or equal."""
        if self.random_return is None or self.expert_return is None or self.random_return == self.expert_return:
            return float("nan")
        return 100 * (value - self.random_return) / (self.expert_return - self.random_return)


def check_episode(episode: Episode, observation_space: spaces.Space, action_space: spaces.Space, where: str) -> None:
    """Raise UsageError, which begins with ``where``, for an episode that does not fit the spaces or is not finite."""
    steps = len(episode.actions)
    if steps < 1:
        raise UsageError(f"{where}: expected at least one step, got none.")
    if len(episode.observations) != steps + 1:
        raise UsageError(
            f"{where}: expected {steps + 1} observations for {steps} actions, got {len(episode.observations)}. "
            "The last observation of an episode belongs to the data."
        )
    if np.shape(episode.rewards) != (steps,):
        raise UsageError(f"{where}: expected {steps} rewards, got shape {np.shape(episode.rewards)}.")
    for name, space in (("observations", observation_space), ("actions", action_space)):
        _check_shape(name, getattr(episode, name), space, where)
    for name in ("observations", "actions", "rewards"):
        array = np.asarray(getattr(episode, name))
        if not np.isfinite(array).all():
            row = int(np.argwhere(~np.isfinite(array))[0][0])
            raise UsageError(f"{where}, {name}: expected finite numbers, got {array[row]} in row {row}.")


def _check_shape(name: str, array: np.ndarray, space: spaces.Space, where: str) -> None:
    if array.shape[1:] != space.shape:
        expected = ", ".join(map(str, ("n", *(space.shape or ()))))
        raise UsageError(f"{where}, {name}: expected shape ({expected}), got {array.shape}.")
    if isinstance(space, spaces.Discrete):
        low, high = int(space.start), int(space.start + space.n) - 1
        if not np.issubdtype(array.dtype, np.integer) or array.min() < low or array.max() > high:
            raise UsageError(f"{where}, {name}: expected whole numbers from {low} to {high}, got {array.dtype} values.")


def check_digest(data: Dataset, digest: str, name: str) -> None:
    """Raise UsageError where a run began with other data; ``digest`` is what it began with, "" for a new run."""
    if digest not in ("", data.digest):
        raise UsageError(
            f"the dataset {name} has other contents (digest {data.digest}) than the run began with "
            f"({digest}). Give the old data back, or start a new run."
        )


def check_environment(data: Dataset, env: gym.Env, name: str) -> None:
    """Raise UsageError where ``env`` shows or takes something else than the data holds; the message names what differs."""
    for what in ("observation_space", "action_space"):
        ours, theirs = getattr(data, what), getattr(env, what)
        difference = _difference(ours, theirs)
        if difference:
            raise UsageError(
                f"{what}: the dataset {name} has {ours}, the environment {theirs}: {difference}. "
                "Give another --env or --dataset."
            )


def beyond_bounds(data: Dataset, env: gym.Env) -> list[str]:
    """Where the data's numbers leave the bounds of ``env``: a sentence for observations and for actions, with a dimension each.

    Args:
        data: of spaces that agree with the environment's, see :func:`check_environment`.
        env: its Box spaces state bounds.
    """
    found = []
    for what, space in (("observations", env.observation_space), ("actions", env.action_space)):
        if not isinstance(space, spaces.Box):
            continue
        least, most = getattr(data, what).min(0), getattr(data, what).max(0)
        low, high = (bound.astype(float) for bound in (space.low, space.high))
        outside = (least < low - SLACK * np.maximum(abs(low), 1)) | (most > high + SLACK * np.maximum(abs(high), 1))
        for place in map(tuple, np.argwhere(outside)[:1]):
            found.append(
                f"{what}, dimension {', '.join(map(str, place))}: the data holds {least[place]:g} to {most[place]:g}, the "
                f"environment has {low[place]:g} to {high[place]:g}"
            )
    return found


def _difference(ours: spaces.Space, theirs: spaces.Space) -> str:
    """What differs between two spaces, in words; "" for nothing that matters."""
    if type(ours) is not type(theirs):
        return f"{type(ours).__name__} in the data, {type(theirs).__name__} in the environment"
    if isinstance(ours, spaces.Discrete) and isinstance(theirs, spaces.Discrete):
        values = [(int(space.start), int(space.n)) for space in (ours, theirs)]
        return "" if values[0] == values[1] else "start and number of values are {} in the data, {} there".format(*values)
    left, right = ours.shape or (), theirs.shape or ()
    if len(left) != len(right):
        return f"{len(left)} axes in the data, {len(right)} in the environment"
    for axis, (one, other) in enumerate(zip(left, right)):
        if one != other:
            return f"axis {axis} has {one} dimensions in the data, {other} in the environment"
    kinds = [np.issubdtype(space.dtype, np.integer) for space in (ours, theirs)]
    return "" if kinds[0] == kinds[1] else f"{ours.dtype} in the data, {theirs.dtype} in the environment"
