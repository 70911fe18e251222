"""The rules of docs/guides/architecture.md that a machine can check."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import pytest

from papergym import assets
from papergym.envs.table import FAMILIES
from papergym.wrappers.rows import rows

REPO = Path(__file__).resolve().parents[2]


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd="/")


def test_worlds_do_not_import_torch():
    wrong = [str(path) for path in (REPO / "envs").rglob("*.py") for name in _imports(path) if name.split(".")[0] == "torch"]
    assert not wrong


def test_import_loads_no_simulator():
    heavy = ("torch", "mujoco", "dm_control", "numba", "cv2", "matplotlib")
    code = f"import sys, papergym; print([name for name in {heavy} if name in sys.modules])"
    result = _python(code)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr


def test_prefix_works_in_a_fresh_process():
    result = _python("import gymnasium as gym; print(gym.make('papergym:ProtoRL-Walker-v0').spec.id)")
    assert result.stdout.strip() == "ProtoRL-Walker-v0", result.stderr


@pytest.mark.parametrize("room", ["envs", "wrappers", "agents"])
def test_rooms_refuse_a_second_copy(room):
    result = subprocess.run([sys.executable, "-c", f"import {room}"], capture_output=True, text=True, cwd=REPO, timeout=60)
    assert result.returncode != 0
    assert f"import papergym.{room}, not {room}" in result.stderr


def test_rows_are_complete_and_unique():
    ids = [row.id for row in rows()]
    assert len(ids) == len(set(ids))
    for row in rows():
        assert row.id in gym.registry
        assert re.fullmatch(r"[A-Za-z0-9_.-]+-v\d+", row.id)
        assert row.summary.endswith("."), row.id
        assert row.source, row.id
        assert all(reason.strip() for reason in row.exceptions.values())


def test_every_family_room_has_rows():
    assert {row.entry_point.split(":")[0] for row in rows()}
    folders = {path.parent.name for path in (REPO / "envs").glob("*/rows.py")}
    assert folders == set(FAMILIES)


@pytest.mark.parametrize("key", assets.paper_keys())
def test_papers_are_cited_and_certain(key):
    paper = assets.paper(key)
    for field in ("title", "authors", "year"):
        assert paper["paper"][field]
    for score in paper.get("scores", []):
        place = score.get("where") or score.get("source")
        assert place, f"{key}: a score needs the table, figure or source it is from: {score}"
        assert score.get("certainty"), f"{key}: a score needs its certainty: {score}"


def _tracked():
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=REPO, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("the list of files comes from git, and this copy is no git checkout")
    return [REPO / name for name in listing.stdout.splitlines()]


def test_no_unfinished_marks_or_machine_paths():
    words = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "/wo" + "rk/", "/opt/" + "venv", r"except:\s*$"]), re.M)
    wrong = [
        f"{path.relative_to(REPO)}: {match.group()!r}"
        for path in _tracked()
        if path.suffix in {".py", ".md", ".toml", ".sh", ".cfg", ".csv", ".cff", ""} and path.is_file()
        for match in [words.search(path.read_text(encoding="utf-8", errors="ignore"))]
        if match
    ]
    assert not wrong


def test_ruff_needs_no_install(tmp_path):
    """``git clone; ruff check .``: the links of an install must not decide what is first-party."""
    for path in filter(Path.is_file, _tracked()):
        copy = tmp_path / path.relative_to(REPO)
        if path.suffix in {".py", ".toml"}:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise", "."]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr


def test_long_files_say_why():
    """A source file over 300 lines gives its reason in its docstring (`Long because ...`)."""
    wrong = []
    for path in _tracked():
        if path.suffix == ".py" and path.is_file():
            text = path.read_text(encoding="utf-8")
            if text.count("\n") > 300 and "Long because" not in text:
                wrong.append(f"{path.relative_to(REPO)}: {text.count(chr(10))}")
    assert not wrong
