"""A run on disk: settings, tables, checkpoints. One process at a time; nothing is ever overwritten by accident."""

import json
from pathlib import Path
from typing import Any

import tomli_w

from papergym.agents.checkpoint.files import lock, replace_text
from papergym.agents.checkpoint.provenance import versions
from papergym.agents.checkpoint.state import CheckpointError, State, load_state, save_state
from papergym.agents.errors import UsageError
from papergym.agents.runner.fields import tomllib
from papergym.agents.runner.plan import Plan, conflicts, from_toml, to_toml
from papergym.agents.runner.tables import Table, read_table

KEEP_CHECKPOINTS = 2

LOCK = ".lock"


class RunFolder:
    """Paths, lock and files of one run.

    Attributes:
        path: the folder.
        tables: ``metrics``, ``episodes`` and ``eval``; the first column counts the agent's unit, ``step`` or ``update``. They
            hold only what the seed decides.
        timing: units against wall-clock seconds.
    """

    def __init__(self, path: Path, unit: str) -> None:
        self.path, self.unit = path, unit.removesuffix("s")
        played = (self.unit, "episode", "return", "length")
        columns = {"metrics": (self.unit,), "episodes": played, "eval": played}
        self.tables = {name: Table(path / f"{name}.csv", first) for name, first in columns.items()}
        self.timing = Table(path / "timing.csv", (self.unit, "seconds", f"{unit}_per_second"))
        self._lock: Any = None

    @classmethod
    def create(cls, plan: Plan, command: str) -> "RunFolder":
        """A new folder with the full configuration.

        Raises:
            UsageError: the folder is not empty, or another process is using it.
        """
        path = plan.run.folder(plan.agent.key)
        refuse_occupied(plan)
        path.mkdir(parents=True, exist_ok=True)
        held = lock(path / LOCK)
        try:
            refuse_occupied(plan)  # another process may have been here between the look and the lock
            replace_text(path / "config.toml", tomli_w.dumps({"command": command, **to_toml(plan), "versions": versions()}))
            folder = cls(path, plan.agent.unit)
        except BaseException:
            held.release()
            raise
        folder._lock = held
        return folder

    @classmethod
    def resume(cls, plan: Plan) -> "RunFolder":
        """The folder of a run that was cut.

        Raises:
            UsageError: no run there, one with other settings, or another process is using it.
        """
        path = plan.run.folder(plan.agent.key)
        different = conflicts(read_plan(path, trusted=plan.agent.name), plan)
        if different:
            raise UsageError(
                f"{path} was started with other settings ({'; '.join(different)}). Drop these options, or start a new run."
            )
        held = lock(path / LOCK)
        for leftover in path.glob("**/.*.tmp*"):  # of a process that was killed while it wrote
            leftover.unlink(missing_ok=True)
        folder = cls(path, plan.agent.unit)
        folder._lock = held
        return folder

    def close(self) -> None:
        """Give the lock back."""
        self._lock.release()

    def checkpoints(self) -> list[Path]:
        """Checkpoints, oldest first."""
        return sorted((self.path / "checkpoints").glob("*.safetensors"))

    def save(self, state: State, done: int, kind: str) -> None:
        """Write a checkpoint; the one before stays, older ones go first, to make room."""
        for table in [*self.tables.values(), self.timing]:
            table.sync()
        for old in self.checkpoints()[: -KEEP_CHECKPOINTS + 1]:
            old.unlink()
        rows = {name: table.rows for name, table in self.tables.items()}
        target = self.path / "checkpoints" / f"{done:012d}.safetensors"
        save_state(target, {**state, "rows": rows, "timing_rows": self.timing.rows}, kind=kind)

    def snapshot(self, state: State, done: int, kind: str) -> None:
        """Keep a policy."""
        save_state(self.path / "snapshots" / f"{done:012d}.safetensors", {"model": state}, kind=kind)

    def load(self, kind: str) -> State | None:
        """Newest checkpoint, with the tables cut back to it; None where the run was cut before its first one."""
        found = self.checkpoints()
        if not found:
            state, rows, timing = None, dict.fromkeys(self.tables, 0), 0
        else:
            try:
                state = load_state(found[-1], kind=kind)
            except CheckpointError as error:
                older = (
                    f" Remove it to go on from {found[-2].name}."
                    if len(found) > 1
                    else " It is the only one: start the run afresh."
                )
                raise CheckpointError(f"{error}{older}") from error
            rows, timing = state["rows"], state["timing_rows"]
        for name, table in self.tables.items():
            table.truncate(rows[name])
        self.timing.truncate(timing)
        return state

    def drop_checkpoints(self) -> None:
        """Remove all checkpoints, of a finished run that needs none."""
        for path in self.checkpoints():
            path.unlink()

    def eval_rounds(self) -> dict[int, list[float]]:
        """Units done -> returns of the evaluation then."""
        return eval_rounds(self.path)

    def summary(self) -> dict[str, Any] | None:
        """Results of a finished run, None before."""
        path = self.path / "summary.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def finish(self, summary: dict[str, Any]) -> None:
        """Mark the run as finished."""
        replace_text(self.path / "summary.json", json.dumps(summary, indent=1) + "\n")


def eval_rounds(path: Path) -> dict[int, list[float]]:
    """Of the run in the folder ``path``: units done -> returns of the evaluation then."""
    rounds: dict[int, list[float]] = {}
    for row in read_table(path / "eval.csv"):
        rounds.setdefault(int(next(iter(row.values()))), []).append(float(row["return"]))
    return rounds


def refuse_occupied(plan: Plan) -> None:
    """Raise UsageError where the run's folder holds something."""
    path = plan.run.folder(plan.agent.key)
    if (path / "config.toml").is_file():
        raise UsageError(
            f"{path} already holds a run. Go on with it: papergym train {path} --resume. "
            "Or give another --run-folder or --seed."
        )
    if path.exists() and (not path.is_dir() or any(file.name != LOCK for file in path.iterdir())):
        raise UsageError(f"{path} exists and is not an empty folder. Give another --run-folder.")


def read_plan(path: Path, *, trusted: str = "") -> Plan:
    """Plan of the run in a folder.

    Args:
        path: the folder.
        trusted: see :func:`papergym.agents.runner.plan.from_toml`.

    Raises:
        UsageError: no run there, or a configuration that cannot be read.
    """
    file = path / "config.toml"
    try:
        return from_toml(tomllib.loads(file.read_text(encoding="utf-8")), trusted=trusted)
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"no run at {path} (no config.toml). Give a folder made by `papergym train`.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise UsageError(f"{file} cannot be read: {error}. Start the run afresh.") from error
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error}.") from error
