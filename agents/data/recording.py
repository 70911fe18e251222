"""Episodes that can be played again: how each one began, and the check that it comes out the same."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np

from papergym.agents.data.dataset import Episode
from papergym.agents.errors import UsageError

FLATTEN = "Register an id whose environment is wrapped in gymnasium.wrappers.FlattenObservation, and record that one."


@dataclass(frozen=True)
class Start:
    """How an episode began: ``env.reset(seed=seed)``, then ``resets`` further ``env.reset()`` without a step in between.

    Attributes:
        seed: of the environment.
        resets: 0 for an episode that was seeded itself. A training run seeds its environment once; its episode ``k``
            (from 0) has ``resets=k``.
    """

    seed: int
    resets: int = 0

    def begin(self, env: gym.Env) -> Any:
        """Bring ``env`` to the first observation of the episode, which is returned."""
        observation, _ = env.reset(seed=self.seed)
        for _ in range(self.resets):
            observation, _ = env.reset()
        return kept(observation)


@dataclass(frozen=True)
class Recording(Episode):
    """An episode as it is written to a dataset.

    Attributes:
        truncated: the last step reached the time limit, or the recording was cut there.
        start: how it began; None where that is not known.
        log_probs: ``(T,)`` float64, log-probability of each action under the policy that took it, a density for
            continuous actions, in the environment's own units; None where it is not known.
        about: JSON values, kept as the episode's metadata; for example ``policy``.
    """

    truncated: bool = False
    start: Start | None = None
    log_probs: np.ndarray | None = None
    about: Mapping[str, Any] = field(default_factory=dict)


def play_again(env: gym.Env, start: Start, actions: np.ndarray) -> Recording:
    """The episode that ``actions`` make from ``start``; ends where the environment ends, or after the last action.

    Args:
        env: the environment of the dataset, in the same versions of the simulator.
        start: of the episode.
        actions: ``(T, *action_space.shape)``.

    Returns:
        Observations in the environment's dtype, rewards as float64.
    """
    seen, paid, terminated, truncated = [start.begin(env)], [], False, False
    for action in actions:
        observation, reward, terminated, truncated, _ = env.step(action)
        seen.append(kept(observation))
        paid.append(float(reward))
        if terminated or truncated:
            break
    rewards = np.array(paid, np.float64)
    return Recording(stacked(seen), actions[: len(paid)], rewards, bool(terminated), bool(truncated), start)


def same(episode: Episode, again: Episode) -> bool:
    """Whether two recordings hold the same bits, ``again`` seen in the precision of ``episode``."""
    pairs = [(getattr(episode, name), getattr(again, name)) for name in ("observations", "actions", "rewards")]
    equal = all(left.shape == right.shape and np.array_equal(left, right.astype(left.dtype)) for left, right in pairs)
    return equal and episode.terminated == again.terminated


def recordings(dataset: Any, numbers: Sequence[int] | None = None) -> Iterator[Recording]:
    """Episodes of a ``minari.MinariDataset`` with their starts, all of them or those with the given numbers.

    Minari's own ``seed`` of an episode is that of a reset. ``run_seed`` and ``resets`` are those of an episode of a
    training run (see :class:`Start`).
    """
    numbers = [int(number) for number in (dataset.episode_indices if numbers is None else numbers)]
    for data, about in zip(dataset.iterate_episodes(numbers), dataset.storage.get_episode_metadata(numbers)):
        ends, cuts = np.asarray(data.terminations, bool), np.asarray(data.truncations, bool)
        yield Recording(
            np.asarray(data.observations),
            np.asarray(data.actions),
            np.asarray(data.rewards),
            bool(ends[-1:].any()),
            bool(cuts[-1:].any()),
            _start(about),
            (data.infos or {}).get("action_log_probs"),
            about,
        )


def _start(about: Mapping[str, Any]) -> Start | None:
    if about.get("seed") is not None:
        return Start(int(about["seed"]))
    return Start(int(about["run_seed"]), int(about["resets"])) if "run_seed" in about else None


def kept(observation: Any) -> Any:
    """A copy of an array: an environment may change its own one in place."""
    return np.array(observation) if isinstance(observation, np.ndarray) else observation


def stacked(values: list[Any]) -> np.ndarray:
    """Observations or actions as one array.

    Raises:
        UsageError: Dict, Tuple or text observations.
    """
    if isinstance(values[0], (dict, tuple, str)):
        raise UsageError(f"datasets hold one array per observation, got a {type(values[0]).__name__}. {FLATTEN}")
    return np.stack([np.asarray(value) for value in values])
