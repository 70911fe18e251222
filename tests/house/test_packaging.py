"""The wheel holds the rooms under papergym, and nothing else."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    source = tmp_path_factory.mktemp("source") / "papergym"
    keep = shutil.ignore_patterns(".git", ".venv", "runs", "__pycache__", "build", "*.egg-info", "_build", "results")
    shutil.copytree(REPO, source, ignore=keep, symlinks=True)
    for room in ("envs", "wrappers", "agents", "assets"):  # a clean clone has no links
        (source / "src" / "papergym" / room).unlink(missing_ok=True)
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "-q", ".", "--no-deps", "--no-build-isolation", "-w", str(out)]
    result = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return next(out.glob("*.whl"))


def test_wheel_content(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if not name.split("/")[0].endswith(".dist-info")}
    assert tops == {"papergym"}
    for expected in (
        "__init__.py",
        "py.typed",
        "envs/table.py",
        "wrappers/__init__.py",
        "agents/run.py",
        "assets/papers/protorl.toml",
        "assets/mine/items.json",
    ):
        assert f"papergym/{expected}" in names


def test_wheel_runs_by_itself(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = "import papergym, gymnasium; print(papergym.__file__); gymnasium.spec('ProtoRL-Walker-v0')"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd="/", env={"PYTHONPATH": str(tmp_path)}, timeout=120
    )
    assert result.stdout.startswith(str(tmp_path)), result.stdout + result.stderr
    assert result.returncode == 0, result.stderr
