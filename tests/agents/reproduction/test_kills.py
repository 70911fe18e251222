"""kill -9 in the middle of writing: nothing that was acknowledged is lost, and no file is left behind."""

import os
import subprocess
import sys
import textwrap

import pytest

from papergym.agents.checkpoint.files import is_temporary, sweep
from papergym.agents.checkpoint.state import load_state
from papergym.agents.reproduction.results import append_row, read_rows

CAMPAIGN = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
from papergym.agents.checkpoint.state import save_state
from papergym.agents.reproduction.results import append_row

what, folder, kills = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
rng = random.Random(0)

def work(number, acknowledge):
    step = 0
    while True:
        name = f"{number}-{step}"
        if what == "append":
            append_row(folder / "table.csv", {"trial": name, "text": "x" * 2000})
        else:
            save_state(folder / f"{step % 2}.safetensors", {"name": name, "rows": np.full(300_000, step)}, kind="test")
        os.write(acknowledge, f"{name}\\n".encode())
        step += 1

for number in range(kills):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        work(number, write)
    os.close(write)
    first = os.read(read, 100)  # one is done: the next is under way
    time.sleep(rng.random() * 0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while part := os.read(read, 100_000):
        first += part
    os.close(read)
    print(first.decode(), end="", flush=True)
"""


def campaign(tmp_path, what: str, kills: int) -> list[str]:
    """Names that the killed processes had acknowledged."""
    command = [sys.executable, "-c", textwrap.dedent(CAMPAIGN), what, str(tmp_path), str(kills)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def check_appends(tmp_path, kills: int) -> None:
    acknowledged = campaign(tmp_path, "append", kills)
    assert len(acknowledged) >= kills
    append_row(tmp_path / "table.csv", {"trial": "last"})
    found = [row["trial"] for row in read_rows(tmp_path / "table.csv")]
    assert set(acknowledged) <= set(found) and len(found) == len(set(found))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".table.csv.lock", "table.csv"]


def check_saves(tmp_path, kills: int) -> None:
    acknowledged = campaign(tmp_path, "save", kills)
    assert len(acknowledged) >= kills
    for path in tmp_path.glob("[01].safetensors"):
        state = load_state(path, kind="test")
        assert (state["rows"] == int(state["name"].partition("-")[2])).all()
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} <= {"0.safetensors", "1.safetensors"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the campaign forks")
@pytest.mark.parametrize("check", [check_appends, check_saves])
def test_a_few_kills(tmp_path, check):
    check(tmp_path, 6)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the campaign forks")
@pytest.mark.parametrize("check", [check_appends, check_saves])
def test_fifty_kills(tmp_path, check):
    check(tmp_path, 50)


def test_only_temporary_files_are_swept(tmp_path):
    (tmp_path / "below").mkdir()
    kept = [".lock", "table.csv", ".hidden", "x.tmp", ".a.tmp", "below/.b.c.tmpl", "below/.b.1.tmp.d.e"]
    swept = [".table.77.tmp.csv", "below/.000001.abc_9.tmp.safetensors", ".config.x.tmp.toml", ".x.y.tmp", "below/.tmp8dBoV7"]
    for name in [*kept, *swept]:
        (tmp_path / name).touch()
    sweep(tmp_path, tmp_path / "table.csv")
    assert not (tmp_path / ".table.77.tmp.csv").exists() and (tmp_path / ".config.x.tmp.toml").exists()
    sweep(tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)


def test_files_have_the_mode_that_the_umask_asks_for(tmp_path):
    for mask, mode in ((0o022, 0o644), (0o077, 0o600), (0o002, 0o664)):
        before = os.umask(mask)
        try:
            append_row(tmp_path / f"{mask}.csv", {"trial": "x"})
        finally:
            os.umask(before)
        assert (tmp_path / f"{mask}.csv").stat().st_mode & 0o777 == mode
    assert not any(is_temporary(path) for path in tmp_path.iterdir())
