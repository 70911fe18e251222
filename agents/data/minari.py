"""Datasets read from disk: Minari's, with the checks that Minari does not make, and D4RL's files."""

import logging
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from papergym.agents.data.d4rl import load_d4rl
from papergym.agents.data.dataset import Dataset, Episode
from papergym.agents.data.recording import FLATTEN
from papergym.agents.data.write import datasets_root
from papergym.agents.errors import UsageError

log = logging.getLogger(__name__)

DAMAGED = (OSError, KeyError, ValueError, TypeError, AttributeError, AssertionError, RuntimeError, IndexError)
"""What Minari and h5py raise, in one place or another, for files that are cut, empty or of another make."""


def load_dataset(name: str) -> Dataset:
    """A dataset by name.

    Args:
        name: id of a Minari dataset under ``MINARI_DATASETS_PATH``, a Minari dataset's folder, or an HDF5 file of D4RL.

    Raises:
        UsageError: no such dataset, one that cannot be read, or an episode that lacks its last observation, ends twice, or
            holds numbers that are not finite.
    """
    if not name:
        raise UsageError("--dataset is empty, expected the id of a Minari dataset, its folder, or a D4RL file.")
    place = Path(name) if Path(name).exists() else datasets_root() / name
    files = sorted(place.rglob("*.hdf5")) if place.is_dir() else [place] if place.exists() else []
    return _load(name, str(place.absolute()), tuple(file.stat().st_mtime_ns for file in files))


@lru_cache(maxsize=2)
def _load(name: str, place: str, changed: tuple[int, ...]) -> Dataset:
    """``changed`` are the times of the files: a dataset that was written anew is read anew."""
    if Path(name).is_file():
        return load_d4rl(Path(name))
    dataset = open_dataset(name)
    _say_if_jpeg(dataset, name)
    try:
        episodes = list(_episodes(dataset, name))
        about = dataset.storage.metadata
        known = {"random_return": _number(about.get("ref_min_score")), "expert_return": _number(about.get("ref_max_score"))}
        seen, taken = dataset.spec.observation_space, dataset.spec.action_space
        return Dataset.from_episodes(episodes, seen, taken, spec=dataset.spec.env_spec, name=name, **known)
    except UsageError:
        raise
    except DAMAGED as error:
        raise UsageError(f"{name} cannot be read: {error}. Is the file whole?") from error


def _episodes(dataset: Any, name: str) -> Iterator[Episode]:
    for episode in dataset.iterate_episodes():
        where = f"{name}, episode {episode.id}"
        for what in ("observations", "actions"):
            if isinstance(getattr(episode, what), (dict, tuple, list)):
                raise UsageError(
                    f"{where}, {what}: expected one array, got a {type(getattr(episode, what)).__name__}. {FLATTEN}"
                )
        ended = _end(where, len(episode.actions), episode.terminations, episode.truncations)
        yield Episode(np.asarray(episode.observations), np.asarray(episode.actions), np.asarray(episode.rewards), ended)


def _end(where: str, steps: int, terminations: Any, truncations: Any) -> bool:
    """Whether the last step ended the task.

    Raises:
        UsageError: an end before the last step, or not one flag for each step.
    """
    flags = np.zeros((2, steps), bool)
    for row, (name, values) in enumerate((("terminations", terminations), ("truncations", truncations))):
        values = np.asarray(values)
        if values.shape != (steps,):
            raise UsageError(f"{where}, {name}: expected {steps} flags, got shape {values.shape}.")
        flags[row] = values.astype(bool)
    early = np.flatnonzero(flags[:, :-1].any(0))
    if len(early):
        raise UsageError(
            f"{where}: expected an end at the last of {steps} steps only, got one at step {early[0]} too. "
            "Write each episode as one of its own."
        )
    return bool(flags[0, -1:].any())


def _say_if_jpeg(dataset: Any, name: str) -> None:
    from minari.dataset.minari_storage import is_image_space  # which boxes Minari takes for images

    if is_image_space(dataset.spec.observation_space) and getattr(dataset.storage, "jpeg_encoding", True):
        log.warning(
            "%s stores its images as JPEG: pixels differ from the environment's. Minari writes exact ones with "
            "jpeg_encoding=False, as `papergym make-dataset` does.",
            name,
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
        if not (datasets_root() / name).exists():
            raise UsageError(
                f"there is no dataset {name!r} in {datasets_root()} (MINARI_DATASETS_PATH). `minari list local` prints the "
                "ids, `papergym make-dataset` makes one."
            )
        return minari.load_dataset(name, download=False)
    except UsageError:
        raise
    except DAMAGED as error:
        raise UsageError(f"the dataset {name!r} cannot be opened: {error}. `minari list local` prints the ids.") from error
