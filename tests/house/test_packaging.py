"""The wheel holds the rooms under papergym, and nothing else."""

import email
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from papergym.assets import tomllib
from papergym.version import __version__

REPO = Path(__file__).resolve().parents[2]
ROOMS = ("envs", "wrappers", "agents", "assets")
KEPT_OUT = shutil.ignore_patterns(".git", ".venv*", "runs", "__pycache__", "build", "*.egg-info", "_build", "results")
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _own(requirements: list[str]) -> list[str]:
    """Names in the brackets of requirements such as ``papergym[football,contrib]``."""
    lists = [match[1] for line in requirements if (match := re.fullmatch(r"papergym\[([\w,]+)\]", line))]
    return [name for names in lists for name in names.split(",")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    source = tmp_path_factory.mktemp("source") / "papergym"
    shutil.copytree(REPO, source, ignore=KEPT_OUT, symlinks=True)
    for room in ROOMS:  # a clean clone has no links
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
        "__main__.py",
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


@pytest.mark.parametrize("url", ["", "https://example.org/team/papergym/"])
def test_the_readme_of_a_release_links_and_shows_its_files(url, tmp_path):
    code = "import sys; from setuptools import build_meta; build_meta.prepare_metadata_for_build_wheel(sys.argv[1])"
    source = shutil.copytree(REPO, tmp_path / "source", ignore=KEPT_OUT, symlinks=True)
    command = [sys.executable, "-c", code, str(tmp_path)]
    environment = {**os.environ, "PAPERGYM_URL": url}
    result = subprocess.run(command, capture_output=True, text=True, cwd=source, env=environment, timeout=120)
    assert result.returncode == 0, result.stderr
    metadata = email.message_from_bytes(next(tmp_path.glob("*.dist-info/METADATA")).read_bytes())
    assert metadata["Description-Content-Type"] == "text/markdown"

    def links(text):
        return re.findall(r"(!?)\[[^\]]*\]\(([^)]+)\)", text)

    def released(image, target):
        outside = not url or target.startswith(("https:", "#"))
        return image, target if outside else f"{url}{'raw' if image else 'blob'}/main/{target}"

    here = links((REPO / "README.md").read_text(encoding="utf-8"))
    assert ("!", "docs/_static/readme.gif") in here
    assert links(metadata.get_payload()) == [released(*link) for link in here]


def test_python_m_papergym_is_the_command_line():
    command = [sys.executable, "-m", "papergym", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=120)
    assert result.stdout.strip() == __version__, result.stderr


def test_the_extra_all_has_every_extra_of_a_user():
    extras = PROJECT["optional-dependencies"]
    others = {"all", "test", "docs", "thirdparty", "minedojo"}  # tools, peers in slow tests, and the former name of vision
    assert set(_own(extras["all"])) == set(extras) - others


def test_extras_that_messages_name_exist():
    files = [REPO / "README.md", *(path for room in ROOMS for path in (REPO / room).rglob("*.py"))]
    files += [path for path in (REPO / "docs").rglob("*.md") if "_build" not in path.parts]
    named = {extra for path in files for extra in _own(re.findall(r"papergym\[[\w,]+\]", path.read_text(encoding="utf-8")))}
    named |= {extra for wanted in PROJECT["optional-dependencies"].values() for extra in _own(wanted)}
    assert len(named) > 3
    assert named <= set(PROJECT["optional-dependencies"])
