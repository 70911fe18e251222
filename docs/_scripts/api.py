"""Writes docs/api: a page for each public module with every public class and function."""

import importlib
import inspect
import pydoc
from pathlib import Path
from typing import Any

from papergym.agents.runner.registry import agents

MODULES = {
    "papergym": "Runs from Python.",
    "papergym.wrappers": "Wrappers of one Gymnasium environment.",
    "papergym.wrappers.vector": "Wrappers of Gymnasium's vector environments.",
    "papergym.wrappers.sb3": "Wrappers, callbacks and replay buffers for stable-baselines3.",
    "papergym.wrappers.intrinsic": "Bonuses, which the intrinsic-reward wrappers pay.",
    "papergym.wrappers.vision": "MineCLIP, affordance maps and the jump flag of LS-Imagine.",
    "papergym.envs.vector.batch": "Environments on several threads.",
    "papergym.envs.render": "Rendering of MuJoCo without a display.",
    "papergym.envs.conformity": "Checks for environments and wrappers.",
    "papergym.agents.runner.learner": "What an agent of your own implements.",
    "papergym.agents.runner.registry": "How an agent is declared.",
    "papergym.agents.data.dataset": "Datasets for agents that learn without an environment.",
    "papergym.agents.errors": "Errors that name the remedy.",
}
"""Public module -> what it holds."""


def public(module: str) -> list[str]:
    """Names of the classes and functions that a module offers."""
    loaded = importlib.import_module(module)
    names = getattr(loaded, "__all__", [name for name in vars(loaded) if not name.startswith("_")])
    listed = hasattr(loaded, "__all__")
    found = []
    for name in sorted(names):
        value = getattr(loaded, name)
        if (inspect.isclass(value) or inspect.isfunction(value)) and (listed or value.__module__ == module):
            found.append(name)
    return found


def algorithms() -> list[str]:
    """Paths of the agents' algorithms, those that are classes of stable-baselines3's kind."""
    return sorted(row.algorithm.replace(":", ".") for row in agents() if row.algorithm)


def _entry(path: str, value: Any, seen: set[int]) -> str:
    again = "   :no-index:\n" if id(value) in seen else ""  # offered by two modules
    seen.add(id(value))
    if inspect.isclass(value):
        return f".. autoclass:: {path}\n   :members:\n   :show-inheritance:\n{again}"
    return f".. autofunction:: {path}\n{again}"


def api(docs: Path) -> None:
    """Write one page per module, and their index."""
    folder = docs / "api"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.md"):
        old.unlink()
    seen: set[int] = set()
    for module, about in MODULES.items():
        loaded = importlib.import_module(module)
        entries = [_entry(f"{module}.{name}", getattr(loaded, name), seen) for name in public(module)]
        _write(folder / f"{module}.md", module, about, entries)
    entries = [_entry(path, pydoc.locate(path), seen) for path in algorithms()]
    _write(folder / "algorithms.md", "Algorithms", "Subclasses of stable-baselines3's `BaseAlgorithm`.", entries)
    lines = "\n".join([*MODULES, "algorithms"])
    text = f"# API\n\nEvery public class and function.\n\n```{{toctree}}\n:maxdepth: 1\n\n{lines}\n```\n"
    (folder / "index.md").write_text(text, encoding="utf-8")


def _write(file: Path, title: str, about: str, entries: list[str]) -> None:
    body = "\n".join(entries)
    shown = f"`{title}`" if "." in title or title == "papergym" else title
    file.write_text(f"# {shown}\n\n{about}\n\n```{{eval-rst}}\n{body}```\n", encoding="utf-8")
