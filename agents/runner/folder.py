"""A run on disk: settings, tables, checkpoints. One process at a time; nothing is ever overwritten by accident."""

import fcntl
import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import tomli_w

from papergym.agents.checkpoint.state import CheckpointError, State, load_state, save_state
from papergym.agents.errors import UsageError
from papergym.agents.runner.settings import Plan, conflicts, from_toml, to_toml, tomllib
from papergym.agents.runner.tables import Table
from papergym.version import __version__

TABLES: dict[str, tuple[str, ...]] = {
    "metrics": ("step",),
    "episodes": ("step", "episode", "return", "length"),
    "eval": ("step", "episode", "return", "length"),
}
"""Table -> its first columns. They hold only what the seed decides; wall-clock figures are in timing.csv."""

KEEP_CHECKPOINTS = 2


class RunFolder:
    """Paths, lock and files of one run.

    Attributes:
        path: the folder.
        tables: the tables of :data:`TABLES`.
        timing: steps against wall-clock seconds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tables = {name: Table(path / f"{name}.csv", columns) for name, columns in TABLES.items()}
        self.timing = Table(path / "timing.csv", ("step", "seconds", "steps_per_second"))
        self._lock = _lock(path)

    @staticmethod
    def refuse_occupied(plan: Plan) -> None:
        """Raise UsageError where the run's folder holds something."""
        path = plan.run.folder(plan.agent.key)
        if (path / "config.toml").is_file():
            raise UsageError(f"{path} already holds a run. Go on with it by --resume, or give another --run-folder or --seed.")
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise UsageError(f"{path} exists and is not an empty folder. Give another --run-folder.")

    @classmethod
    def create(cls, plan: Plan, command: str) -> "RunFolder":
        """A new folder with the full configuration.

        Raises:
            UsageError: the folder is not empty.
        """
        cls.refuse_occupied(plan)
        path = plan.run.folder(plan.agent.key)
        path.mkdir(parents=True, exist_ok=True)
        text = tomli_w.dumps({"command": command, **to_toml(plan), "versions": versions()})
        write_atomically(path / "config.toml", text)
        return cls(path)

    @classmethod
    def resume(cls, plan: Plan) -> "RunFolder":
        """The folder of a run that was cut.

        Raises:
            UsageError: no run there, or one with other settings.
        """
        path = plan.run.folder(plan.agent.key)
        different = conflicts(read_plan(path), plan)
        if different:
            raise UsageError(
                f"{path} was started with other settings ({'; '.join(different)}). Drop these options, or start a new run."
            )
        return cls(path)

    def close(self) -> None:
        """Give the lock back."""
        self._lock.close()

    def checkpoints(self) -> list[Path]:
        """Checkpoints, oldest first."""
        return sorted((self.path / "checkpoints").glob("*.safetensors"))

    def save(self, state: State, step: int, kind: str) -> None:
        """Write a checkpoint; the one before stays, older ones go first, to make room."""
        for table in [*self.tables.values(), self.timing]:
            table.sync()
        for old in self.checkpoints()[: -KEEP_CHECKPOINTS + 1]:
            old.unlink()
        rows = {name: table.rows for name, table in self.tables.items()}
        target = self.path / "checkpoints" / f"{step:012d}.safetensors"
        save_state(target, {**state, "rows": rows, "timing_rows": self.timing.rows}, kind=kind)

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

    def summary(self) -> dict[str, Any] | None:
        """Results of a finished run, None before."""
        path = self.path / "summary.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def finish(self, summary: dict[str, Any]) -> None:
        """Mark the run as finished."""
        write_atomically(self.path / "summary.json", json.dumps(summary, indent=1) + "\n")


def read_plan(path: Path) -> Plan:
    """Plan of the run in a folder.

    Raises:
        UsageError: no run there, or a configuration that cannot be read.
    """
    try:
        return from_toml(tomllib.loads((path / "config.toml").read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UsageError(f"no run at {path} (no config.toml). Give a folder made by `papergym train`.") from None
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise UsageError(f"{path / 'config.toml'} cannot be read: {error}. Start the run afresh.") from error


def write_atomically(path: Path, text: str) -> None:
    """Write under a temporary name, then rename."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def versions() -> dict[str, str]:
    """Versions that may change results, and the commit of a checkout."""
    names = ("torch", "mujoco", "dm_control", "gymnasium", "stable-baselines3", "numpy")
    found = {"papergym": __version__, "python": platform.python_version(), "commit": commit()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def commit() -> str:
    """Commit of the checkout that this code runs from, "" outside of one; ``+`` marks changes."""
    here = Path(__file__).resolve().parent
    git = ["git", "-C", str(here)]
    try:
        head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, timeout=20)
        dirty = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "") if head.returncode == 0 else ""


def _lock(path: Path) -> Any:
    """An open file that holds the folder's lock until this process ends, whatever the way."""
    file = (path / ".lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"another process is using {path}. Wait for it, or give another --run-folder.") from None
    file.write(f"{os.getpid()} {sys.argv[0]}\n")
    file.flush()
    return file
