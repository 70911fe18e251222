"""CSV tables of a run: appended row by row, cut back to a checkpoint, mirrored to TensorBoard."""

import csv
import os
import shutil
from pathlib import Path
from typing import Any

from papergym.agents.checkpoint.files import replaced
from papergym.agents.checkpoint.state import CheckpointError
from papergym.agents.runner.events import EventWriter


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
        if not rows:
            self._write([])

    def append(self, row: dict[str, Any]) -> None:
        """Add one row; keys that are no columns yet become columns on the right."""
        new = [key for key in row if key not in self.columns]
        if new:
            rows = read_table(self.path)
            self.columns += new
            self._write(rows)
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerow([_text(row.get(column)) for column in self.columns])
        self.rows += 1

    def truncate(self, rows: int) -> None:
        """Keep the first ``rows`` rows and the columns that they fill."""
        kept = read_table(self.path)[:rows]
        if len(kept) < rows:
            raise CheckpointError(
                f"{self.path} has {len(kept)} rows, the checkpoint was made after {rows}. Start the run afresh."
            )
        self.columns = [name for name in self.columns if any(row[name] for row in kept)] if kept else list(self.first_columns)
        self._write(kept)
        self.rows = rows

    def sync(self) -> None:
        """Have the operating system write everything to disk."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())

    def _write(self, rows: list[dict[str, str]]) -> None:
        with replaced(self.path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.columns)
            writer.writerows([row.get(column, "") for column in self.columns] for row in rows)


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file as strings; a row cut off by a crash (fewer fields than the header) ends the table."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        rows = []
        for fields in reader:
            if len(fields) != len(header):
                break
            rows.append(dict(zip(header, fields)))
    return rows


def _text(value: Any) -> str:
    if value is None:
        return ""
    return repr(float(value)) if hasattr(value, "__float__") and not isinstance(value, (int, str)) else str(value)


def rebuild_events(folder: Path, tables: dict[str, Table]) -> EventWriter:
    """TensorBoard files that hold exactly what the tables hold; older ones are removed."""
    shutil.rmtree(folder, ignore_errors=True)
    events = EventWriter(folder)
    for prefix, table in tables.items():
        for row in read_table(table.path):
            done = int(row[table.columns[0]])
            for key, text in row.items():
                if key not in (table.columns[0], "episode") and text:
                    events.add_scalar(f"{prefix}{key}", float(text), done)
    events.flush()
    return events
