"""Result tables: one CSV per reproduction, a row per finished trial, written whole under a temporary name and renamed."""

import csv
import hashlib
import io
import os
import platform
import subprocess
import tempfile
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from filelock import FileLock

from papergym import assets
from papergym.agents.errors import UsageError

VERSIONS = {"torch": "torch", "mujoco": "mujoco", "gymnasium": "gymnasium", "sb3": "stable-baselines3"}
"""Column -> distribution whose version it holds, beside ``python``."""


def results_path(name: str) -> Path:
    """Where the results of a reproduction are kept: ``assets/results/<name>.csv``."""
    return assets.ROOT / "results" / f"{name}.csv"


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a result table, as text; none if it does not exist yet."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def append_row(path: Path, row: dict[str, Any], *, key: str = "trial") -> bool:
    """Add a row; False if the table already has one with the same ``row[key]``.

    Several processes may append at once. New columns are added at the right, empty in older rows.

    Raises:
        UsageError: the table cannot be written (full disk, no permission); the old one is kept.
    """
    path = Path(path)
    with FileLock(_lock_path(path)):
        rows: list[dict[str, Any]] = list(read_rows(path))
        if any(old.get(key) == str(row[key]) for old in rows):
            return False
        write_rows(path, [*rows, row])
    return True


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a whole table; columns in the order in which the rows bring them, empty where a row lacks one.

    Raises:
        UsageError: it cannot be written; the old one is kept.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    replace_text(path, text.getvalue())


def replace_text(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        UsageError: it cannot be written; the old one is kept.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(
            f"cannot write {path}: {error}. Free some space or choose another place; the old file is kept."
        ) from error


def _lock_path(path: Path) -> Path:
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"papergym-{digest}.lock"


@cache
def provenance() -> dict[str, str]:
    """Versions and commit that every row carries: python, torch, mujoco, gymnasium, sb3, commit."""
    found = {"python": platform.python_version()}
    for column, distribution in VERSIONS.items():
        try:
            found[column] = version(distribution)
        except PackageNotFoundError:
            found[column] = ""
    return {**found, "commit": _commit()}


def _commit() -> str:
    """Short hash of the checkout that runs, with ``+`` if its agents differ from it; "" outside a checkout."""
    root = Path(__file__).resolve().parents[2]

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "agents", "wrappers", "envs")
        return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return ""
