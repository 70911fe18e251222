"""Episodes on disk while a dataset is being made, so that a killed process loses little."""

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from papergym.agents.checkpoint.files import lock, replace_text, replaced
from papergym.agents.data.recording import Recording, Start
from papergym.agents.errors import UsageError

STEPS = 10_000
"""Steps of a part."""

REQUEST = "request.json"


class Parts:
    """A folder of finished episodes, in files of about :data:`STEPS` steps.

    Args:
        folder: made if it is not there.
        request: JSON values that decide the episodes; parts of another request are removed.

    Attributes:
        episodes, steps: what is there.
        by_policy: name of a policy -> its episodes.

    Raises:
        UsageError: another process is making the same dataset, or the disk is full.
    """

    def __init__(self, folder: Path, request: dict[str, Any]) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = lock(folder / ".lock")
        text = json.dumps(request, sort_keys=True)
        file = folder / REQUEST
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            for part in self._files():
                part.unlink()
            replace_text(file, text)
        for leftover in folder.glob(".*.tmp*"):  # of a process that was killed while it wrote
            leftover.unlink(missing_ok=True)
        self.episodes, self.steps, self.by_policy = 0, 0, Counter[str]()
        for episode in self:
            self._count(episode)

    def add(self, episodes: Iterable[Recording]) -> Iterator[int]:
        """Keep episodes; yields the number of steps after each one. What is not yet in a file is written at the end.

        Raises:
            UsageError: the disk is full; what is in files stays.
        """
        waiting: list[Recording] = []
        for episode in episodes:
            waiting.append(episode)
            self._count(episode)
            if sum(len(one.actions) for one in waiting) >= STEPS:
                self._write(waiting)
                waiting = []
            yield self.steps
        if waiting:
            self._write(waiting)

    def __iter__(self) -> Iterator[Recording]:
        """All episodes, in the order in which they were added."""
        for file in self._files():
            with np.load(file) as arrays:
                for number, about in enumerate(json.loads(str(arrays["about"]))):
                    yield _unpacked({name: arrays[f"{number}/{name}"] for name in about.pop("columns")}, about)

    def remove(self) -> None:
        """The dataset is there: the parts are not needed any more."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.close()

    def close(self) -> None:
        """Let other processes go on here."""
        self._lock.release()

    def _count(self, episode: Recording) -> None:
        self.episodes, self.steps = self.episodes + 1, self.steps + len(episode.actions)
        self.by_policy[episode.about.get("policy", "")] += 1

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.npz"))

    def _write(self, episodes: list[Recording]) -> None:
        arrays: dict[str, np.ndarray] = {}
        about = []
        for number, episode in enumerate(episodes):
            columns = {"observations": episode.observations, "actions": episode.actions, "rewards": episode.rewards}
            columns |= {} if episode.log_probs is None else {"log_probs": episode.log_probs}
            arrays |= {f"{number}/{name}": column for name, column in columns.items()}
            about.append(_packed(episode, list(columns)))
        try:
            with replaced(self.folder / f"{len(self._files()):06d}.npz") as temporary:
                np.savez(temporary, about=json.dumps(about), **arrays)  # pyright: ignore[reportArgumentType]
        except OSError as error:
            raise UsageError(
                f"cannot write to {self.folder}: {error}. Free some space and give the same command: it goes on where it was."
            ) from error


def _packed(episode: Recording, columns: list[str]) -> dict[str, Any]:
    start = None if episode.start is None else [episode.start.seed, episode.start.resets]
    flags = {"terminated": episode.terminated, "truncated": episode.truncated}
    return {"columns": columns, "start": start, "about": dict(episode.about), **flags}


def _unpacked(columns: dict[str, np.ndarray], about: dict[str, Any]) -> Recording:
    start = about.pop("start")
    episode = Recording(**columns, **about)
    return episode if start is None else replace(episode, start=Start(*start))
