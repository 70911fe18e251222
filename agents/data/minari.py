"""Datasets read from Minari."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from papergym.agents.data.dataset import Dataset, Episode
from papergym.agents.errors import UsageError


def load_dataset(name: str) -> Dataset:
    """A Minari dataset.

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
def _load(name: str, changed: Sequence[int]) -> Dataset:
    """``changed`` are the times of the files: a folder that was written anew is read anew."""
    dataset = open_dataset(name)
    try:
        episodes = list(_episodes(dataset))
    except (OSError, KeyError, ValueError) as error:
        raise UsageError(f"{name} cannot be read: {error}. Is the file whole?") from error
    about = dataset.storage.metadata
    return Dataset.from_episodes(
        episodes,
        dataset.spec.observation_space,
        dataset.spec.action_space,
        spec=dataset.spec.env_spec,
        name=name,
        random_return=_number(about.get("ref_min_score")),
        expert_return=_number(about.get("ref_max_score")),
    )


def _episodes(dataset: Any) -> Iterator[Episode]:
    for episode in dataset.iterate_episodes():
        ended = np.asarray(episode.terminations, bool)
        yield Episode(
            np.asarray(episode.observations), np.asarray(episode.actions), np.asarray(episode.rewards), bool(ended[-1:].any())
        )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def open_dataset(name: str) -> Any:
    """The ``minari.MinariDataset`` of an id or a folder; see :func:`load_dataset` for the errors."""
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
