"""Minari datasets that appear whole or not at all."""

import json
import os
import re
import shutil
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from papergym.agents.checkpoint.provenance import versions
from papergym.agents.data.collect import check_spaces
from papergym.agents.data.dataset import check_episode
from papergym.agents.data.recording import Recording
from papergym.agents.errors import BadNumbersError, UsageError

PLACE = "MINARI_DATASETS_PATH"
WORK = ".papergym"
"""Folder beside the datasets for what is not finished; Minari passes over hidden folders."""

CHECK_BYTES, MARGIN_BYTES, EPISODE_BYTES = 1_000_000, 8_000_000, 32_000
"""Data between two looks at the free space, what must be free, and what HDF5 adds to an episode."""


def datasets_root() -> Path:
    """Folder of Minari's local datasets; the environment variable ``MINARI_DATASETS_PATH`` names it."""
    return Path(os.environ.get(PLACE) or Path.home() / ".minari" / "datasets").absolute()


def dataset_folder(dataset_id: str) -> Path:
    """Where a dataset with this id lies.

    Raises:
        UsageError: Minari does not accept the id.
    """
    from minari.dataset.minari_dataset import DATASET_ID_RE

    if not DATASET_ID_RE.fullmatch(dataset_id) or not re.search(r"-v\d+$", dataset_id):
        raise UsageError(
            f"{dataset_id!r} is no id of a Minari dataset. Expected letters, digits, - and _, with namespaces before slashes "
            "and a version at the end, for example mine/hopper/medium-v0."
        )
    return datasets_root() / dataset_id


def refuse_existing(dataset_id: str, overwrite: bool) -> None:
    """Raise UsageError where the dataset, or something else of its name, is there and must stay."""
    folder = dataset_folder(dataset_id)
    if folder.exists() and not overwrite:
        raise UsageError(f"{folder} exists. Give --overwrite to replace it, or another --id.")
    if folder.exists() and not (folder / "data" / "metadata.json").is_file():
        raise UsageError(f"{folder} exists and is no dataset. Give another --id.")


def read_about(dataset_id: str) -> dict[str, Any]:
    """What :func:`write_dataset` was told ``about`` the dataset of this id; empty if there is none, or one from elsewhere."""
    try:
        text = (dataset_folder(dataset_id) / "data" / "metadata.json").read_text(encoding="utf-8")
        return json.loads(text).get("papergym", {})
    except (OSError, ValueError):
        return {}


def write_dataset(
    dataset_id: str,
    episodes: Iterable[Recording],
    env: gym.Env,
    *,
    about: dict[str, Any] | None = None,
    random_return: float | None = None,
    expert_return: float | None = None,
    algorithm: str = "",
    overwrite: bool = False,
    work: Path | None = None,
) -> Path:
    """Write a Minari dataset in HDF5; its folder.

    Seeds are attributes of the episodes (``seed``, or ``run_seed`` and ``resets``, see
    :class:`papergym.agents.data.recording.Start`), log-probabilities the infos ``action_log_probs``. Images are stored as they
    are, not as JPEG.

    Args:
        dataset_id: for example ``papergym/hopper-v4/medium-v0``.
        episodes: one after the other; they may be made on the way.
        env: gives the spaces, and the spec, which is kept.
        about: JSON values, kept in the dataset's metadata under ``papergym``, beside versions and commit of the code.
        random_return: reference return of random actions, Minari's ``ref_min_score``.
        expert_return: reference return of the expert, Minari's ``ref_max_score``.
        algorithm: what the data is from.
        overwrite: replace a dataset of the same id, once the new one is whole.
        work: folder for what is not finished, on the same disk; it is emptied and removed.

    Raises:
        UsageError: the id is taken or not possible, an episode that is not sound, no episode, or a full disk; then nothing
            is left behind, and an old dataset stays as it is.
    """
    import minari

    check_spaces(env)
    folder = dataset_folder(dataset_id)
    work = work or datasets_root() / WORK / f"write-{os.getpid()}"
    old = _aside(work / dataset_id)
    if old.exists() and not folder.exists():  # of a process that was killed between two moves
        os.replace(old, folder)
    refuse_existing(dataset_id, overwrite)
    shutil.rmtree(work, ignore_errors=True)  # of a process that was killed
    try:
        with _written_to(work), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*set to None", category=UserWarning)  # author, e-mail, permalink
            counted = _Counted(_with_space(episodes, work / dataset_id / "data"), env, dataset_id)
            made = minari.create_dataset_from_buffers(
                dataset_id,
                counted,  # pyright: ignore[reportArgumentType]  (it asks for a list, and reads one after the other)
                env=env,
                algorithm_name=algorithm or None,
                data_format="hdf5",
                jpeg_encoding=False,
            )
            _finish(made.storage, counted, about or {}, random_return, expert_return)
        _move(work / dataset_id, folder)
    except (UsageError, BadNumbersError):
        raise
    except (OSError, RuntimeError) as error:  # h5py raises either where the disk is full
        raise UsageError(f"cannot write {folder}: {error}. Free some space or set {PLACE}; nothing was changed.") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
        remove_empty(work.parent)
    return folder


class _Counted:
    """Episodes as Minari's buffers, checked; what Minari's buffers do not hold is kept aside."""

    def __init__(self, episodes: Iterable[Recording], env: gym.Env, name: str) -> None:
        self.episodes, self.env, self.name = episodes, env, name
        self.about: list[dict[str, Any]] = []

    def __iter__(self) -> Iterator[Any]:
        from minari.data_collector import EpisodeBuffer

        for number, episode in enumerate(self.episodes):
            check_episode(episode, self.env.observation_space, self.env.action_space, f"{self.name}, episode {number}")
            ends = np.zeros((2, len(episode.actions)), bool)
            ends[:, -1] = episode.terminated, episode.truncated or not episode.terminated
            run = episode.start if episode.start is not None and episode.start.resets else None
            self.about.append({**episode.about, **({"run_seed": run.seed, "resets": run.resets} if run else {})})
            yield EpisodeBuffer(
                id=number,
                seed=None if episode.start is None or run else episode.start.seed,
                observations=episode.observations,  # pyright: ignore[reportArgumentType]
                actions=episode.actions,  # pyright: ignore[reportArgumentType]
                rewards=episode.rewards,  # pyright: ignore[reportArgumentType]
                terminations=ends[0],  # pyright: ignore[reportArgumentType]
                truncations=ends[1],  # pyright: ignore[reportArgumentType]
                infos=None if episode.log_probs is None else {"action_log_probs": episode.log_probs},
            )
        if not self.about:
            raise UsageError(f"{self.name} would hold no episode.")


def _with_space(episodes: Iterable[Recording], folder: Path) -> Iterator[Recording]:
    """``episodes``, with an OSError before the disk is full: HDF5 ends the process where it cannot flush."""
    waiting = CHECK_BYTES
    for episode in episodes:
        if waiting >= CHECK_BYTES:
            _demand_space(folder, MARGIN_BYTES + 2 * episode.observations.nbytes)
            waiting = 0
        waiting += 2 * episode.observations.nbytes + EPISODE_BYTES
        yield episode


def _demand_space(folder: Path, more: int) -> None:
    """Raise OSError where the data file cannot grow by ``more`` bytes."""
    if not hasattr(os, "posix_fallocate"):  # macOS
        return
    size = (folder / "main_data.hdf5").stat().st_size
    trial = folder / "space"
    try:
        with trial.open("wb") as file:
            os.posix_fallocate(file.fileno(), size, more)
    finally:
        trial.unlink(missing_ok=True)


def _finish(storage: Any, counted: _Counted, about: dict[str, Any], low: float | None, high: float | None) -> None:
    storage.update_episode_metadata(counted.about)
    scores = {"ref_min_score": low, "ref_max_score": high, "num_episodes_average_score": about.get("reference_episodes")}
    storage.update_metadata({name: value for name, value in scores.items() if value is not None})
    storage.update_metadata({"papergym": {**about, "versions": versions()}})
    for file in Path(storage.data_path).iterdir():
        with file.open("rb+") as opened:
            os.fsync(opened.fileno())


@contextmanager
def _written_to(root: Path) -> Iterator[None]:
    """Minari writes below ``root``, which is made, within the block."""
    before = os.environ.get(PLACE)
    root.mkdir(parents=True)
    os.environ[PLACE] = str(root)
    try:
        yield
    finally:
        if before is None:
            del os.environ[PLACE]
        else:
            os.environ[PLACE] = before


def _move(new: Path, folder: Path) -> None:
    """Put the finished dataset in its place; an old one leaves only then."""
    from minari.namespace import create_namespace, list_local_namespaces

    namespace = folder.parent.relative_to(datasets_root()).as_posix()
    if namespace != "." and namespace not in list_local_namespaces():
        create_namespace(namespace)
    old = _aside(new)
    if folder.exists():
        os.replace(folder, old)
    try:
        os.replace(new, folder)
    except BaseException:
        if old.exists():
            os.replace(old, folder)
        raise


def _aside(new: Path) -> Path:
    """Where the dataset that ``new`` replaces lies between the two moves."""
    return new.parent / "old"


def remove_empty(folder: Path) -> None:
    """Remove a folder if nothing is in it."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
