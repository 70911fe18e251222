"""Writes docs/wrappers/index.md and a page for each wrapper: what it does, arguments, code that runs, an image."""

import importlib
import inspect
from pathlib import Path
from typing import Any

from cards import figure
from tables import demote, markdown, table

from papergym.assets import tomllib

ROOMS = ("papergym.wrappers", "papergym.wrappers.vector", "papergym.wrappers.sb3", "papergym.wrappers.vision")
"""Where wrappers are, in the order in which a page shows their forms."""

FOR = {
    "papergym.wrappers": "Gymnasium environments",
    "papergym.wrappers.vector": "Gymnasium's vector environments",
    "papergym.wrappers.sb3": "stable-baselines3's `VecEnv`",
    "papergym.wrappers.vision": "Gymnasium environments with images",
}
GROUPS = {
    "Observations, actions and rewards": "",
    "Intrinsic rewards": "any environment: Gymnasium's, its vector environments, or stable-baselines3's `VecEnv`",
    "MineDojo and LS-Imagine": "",
    "For stable-baselines3": "",
}
"""Heading of the index -> whose environments they take, where that is one thing."""

ANY_ENVIRONMENT = """
import gymnasium as gym
import papergym

env = papergym.wrappers.{name}(gym.make("Pendulum-v1"), weight=0.1)
env.reset(seed=0)
observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
print(info["reward_extrinsic"], info["reward_intrinsic"])
"""


def _is_wrapper(room: str, name: str, value: Any) -> bool:
    if room == "papergym.wrappers.vision":  # which also has scorers and maps
        return name in ("RemoveHUD", "ResizeMaps")
    return inspect.isclass(value) or inspect.isfunction(value)


def forms() -> dict[str, list[str]]:
    """Wrapper -> the rooms that have a form of it."""
    found: dict[str, list[str]] = {}
    for room in ROOMS:
        module = importlib.import_module(room)
        for name in module.__all__:
            if _is_wrapper(room, name, getattr(module, name)):
                found.setdefault(name, []).append(room)
    return found


def entries() -> dict[str, dict[str, str]]:
    """wrappers.toml, and for the intrinsic rewards of any environment the code that fits all of them.

    Raises:
        KeyError: a wrapper that is no intrinsic reward and has no code.
    """
    found = tomllib.loads((Path(__file__).parent / "wrappers.toml").read_text(encoding="utf-8"))
    for name, rooms in forms().items():
        if name not in found and not (rooms[0] == "papergym.wrappers" and name.endswith("Reward")):
            raise KeyError(f"Expected code for {name} in docs/_scripts/wrappers.toml, got none.")
        found.setdefault(name, {"code": ANY_ENVIRONMENT.format(name=name)} | _MORE)
    return found


_MORE = {"more": "[Intrinsic rewards](../intrinsic/index.md) has the formula and source of each bonus."}


def _of(room: str, name: str) -> Any:
    return getattr(importlib.import_module(room), name)


def summary(name: str, rooms: list[str]) -> str:
    """The first paragraph of a wrapper's docstring."""
    return markdown((inspect.getdoc(_of(rooms[0], name)) or "").split("\n\n")[0]).replace("\n", " ")


def _form(room: str, name: str, heading: str, *, whole: bool) -> list[str]:
    """One form of a wrapper: how it is called and its docstring, without the first paragraph unless ``whole``."""
    call = inspect.signature(_of(room, name))
    arguments = ",\n    ".join(str(part) for part in _short(call))
    text = inspect.getdoc(_of(room, name)) or ""
    if not whole:
        _, _, text = text.partition("\n\n")  # the page begins with it
    text = demote(demote(markdown(text))).replace("**Args**", "**Arguments**")
    return [f"## {heading}", "", f"```text\n{room}.{name}(\n    {arguments},\n)\n```", "", text, ""]


def _short(call: inspect.Signature) -> list[str]:
    """Parameters with their defaults; types are in the API reference."""
    found, star = [], False
    for part in call.parameters.values():
        if part.kind is part.KEYWORD_ONLY and not star:
            found, star = [*found, "*"], True
        star = star or part.kind is part.VAR_POSITIONAL
        default = "" if part.default is part.empty else f"={part.default!r}"
        prefix = {part.VAR_POSITIONAL: "*", part.VAR_KEYWORD: "**"}.get(part.kind, "")
        found.append(f"{prefix}{part.name}{default}")
    return found


def page(docs: Path, name: str, rooms: list[str], entry: dict[str, str]) -> str:
    """The page of one wrapper with all its forms."""
    parts = [f"# `{name}`", "", summary(name, rooms), ""]
    if (docs / "_static" / "wrappers" / f"{name}.png").is_file():
        parts += [figure(f"../../_static/wrappers/{name}.png", name, entry.get("caption", "")), ""]
    parts += [f"```python\n{entry['code'].strip()}\n```", ""]
    if entry.get("more"):
        parts += [entry["more"], ""]
    for room in rooms:
        heading = f"For {FOR[room]}" if len(rooms) > 1 else "Arguments"
        parts += _form(room, name, heading, whole=room != rooms[0])
    return "\n".join(parts)


def _group(name: str, rooms: list[str]) -> str:
    module = _of(rooms[0], name).__module__
    if rooms[0] == "papergym.wrappers.sb3":
        return "For stable-baselines3"
    if module.startswith(("papergym.wrappers.vision", "papergym.wrappers.mine")):
        return "MineDojo and LS-Imagine"
    return "Intrinsic rewards" if "ward" in name and name != "PreviousReward" else "Observations, actions and rewards"


def wrapper_pages(docs: Path) -> None:
    """Every page below docs/wrappers/reference, and docs/wrappers/index.md."""
    folder = docs / "wrappers" / "reference"
    folder.mkdir(exist_ok=True)
    found, shown = forms(), entries()
    for old in folder.glob("*.md"):
        old.unlink()
    for name, rooms in found.items():
        (folder / f"{name}.md").write_text(page(docs, name, rooms, shown[name]), encoding="utf-8")
    (docs / "wrappers" / "index.md").write_text(_index(found), encoding="utf-8")


def _index(found: dict[str, list[str]]) -> str:
    parts = [
        "# Wrappers",
        "",
        "A wrapper takes one Gymnasium environment. `papergym.wrappers.vector` has wrappers of the same name for vector "
        "environments, `papergym.wrappers.sb3` for stable-baselines3's `VecEnv`.",
        "",
    ]
    pages = []
    for heading, takes in GROUPS.items():
        names = [name for name, rooms in found.items() if _group(name, rooms) == heading]
        lines = [[f"[`{name}`](reference/{name}.md)", summary(name, found[name]), _others(found[name])] for name in names]
        columns = ["wrapper", "what it does", "also for"] if any(line[2] for line in lines) else ["wrapper", "what it does"]
        about = [f"These take {takes}.", ""] if takes else []
        parts += [f"## {heading}", "", *about, table(columns, [line[: len(columns)] for line in lines]), ""]
        pages += [f"`{name}` <reference/{name}>" for name in names]
    guides = ["add-to-your-code", "intrinsic/index"]
    return "\n".join([*parts, "```{toctree}", ":hidden:", "", *guides, *(page.replace("`", "") for page in pages), "```", ""])


def _others(rooms: list[str]) -> str:
    short = {"papergym.wrappers.vector": "vector", "papergym.wrappers.sb3": "sb3", "papergym.wrappers.vision": "vision"}
    return ", ".join(short[room] for room in rooms[1:])
