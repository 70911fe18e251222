"""D4RL's HDF5 files, as they lie on disk."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from papergym.agents.data.dataset import Dataset, Episode
from papergym.agents.errors import UsageError

log = logging.getLogger(__name__)

NEEDED = ("observations", "actions", "rewards", "terminals")


def load_d4rl(path: Path) -> Dataset:
    """A file with flat arrays ``observations, actions, rewards, terminals`` and, where present, ``timeouts`` and
    ``next_observations``; ``infos/`` and ``metadata/`` are not read.

    An episode ends where ``terminals`` or ``timeouts`` says so, at the last row, and where ``next_observations`` is not the
    row that follows. Without ``next_observations`` the last observation of each episode is not in the file. Then

    - an episode that ended the task repeats its last observation: no target of learning looks at it;
    - of any other episode the last step is dropped, as D4RL's ``qlearning_dataset`` does.

    The file names neither environment nor spaces nor reference returns: ``--env`` has to be given, and actions are taken to
    be in [-1, 1], or in the range that the data has if that is wider.

    Raises:
        UsageError: no such file, one that is no HDF5 file, lacks a column, or is empty.
    """
    columns = _read(path)
    episodes = list(_episodes(columns, path))
    bound = np.maximum(np.abs(columns["actions"]).max(0), 1.0).astype(np.float32) if len(columns["actions"]) else 1.0
    seen = columns["observations"]
    observation_space = (
        spaces.Box(0, 255, seen.shape[1:], np.uint8)
        if seen.dtype == np.uint8
        else spaces.Box(-np.inf, np.inf, seen.shape[1:], np.float32)
    )
    action_space = spaces.Box(-bound, bound, columns["actions"].shape[1:], np.float32)
    return Dataset.from_episodes(episodes, observation_space, action_space, name=str(path))


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        import h5py
    except ImportError as error:
        raise UsageError("HDF5 files need h5py: pip install 'papergym[offline]'.") from error
    try:
        with h5py.File(path, "r") as file:
            missing = [name for name in NEEDED if name not in file]
            if missing:
                raise UsageError(f"{path}: expected D4RL's arrays {', '.join(NEEDED)}, {', '.join(missing)} is missing.")
            found = [name for name in (*NEEDED, "timeouts", "next_observations") if name in file]
            columns = {name: _column(file[name], f"{path}, {name}") for name in found}
    except (OSError, KeyError, RuntimeError) as error:
        raise UsageError(f"{path} cannot be read: {error}. Is the file whole?") from error
    if not len(columns["rewards"]):
        raise UsageError(f"{path} holds no episode: its arrays have no rows.")
    for name, column in columns.items():
        shape = columns["observations"].shape if name == "next_observations" else (len(columns["rewards"]), *column.shape[1:])
        if column.shape != shape:
            raise UsageError(f"{path}, {name}: expected shape {shape}, got {column.shape}.")
        if name in ("rewards", "terminals", "timeouts"):
            columns[name] = column.reshape(len(column)) if column.size == len(column) else column
    if "timeouts" not in columns and "next_observations" not in columns:
        raise UsageError(
            f"{path} has neither timeouts nor next_observations, so the ends of its episodes are not known. Use a newer file."
        )
    return columns


def _column(item: Any, where: str) -> np.ndarray:
    """An array of the file.

    Raises:
        UsageError: a group, a single number, text, or numbers that are not finite.
    """
    if not getattr(item, "shape", ()):
        raise UsageError(f"{where}: expected an array with a row for each step, got {item}.")
    column = np.asarray(item[()])
    if not (np.issubdtype(column.dtype, np.number) or column.dtype == bool):
        raise UsageError(f"{where}: expected numbers, got {column.dtype}.")
    if not np.isfinite(column).all():
        row = int(np.argwhere(~np.isfinite(column))[0][0])
        raise UsageError(f"{where}: expected finite numbers, got one in row {row} that is not.")
    return column


def _episodes(columns: dict[str, np.ndarray], path: Path) -> list[Episode]:
    terminals = columns["terminals"].astype(bool)
    following = columns.get("next_observations")
    dropped = repeated = 0
    found: list[Episode] = []
    begin = 0
    for end in np.flatnonzero(_ends(columns)) + 1:
        rows, begin = slice(begin, end), end
        seen = columns["observations"][rows]
        terminated = bool(terminals[end - 1])
        if following is not None:
            seen = np.concatenate((seen, following[end - 1 : end]))
        elif terminated:
            seen, repeated = np.concatenate((seen, seen[-1:])), repeated + 1
        else:
            rows, dropped = slice(rows.start, end - 1), dropped + 1
        if rows.start < rows.stop:
            found.append(Episode(seen, columns["actions"][rows], columns["rewards"][rows], terminated))
    if dropped or repeated:
        log.info(
            "%s holds no next observations: the last step of %d episodes was dropped, %d that ended the task repeat their "
            "last observation",
            path,
            dropped,
            repeated,
        )
    return found


def _ends(columns: dict[str, np.ndarray]) -> np.ndarray:
    """True in the last row of each episode."""
    ends = columns["terminals"].astype(bool)
    if "timeouts" in columns:
        ends = ends | columns["timeouts"].astype(bool)
    if "next_observations" in columns:
        left, right = columns["next_observations"][:-1], columns["observations"][1:]
        ends[:-1] |= (left != right).any(axis=tuple(range(1, left.ndim)))
    ends[-1:] = True
    return ends
