"""A run on disk: settings, tables, checkpoints. One process at a time; nothing is ever overwritten by accident.

A folder may come from somebody else. It holds numbers and text only; digests tell whether they are those that were written.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import tomli_w

from papergym.agents.checkpoint.files import is_temporary, lock, refuse_links, replace_text, sweep
from papergym.agents.checkpoint.provenance import versions
from papergym.agents.checkpoint.state import CheckpointError, State, load_state, save_state
from papergym.agents.errors import UsageError
from papergym.agents.runner.fields import tomllib
from papergym.agents.runner.plan import Plan, conflicts, digest, from_toml, to_toml
from papergym.agents.runner.tables import Table, numbers

KEEP_CHECKPOINTS = 2

LOCK = ".lock"

NETWORKS = "networks.safetensors"
"""Of a trained agent that was exported, see :mod:`papergym.agents.runner.trained`."""

BEST = "best.safetensors"
"""Policy of the best evaluation."""


class RunFolder:
    """Paths, lock and files of one run.

    Args:
        path: the folder.
        unit: what the budget counts.
        plan: digest of the plan.

    Attributes:
        path: the folder.
        tables: ``metrics``, ``episodes`` and ``eval``; the first column counts the agent's unit, ``step`` or ``update``. They
            hold only what the seed decides.
        timing: units against wall-clock seconds.
    """

    def __init__(self, path: Path, unit: str, plan: str = "") -> None:
        self.path, self.unit, self._plan = path, unit.removesuffix("s"), plan
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
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot make the folder {path}: {error}. Give another --run-folder.") from error
        held = lock(path / LOCK)
        try:
            refuse_occupied(plan)  # another process may have been here between the look and the lock
            sweep(path)
            tables = to_toml(plan)
            typed = command.encode("utf-8", "backslashreplace").decode()  # arguments may be bytes that are no text
            config = {"command": typed, "digest": digest(tables), **tables, "versions": versions()}
            replace_text(path / "config.toml", tomli_w.dumps(config))
            folder = cls(path, plan.agent.unit, digest(tables))
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
        tables = read_tables(path)
        different = conflicts(from_toml(tables, trusted=plan.agent.name), plan)
        if different:
            raise UsageError(
                f"{path} was started with other settings ({'; '.join(different)}). Drop these options, or start a new run."
            )
        held = lock(path / LOCK)
        try:
            sweep(path)
            folder = cls(path, plan.agent.unit, digest(tables))
        except BaseException:
            held.release()
            raise
        folder._lock = held
        return folder

    def close(self) -> None:
        """Give the lock back."""
        self._lock.release()

    def checkpoints(self) -> list[Path]:
        """Checkpoints, oldest first."""
        return sorted((self.path / "checkpoints").glob("[0-9]*.safetensors"))  # no temporary ones

    def save(self, state: State, done: int, kind: str) -> None:
        """Write a checkpoint; the one before stays, older ones go first, to make room."""
        for table in [*self.tables.values(), self.timing]:
            table.sync()
        for old in self.checkpoints()[: -KEEP_CHECKPOINTS + 1]:
            old.unlink()
        rows = {name: table.rows for name, table in self.tables.items()}
        digests = {name: table.digest() for name, table in self._every_table().items()}
        target = self.path / "checkpoints" / f"{done:012d}.safetensors"
        counted = {"rows": rows, "timing_rows": self.timing.rows, "digests": digests}
        save_state(target, {**state, **counted}, kind=kind, plan=self._plan)

    def snapshot(self, state: State, done: int, kind: str) -> None:
        """Keep a policy."""
        save_state(self.path / "snapshots" / f"{done:012d}.safetensors", {"model": state}, kind=kind, plan=self._plan)

    def save_policy(self, state: State, kind: str) -> None:
        """Write the policy of a finished run."""
        save_state(self.path / "policy.safetensors", {"model": state}, kind=kind, plan=self._plan)

    def save_best(self, state: State, kind: str) -> None:
        """Keep the policy of the best evaluation so far."""
        save_state(self.path / BEST, {"model": state}, kind=kind, plan=self._plan)

    def _every_table(self) -> dict[str, Table]:
        return {**self.tables, "timing": self.timing}

    def load(self, kind: str) -> State | None:
        """Newest checkpoint, with the tables cut back to it; None where the run was cut before its first one."""
        found = self.checkpoints()
        state, rows, digests = None, dict.fromkeys(self._every_table(), 0), {}
        if found:
            state = self._newest(found, kind)
            rows, digests = {**state["rows"], "timing": state["timing_rows"]}, state.get("digests", {})
        for name, table in self._every_table().items():
            table.check(rows[name], digests.get(name, ""))  # all of them, before one is cut
        for name, table in self._every_table().items():
            table.truncate(rows[name])
        return state

    def _newest(self, found: list[Path], kind: str) -> State:
        try:
            state = load_state(found[-1], kind=kind, plan=self._plan)
            missing = {"model", "runner", "rows", "timing_rows"} - state.keys()
            if missing:  # the file of a policy, put in a checkpoint's place
                raise CheckpointError(f"{found[-1]} is no checkpoint: it has no {', '.join(sorted(missing))}.")
            return state
        except CheckpointError as error:
            older = (
                f" Remove it to go on from {found[-2].name}."
                if len(found) > 1
                else " It is the only one: start the run afresh."
            )
            raise CheckpointError(f"{error}{older}") from error

    def drop_checkpoints(self) -> None:
        """Remove all checkpoints, of a finished run that needs none."""
        for path in self.checkpoints():
            path.unlink()

    def eval_rounds(self) -> dict[int, list[float]]:
        """Units done -> returns of the evaluation then."""
        return eval_rounds(self.path)

    def summary(self) -> dict[str, Any] | None:
        """Results of a finished run, None before.

        Raises:
            UsageError: the file is damaged.
        """
        path = self.path / "summary.json"
        if not path.is_file():
            return None
        try:
            summary = json.loads(path.read_text(encoding="utf-8"))
            written = summary.pop("digest", "")  # "": of a run of an earlier version
        except (ValueError, OSError, AttributeError, TypeError, RecursionError) as error:
            raise UsageError(f"{path} cannot be read: {error}. {RESUME_WITHOUT}") from error
        if written and written != _digest(summary):
            raise UsageError(f"{path} has changed since it was written. {RESUME_WITHOUT}")
        return summary

    def finish(self, summary: dict[str, Any]) -> None:
        """Mark the run as finished."""
        replace_text(self.path / "summary.json", json.dumps({**summary, "digest": _digest(summary)}, indent=1) + "\n")


RESUME_WITHOUT = "Remove it and resume: where the last checkpoint is kept, it is written anew."


def _digest(summary: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(summary, sort_keys=True).encode()).hexdigest()


def eval_rounds(path: Path) -> dict[int, list[float]]:
    """Of the run in the folder ``path``: units done -> returns of the evaluation then.

    Raises:
        UsageError: its table cannot be read.
    """
    rounds: dict[int, list[float]] = {}
    for done, value in numbers(path / "eval.csv", ("", "return")):
        rounds.setdefault(int(done), []).append(value)
    return rounds


def newest(folder: Path) -> Path:
    """The finished policy of a run, else its newest checkpoint; the networks of an exported agent.

    Raises:
        UsageError: the run has neither.
    """
    if (folder / NETWORKS).is_file():
        return folder / NETWORKS
    finished = folder / "policy.safetensors"
    checkpoints = sorted((folder / "checkpoints").glob("[0-9]*.safetensors"))
    if not finished.is_file() and not checkpoints:
        raise UsageError(f"{folder} has no checkpoint yet. Go on with it: papergym train {folder} --resume")
    return finished if finished.is_file() else checkpoints[-1]


def refuse_occupied(plan: Plan) -> None:
    """Raise UsageError where the run's folder holds something."""
    path = plan.run.folder(plan.agent.key)
    if (path / "config.toml").is_file():
        raise UsageError(
            f"{path} already holds a run. Go on with it: papergym train {path} --resume. "
            "Or give another --run-folder or --seed."
        )
    if not path.exists():
        return
    # a process that was killed while it began leaves its lock and temporary files
    if not path.is_dir() or any(file.name != LOCK and not is_temporary(file) for file in path.iterdir()):
        raise UsageError(f"{path} exists and is not an empty folder. Give another --run-folder.")
    refuse_links(path)


def read_plan(path: Path, *, trusted: str = "") -> Plan:
    """Plan of the run in a folder.

    Args:
        path: the folder.
        trusted: see :func:`papergym.agents.runner.plan.from_toml`.

    Raises:
        UsageError: no run there, or a configuration that cannot be read or has changed.
    """
    return from_toml(read_tables(path), trusted=trusted)


def read_tables(path: Path) -> dict[str, Any]:
    """Contents of the config.toml of the run in a folder, in which nothing is a link.

    Raises:
        UsageError: no run there, or a file that cannot be read or has changed since it was written.
    """
    file = path / "config.toml"
    try:
        if path.is_dir():
            refuse_links(path)
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"no run at {path} (no config.toml). Give a folder made by `papergym train`.") from None
    except (ValueError, RecursionError) as error:  # of UTF-8, or of TOML
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{file} cannot be read: {error}. Start the run afresh.") from error
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error}.") from error
    for name, kind in {"agent": str, "run": dict, "config": dict}.items():
        if not isinstance(tables.get(name), kind):
            raise UsageError(f"{file}: {name} is {tables.get(name)!r}, expected {'text' if kind is str else 'a table'}.")
    unknown = tables.keys() - {"command", "digest", "agent", "run", "config", "versions"}
    if unknown or ("digest" in tables and tables["digest"] != digest(tables)):
        raise UsageError(f"{file} has changed since it was written. Put it back, or start a new run with these settings.")
    return tables
