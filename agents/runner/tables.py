"""CSV tables of a run: appended row by row, cut back to a checkpoint, mirrored to TensorBoard."""

import csv
import os
import shutil
from pathlib import Path
from typing import Any

from stable_baselines3.common.logger import KVWriter

from papergym.agents.checkpoint.state import CheckpointError
from papergym.agents.runner.events import Board


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
        temporary = self.path.with_name(self.path.name + ".tmp")
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.columns)
            writer.writerows([row.get(column, "") for column in self.columns] for row in rows)
        os.replace(temporary, self.path)


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


class MetricsWriter(KVWriter):
    """Output of SB3's logger: the same numbers to metrics.csv and to TensorBoard.

    ``time/`` values depend on the machine, and are left out.
    """

    def __init__(self, table: Table, board: Board) -> None:
        self.table, self.board = table, board

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Write one row; exclusions are ignored, since TensorBoard's files are made anew from the table at a resume."""
        pairs = sorted((key, value) for key, value in key_values.items() if not key.startswith("time/"))
        numbers = {key: float(value) for key, value in pairs if hasattr(value, "__float__")}
        self.table.append({"step": step, **numbers})
        for key, value in numbers.items():
            self.board.add_scalar(key, value, step)
        self.board.flush()

    def close(self) -> None:
        """Flush TensorBoard."""
        self.board.close()


def rebuild_board(folder: Path, tables: dict[str, Table]) -> Board:
    """TensorBoard files that hold exactly what the tables hold; older ones are removed."""
    shutil.rmtree(folder, ignore_errors=True)
    board = Board(folder)
    for prefix, table in tables.items():
        for row in read_table(table.path):
            for key, text in row.items():
                if key not in ("step", "episode") and text:
                    board.add_scalar(f"{prefix}{key}", float(text), int(row["step"]))
    board.flush()
    return board
