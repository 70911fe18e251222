"""Statistics of the rewards that an intrinsic-reward wrapper writes into its infos."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

WINDOW = 1000
"""Steps of all environments, and episodes, that the statistics look back."""

NAMES = ("reward_intrinsic", "reward_extrinsic", "episode_intrinsic", "episode_extrinsic")


class RewardStatistics:
    """Means of both rewards, spread of the intrinsic one, and both returns, over the last 1,000 steps and episodes.

    Example:
        >>> statistics = RewardStatistics()
        >>> observations, rewards, terminated, truncated, infos = envs.step(actions)
        >>> statistics.add(infos, terminated | truncated)
        >>> for name, value in statistics.numbers().items():
        ...     writer.add_scalar(name, value, global_step)
    """

    def __init__(self) -> None:
        self._latest: dict[str, deque[float]] = {name: deque(maxlen=WINDOW) for name in NAMES}

    def add(self, infos: Mapping[str, Any] | Sequence[Mapping[str, Any]], done: Any) -> None:
        """Take the infos of one step.

        Args:
            infos: of one environment; of a Gymnasium vector environment, arrays (n,) with masks ``_name``; or a list of n, as
                stable-baselines3 gives them.
            done: whether the episode has ended, or (n,) bool.

        Raises:
            ValueError: no intrinsic-reward wrapper has written into them.
        """
        listed = [infos] if isinstance(infos, Mapping) else infos
        if not any("reward_intrinsic" in info for info in listed):
            known = sorted(set().union(*listed))
            raise ValueError(f"Expected reward_intrinsic in the infos, got {known}: wrap the environment in IntrinsicReward.")
        ended = np.atleast_1d(np.asarray(done, bool))
        for name in NAMES:
            values = np.concatenate([np.atleast_1d(np.asarray(info.get(name, 0.0), np.float64)) for info in listed])
            told = np.concatenate([_told(info, name) for info in listed])
            chosen = told & ended if name.startswith("episode_") else told
            self._latest[name].extend(values[chosen].tolist())

    def numbers(self) -> dict[str, float]:
        """``intrinsic/reward_mean``, ``_std``, ``_max`` and ``intrinsic/extrinsic_mean``.

        Once an episode has ended, also ``intrinsic/return`` and ``intrinsic/extrinsic_return``.
        """
        found = {name: np.array(values) for name, values in self._latest.items() if values}
        numbers: dict[str, float] = {}
        if "reward_intrinsic" in found:
            rewards = found["reward_intrinsic"]
            numbers = {"reward_mean": rewards.mean(), "reward_std": rewards.std(), "reward_max": rewards.max()}
        names = {"reward_extrinsic": "extrinsic_mean", "episode_intrinsic": "return", "episode_extrinsic": "extrinsic_return"}
        numbers |= {names[key]: values.mean() for key, values in found.items() if key in names}
        return {f"intrinsic/{name}": float(value) for name, value in numbers.items()}


def _told(info: Mapping[str, Any], name: str) -> np.ndarray:
    """(n,) bool: which environments of an info have written a number."""
    if name not in info:
        return np.zeros(1, bool)
    return np.atleast_1d(np.asarray(info.get(f"_{name}", np.ones(np.shape(info[name]), bool)), bool))
