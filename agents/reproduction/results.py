"""Result tables: one CSV per reproduction, a row per finished trial, written whole under a temporary name and renamed."""

from pathlib import Path
from typing import Any

from filelock import FileLock

from papergym import assets
from papergym.agents.checkpoint.cells import read_csv, to_csv
from papergym.agents.checkpoint.files import replace_text, sweep


def results_path(name: str) -> Path:
    """Where the shipped results of a reproduction are: ``assets/results/<name>.csv``."""
    return assets.ROOT / "results" / f"{name}.csv"


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a result table, as text; none if it does not exist yet.

    Raises:
        UsageError: it is no table.
    """
    return read_csv(path)[1] if path.is_file() else []


def append_row(path: Path, row: dict[str, Any], *, key: str = "trial", replace: bool = False) -> bool:
    """Add a row; False if the table already has one with the same ``row[key]``, which stays unless ``replace``.

    Several processes may append at once. New columns are added at the right, empty in older rows.

    Raises:
        UsageError: the table cannot be written (full disk, no permission); the old one is kept.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        sweep(path.parent, path)
        rows: list[dict[str, Any]] = list(read_rows(path))
        others = [old for old in rows if old.get(key) != str(row[key])]
        known = len(others) < len(rows)
        if replace or not known:
            write_rows(path, [*others, row])
    return not known


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a whole table; columns in the order in which the rows bring them, empty where a row lacks one.

    Raises:
        UsageError: it cannot be written; the old one is kept.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    replace_text(path, to_csv(columns, rows))
