"""Result tables: columns, parallel writers, a full disk."""

import os
import subprocess
import sys

import pytest

from papergym.agents.checkpoint import files
from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.errors import UsageError
from papergym.agents.reproduction.results import append_row, read_rows


def test_rows_keep_their_columns_and_are_written_once(tmp_path):
    path = tmp_path / "deep" / "table.csv"
    assert append_row(path, {"trial": "x", "score": 1.5})
    assert append_row(path, {"trial": "y", "extra": "a, b\nc"})
    assert not append_row(path, {"trial": "x", "score": 9.0})
    assert read_rows(path) == [
        {"trial": "x", "score": "1.5", "extra": ""}, {"trial": "y", "score": "", "extra": "a, b\nc"},
    ]  # fmt: skip
    assert sorted(entry.name for entry in path.parent.iterdir()) == [".table.csv.lock", "table.csv"]


def test_processes_append_at_once_without_loss(tmp_path):
    script = (
        "import sys; from pathlib import Path; from papergym.agents.reproduction.results import append_row\n"
        "for i in range(50): append_row(Path(sys.argv[1]), {'trial': f'{sys.argv[2]}-{i}'})"
    )
    path = tmp_path / "table.csv"
    for name in "abcd":
        (tmp_path / f"tmp-{name}").mkdir()  # a temporary folder that does not exist is not used
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path), name], env={**os.environ, "TMPDIR": str(tmp_path / f"tmp-{name}")}
        )
        for name in "abcd"
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    assert sorted(row["trial"] for row in read_rows(path)) == sorted(f"{name}-{i}" for name in "abcd" for i in range(50))


def test_a_full_disk_keeps_the_old_table(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    append_row(path, {"trial": "x"})

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(UsageError, match=r"No space left.*Free some space.*old file is kept"):
        append_row(path, {"trial": "y"})
    assert [row["trial"] for row in read_rows(path)] == ["x"] and not list(tmp_path.glob("*.tmp*")) + list(
        tmp_path.glob(".*.tmp*")
    )


def test_provenance_names_the_versions():
    found = row_provenance()
    assert set(found) == {"python", "torch", "mujoco", "gymnasium", "sb3", "commit"}
    assert found["python"].startswith("3.") and found["torch"]
