"""The checklists of CONTRIBUTING.md hold for everything that exists, and the commands that they name exist."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

from papergym import assets, wrappers
from papergym.agents.run import VERBS
from papergym.envs.table import FAMILIES
from papergym.wrappers import intrinsic

REPO = Path(__file__).resolve().parents[2]
TEXT = (REPO / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
ROOMS = ("envs", "wrappers", "agents", "assets", "tests", "docs")


def _file(module: str) -> str:
    return module.removeprefix("papergym.wrappers.").replace(".", "/")


def _family(name):
    return {"family": name}


def _wrapper(name):
    return {"Name": name, "module": _file(getattr(wrappers, name).__module__)}


def _bonus(name):
    return {"Name": name, "module": intrinsic.BONUSES[name]}


def _agent(name):
    return {"key": name, "paper": importlib.import_module(f"papergym.agents.{name}.row").AGENT.paper}


def _paper(name):
    return {"paper": name, "arxiv": assets.paper(name)["paper"].get("arxiv") or assets.paper(name)["paper"]["title"]}


KINDS = {
    "Add an environment": (_family, FAMILIES),
    "Add a wrapper": (_wrapper, [name for name in wrappers.__all__ if not inspect.ismodule(getattr(wrappers, name))]),
    "Add a bonus": (_bonus, intrinsic.BONUSES),
    "Add an agent": (_agent, sorted(path.parent.name for path in (REPO / "agents").glob("*/row.py"))),
    "Add a paper": (_paper, assets.paper_keys()),
}
EXISTING = [pytest.param(title, name, id=f"{title}: {name}") for title, (_, names) in KINDS.items() for name in names]


def boxes(title: str) -> list[str]:
    """The items of a checklist, each as one line."""
    items = re.findall(r"^- \[ \] (.*?)(?=^- |^\S|\Z)", SECTIONS[title], re.MULTILINE | re.DOTALL)
    return [" ".join(item.split()) for item in items]


def holds(path: Path, text: str) -> bool:
    """Whether a file, or a file of a folder, has the text."""
    files = path.rglob("*.py") if path.is_dir() else [path]
    return any(text in file.read_text(encoding="utf-8") for file in files)


def unmet(title: str, values: dict[str, str]) -> list[str]:
    """Boxes that do not hold: a path in code must exist; "`path` names `text`" says what is in it."""
    wrong = []
    for item in boxes(title):
        item = re.sub(r"<(\w+)>", lambda match: values.get(match[1], match[0]), item)
        paths = [code for code in re.findall(r"`([^`]+)`", item) if code.split("/")[0] in ROOMS or code.endswith(".md")]
        wrong += [f"{path} is missing: {item}" for path in paths if not (REPO / path).exists()]
        wrong += [
            f"{path} does not name {text}"
            for path, text in re.findall(r"`([^`]+)` names `([^`]+)`", item)
            if (REPO / path).exists() and not holds(REPO / path, text)
        ]
    return wrong


@pytest.mark.parametrize(("title", "name"), EXISTING)
def test_a_checklist_holds_for_what_exists(title, name):
    assert not unmet(title, KINDS[title][0](name))


@pytest.mark.parametrize("title", KINDS)
def test_a_checklist_does_not_hold_for_what_does_not_exist(title):
    absent = dict.fromkeys(("family", "Name", "module", "key", "paper", "arxiv"), "Nonexistent")
    assert len(unmet(title, absent)) >= 2


def test_commands_exist():
    codes = re.findall(r"`([^`\n]+)`", TEXT)
    targets = re.findall(r"^([\w-]+):", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    found = {
        kind: [code.split()[1] for code in codes if code.startswith(f"{kind} ")] for kind in ("make", "papergym", "python")
    }
    assert all(found.values())
    assert set(found["make"]) <= set(targets)
    assert set(found["papergym"]) <= set(VERBS)
    assert [script for script in found["python"] if not (REPO / script).is_file()] == []


def test_every_result_table_has_a_rule():
    patterns = re.findall(r"`([\w*-]+\.csv)`", SECTIONS["Which results are run again"])
    covered = {pattern: list((REPO / "assets" / "results").glob(pattern)) for pattern in patterns}
    assert all(covered.values()), covered
    assert {path for paths in covered.values() for path in paths} == set((REPO / "assets" / "results").glob("*.csv"))


def test_no_result_holds_a_place_of_one_machine():
    """The command of a row can be given anywhere."""
    found = [
        path.name
        for path in (REPO / "assets" / "results").glob("*.csv")
        if re.search(r"/(root|home|tmp|work)/", path.read_text())
    ]
    assert found == []
