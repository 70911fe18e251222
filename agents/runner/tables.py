"""CSV tables of a run: appended row by row, cut back to a checkpoint."""

import csv
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from papergym.agents.checkpoint.cells import read_csv, to_cell, to_csv
from papergym.agents.checkpoint.files import replaced
from papergym.agents.checkpoint.state import CheckpointError
from papergym.agents.errors import UsageError


class Table:
    """A CSV file with a header that grows when a new column appears.

    Floats are written in full (``repr``), so that equal files mean equal numbers.
    """

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        self.path = path
        self.first_columns = list(columns)
        rows = read_table(path) if path.is_file() else []
        self.rows = len(rows)
        self.columns = list(rows[0]) if rows else list(columns)
        if not path.is_file():
            self._write([])

    def append(self, row: dict[str, Any]) -> None:
        """Add one row; keys that are no columns yet become columns on the right."""
        new = [key for key in row if key not in self.columns]
        cells = {column: to_cell(value, column) for column, value in row.items()}
        if new:
            rows = read_table(self.path)
            self.columns += new
            self._write(rows)
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerow([cells.get(column, "") for column in self.columns])
        self.rows += 1

    def digest(self) -> str:
        """Of all rows."""
        return _digest(read_table(self.path))

    def check(self, rows: int, digest: str = "") -> None:
        """Look at the first ``rows`` rows; nothing is changed.

        Args:
            rows: that a checkpoint was made after.
            digest: of these rows then; "" for unknown.

        Raises:
            CheckpointError: rows are missing, or they have changed since.
        """
        kept = read_table(self.path)[:rows]
        if len(kept) < rows:
            raise CheckpointError(
                f"{self.path} has {len(kept)} rows, the checkpoint was made after {rows}. Start the run afresh."
            )
        if digest and _digest(kept) != digest:
            raise CheckpointError(f"{self.path} has changed since the checkpoint was made. Put the file back, or start afresh.")

    def truncate(self, rows: int) -> None:
        """Keep the first ``rows`` rows and the columns that they fill.

        Raises:
            CheckpointError: there are fewer.
        """
        self.check(rows)
        kept = read_table(self.path)[:rows]
        self.columns = [name for name in self.columns if any(row[name] for row in kept)] if kept else list(self.first_columns)
        self._write(kept)
        self.rows = rows

    def sync(self) -> None:
        """Have the operating system write everything to disk."""
        with self.path.open("rb+") as file:  # Windows syncs no file that was opened to read
            os.fsync(file.fileno())

    def _write(self, rows: list[dict[str, str]]) -> None:
        with replaced(self.path) as temporary:
            temporary.write_text(to_csv(self.columns, rows), encoding="utf-8", newline="")


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file as strings; a row cut off by a crash is left out.

    Raises:
        UsageError: not a table.
    """
    return read_csv(path)[1]


def numbers(path: Path, columns: Sequence[str]) -> list[tuple[float, ...]]:
    """Columns of a table as numbers, row by row. The first column, what the run counts, may have any name: give "".

    Raises:
        UsageError: no such table, or column, or a cell that is no number.
    """
    rows = read_table(path)
    try:
        return [tuple(float(row[name] if name else next(iter(row.values()))) for name in columns) for row in rows]
    except (KeyError, ValueError, StopIteration) as error:
        wanted = ", ".join(name or "steps or updates" for name in columns)
        raise UsageError(f"{path} cannot be read: expected numbers in the columns {wanted}, got {error}.") from error


def _digest(rows: list[dict[str, str]]) -> str:
    """Of the filled cells: which columns a table has depends on rows that come later."""
    filled = [{name: cell for name, cell in row.items() if cell} for row in rows]
    return hashlib.sha256(json.dumps(filled).encode()).hexdigest()
