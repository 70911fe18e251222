"""Tables: new columns, cuts, rows that a crash left half written."""

import pytest

from papergym.agents.checkpoint.state import CheckpointError
from papergym.agents.runner.tables import Table, read_table


def test_columns_grow_and_shrink(tmp_path):
    table = Table(tmp_path / "t.csv", ("step",))
    table.append({"step": 1, "a": 0.1})
    early = (tmp_path / "t.csv").read_bytes()
    table.append({"step": 2, "b": 1 / 3})
    assert read_table(table.path) == [{"step": "1", "a": "0.1", "b": ""}, {"step": "2", "a": "", "b": repr(1 / 3)}]
    table.truncate(1)
    assert (tmp_path / "t.csv").read_bytes() == early
    table.truncate(0)
    assert (tmp_path / "t.csv").read_text() == "step\n"


def test_half_written_row_is_dropped(tmp_path):
    table = Table(tmp_path / "t.csv", ("step", "value"))
    for step in range(3):
        table.append({"step": step, "value": 0.5})
    text = table.path.read_text()
    table.path.write_text(text[:-6])
    reopened = Table(table.path, ("step", "value"))
    assert reopened.rows == 2
    reopened.truncate(2)
    reopened.append({"step": 2, "value": 0.5})
    assert table.path.read_text() == text


def test_table_shorter_than_its_checkpoint(tmp_path):
    table = Table(tmp_path / "t.csv", ("step",))
    with pytest.raises(CheckpointError, match="has 0 rows, the checkpoint was made after 2"):
        table.truncate(2)
