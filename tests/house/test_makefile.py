"""`make run` goes on where it was, `make test` names the gate that failed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def _make(venv, *arguments):
    """Run make with this interpreter's programs, in a place where the install counts as done."""
    for stamp in (".base", ".test"):
        (venv / stamp).touch()
    command = ["make", f"VENV={venv}", f"BIN={Path(sys.executable).parent}", *arguments]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=500)


def test_run_twice_goes_on(tmp_path):
    small = "--steps 60 --pretrain-steps 50 --learning-starts 40 --eval-every 60 --eval-episodes 1 --no-video"
    arguments = ["run", f"RUN={tmp_path / 'run'}", f"ARGS={small} --no-record-visits"]
    first = _make(tmp_path, *arguments)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "video-before.mp4" in first.stdout and (tmp_path / "run" / "video-before.mp4").is_file()
    again = _make(tmp_path, *arguments)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "resuming it" in again.stdout and "is finished" in again.stdout + again.stderr


def test_test_runs_every_gate_and_names_those_that_fail(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("assert False\n")
    result = _make(tmp_path, "test", "GATES=pytest lint", "JOBS=0", f"ARGS={wrong}")
    assert result.returncode != 0
    assert "=== lint" in result.stdout
    assert "=== failed: pytest" in result.stdout, result.stdout + result.stderr


def test_ci_is_the_command_of_the_readme():
    assert "make test " in (REPO / "README.md").read_text(encoding="utf-8")
    assert (REPO / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith("\nmake test")
    gates = subprocess.run(["make", "-pn", "help"], cwd=REPO, capture_output=True, text=True, timeout=60).stdout
    assert "GATES = lint types docs pytest\n" in gates


@pytest.mark.parametrize(
    "version, message", [((3, 9, 18), "needs Python >= 3.10"), ((3, 13, 0), "works on Python 3.10, 3.11 and 3.12")]
)
def test_interpreters_that_cannot_work_are_refused(tmp_path, version, message):
    """An interpreter that says it is another version; the answer names the ones that work, and the command."""
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.version_info = {(*version, 'final', 0)}\n")
    command, environment = [str(REPO / ".ci" / "check-system"), sys.executable], {**os.environ, "PYTHONPATH": str(tmp_path)}
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1 and message in refused.stderr and "make PYTHON=python3.12" in refused.stderr


def test_every_place_promises_the_same_interpreters():
    """Metadata, classifiers, the check of the system and the script that tries them all."""
    project = (REPO / "pyproject.toml").read_text(encoding="utf-8")
    assert 'requires-python = ">=3.10,<3.13"' in project
    assert re.findall(r"Python :: (3\.\d+)", project) == ["3.10", "3.11", "3.12"]
    assert "Python 3.10 to 3.12" in (REPO / "Makefile").read_text(encoding="utf-8")
    assert "Python 3.10" in (REPO / "README.md").read_text(encoding="utf-8")
