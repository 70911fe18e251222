"""Transitions of a Minari dataset, checked for what Minari does not check, or of arrays in memory."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from papergym.agents.errors import UsageError


@dataclass(frozen=True)
class Transitions:
    """Observations and the actions taken there.

    Attributes:
        observations: ``(n, *observation_space.shape)``.
        actions: ``(n, *action_space.shape)``.
        observation_space, action_space: of the environment that the data is from.
        spec: that environment, None for arrays in memory.
        digest: of the contents, 16 hexadecimal digits.
    """

    observations: np.ndarray
    actions: np.ndarray
    observation_space: spaces.Space
    action_space: spaces.Space
    spec: Any = None
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        if not len(self.observations) or len(self.observations) != len(self.actions):
            raise UsageError(
                f"expected as many observations as actions and at least one, got {len(self.observations)} and "
                f"{len(self.actions)}."
            )
        for name, space in (("observations", self.observation_space), ("actions", self.action_space)):
            _check(name, getattr(self, name), space)
        contents = hashlib.sha256()
        for array in (self.observations, self.actions):
            contents.update(f"{array.dtype}{array.shape}".encode())
            contents.update(np.ascontiguousarray(array).data)
        object.__setattr__(self, "digest", contents.hexdigest()[:16])

    def __len__(self) -> int:
        return len(self.actions)


def _check(name: str, array: np.ndarray, space: spaces.Space) -> None:
    if not isinstance(space, (spaces.Box, spaces.Discrete)):
        raise UsageError(f"{name}: expected a Box or a Discrete space, got {space}.")
    if array.shape[1:] != space.shape:
        raise UsageError(f"{name}: expected shape (n, {', '.join(map(str, space.shape or ()))}), got {array.shape}.")
    if not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0][0])
        raise UsageError(f"{name}: expected finite numbers, got {array[row]} in row {row}.")


def load_transitions(name: str) -> Transitions:
    """Every transition of a Minari dataset.

    Args:
        name: id of a dataset under ``MINARI_DATASETS_PATH``, or a dataset's folder.

    Raises:
        UsageError: no such dataset, one that cannot be read, or an episode that lacks its last observation or holds
            numbers that are not finite.
    """
    if not name:
        raise UsageError("--dataset is empty, expected the id of a Minari dataset or its folder.")
    place = Path(name).resolve() if Path(name).is_dir() else None
    files = sorted(place.rglob("*.hdf5")) if place else []
    return _load(name, tuple(file.stat().st_mtime_ns for file in files))


@lru_cache(maxsize=2)
def _load(name: str, changed: Sequence[int]) -> Transitions:
    """``changed`` are the times of the files: a folder that was written anew is read anew."""
    dataset = _open(name)
    observations, actions = [], []
    try:
        for episode in dataset.iterate_episodes():
            seen, done = np.asarray(episode.observations), np.asarray(episode.actions)
            if len(seen) != len(done) + 1:
                raise UsageError(
                    f"{name}, episode {episode.id}: expected {len(done) + 1} observations for {len(done)} actions, "
                    f"got {len(seen)}."
                )
            observations.append(seen[:-1])
            actions.append(done)
    except (OSError, KeyError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{name} cannot be read: {error}. Is the file whole?") from error
    if not actions:
        raise UsageError(f"{name} holds no episode.")
    spec = dataset.spec.env_spec
    kind = (dataset.spec.observation_space, dataset.spec.action_space)
    try:
        return Transitions(np.concatenate(observations), np.concatenate(actions), *kind, spec=spec)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error


def _open(name: str) -> Any:
    try:
        import minari
    except ImportError as error:
        raise UsageError("datasets need Minari: pip install 'papergym[offline]'.") from error
    try:
        if Path(name).is_dir():
            place = Path(name) / "data" if (Path(name) / "data").is_dir() else Path(name)
            return minari.MinariDataset(place)
        return minari.load_dataset(name, download=False)
    except (OSError, KeyError, ValueError) as error:
        raise UsageError(f"the dataset {name!r} cannot be opened: {error}. `minari list local` prints the ids.") from error


def check_environment(data: Transitions, env: gym.Env, name: str) -> None:
    """Raise UsageError where ``env`` shows or takes something else than the data holds."""
    for what in ("observation_space", "action_space"):
        ours, theirs = getattr(data, what), getattr(env, what)
        if type(ours) is not type(theirs) or ours.shape != theirs.shape or getattr(ours, "n", 0) != getattr(theirs, "n", 0):
            raise UsageError(
                f"{what}: the dataset {name} has {ours}, the environment {theirs}. Give another --env or --dataset."
            )
