"""CSV files as text: cells that no spreadsheet takes for a formula, and lines that a crash has cut."""

import csv
import io
import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from papergym.agents.errors import UsageError

log = logging.getLogger(__name__)

LONGEST_CELL = 131_072
"""Characters. Readers of CSV (Python's among them) refuse longer cells, so none is written."""

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""Beginnings of what a spreadsheet evaluates; a quote before it makes it text."""


def to_cell(value: Any, column: str = "") -> str:
    """Text of a value: None is empty, floats are written in full, text that begins like a formula gets a quote before it.

    Line breaks become line feeds, and bytes that are no text escapes; any other text comes back as it was.

    Raises:
        UsageError: longer than :data:`LONGEST_CELL`, or with a zero character.
    """
    if value is None:
        return ""
    if hasattr(value, "__float__") and not isinstance(value, (int, str)):
        return repr(float(value))
    text = str(value).encode("utf-8", "backslashreplace").decode().replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        raise UsageError(f"the column {column!r} got a text with a zero character, which no table can hold.")
    if len(text) > LONGEST_CELL:
        raise UsageError(f"the column {column!r} got a text of {len(text)} characters, expected at most {LONGEST_CELL}.")
    return f"'{text}" if _FORMULA.match(text) and not _is_number(text) else text


def from_cell(text: str) -> str:
    """Inverse of :func:`to_cell`, for text."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def to_csv(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> str:
    """A whole table; empty where a row lacks a column.

    Raises:
        UsageError: a cell that is too long.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([to_cell(name) for name in columns])
    writer.writerows([to_cell(row.get(name), name) for name in columns] for row in rows)
    return text.getvalue()


def read_csv(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows of a table. A last line without its end, which a crash has cut, is left out.

    Raises:
        UsageError: not UTF-8, not a table, or a line with another number of cells than the header.
    """
    try:
        data = Path(path).read_bytes()
        if data and not data.endswith(b"\n"):
            log.warning("%s: the last line is cut off and is left out.", path)
            data = data[: data.rfind(b"\n") + 1]
        text = data.decode("utf-8-sig")  # spreadsheets put a mark before the text
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise UsageError(f"{path} cannot be read as a table: {error}.") from error
    header, *rest = [[from_cell(cell) for cell in line] for line in lines if line] or [[]]
    if len(set(header)) != len(header):
        raise UsageError(f"{path} names a column twice: {', '.join(header)}.")
    for number, line in enumerate(rest, 1):
        if len(line) != len(header):
            raise UsageError(f"{path}, row {number}: {len(line)} cells, expected {len(header)} as in its first line.")
    return header, [dict(zip(header, line)) for line in rest]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
