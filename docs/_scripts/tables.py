"""Markdown from tables and docstrings, and the tables of actions and observations that the pages of the environments show."""

import importlib
import inspect
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import describe
import gymnasium as gym
import meanings
import numpy as np
from describe import Actuator, Part
from gymnasium import spaces

from papergym.envs.dmc import urlb


def table(header: list[str], lines: Iterable[Iterable[Any]]) -> str:
    """A Markdown table."""

    def row(cells: Iterable[Any]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([row(header), row(["---"] * len(header)), *map(row, lines)])


def docstring(entry_point: str) -> str:
    """The docstring behind an entry point: of the class, or of the function that builds the chain."""
    module, _, attribute = entry_point.partition(":")
    return inspect.getdoc(getattr(importlib.import_module(module), attribute)) or ""


def demote(text: str) -> str:
    """Headings one level down, so that a docstring can stand inside a page."""
    return "\n".join("#" + line if line.startswith("#") else line for line in text.splitlines())


def markdown(text: str) -> str:
    """A Google-style docstring as Markdown: ``Args:`` and its kin become a bold word and a list, roles become code."""
    lines: list[str] = []
    inside = False
    for line in re.sub(r":\w+:`~?([^`]*)`", r"`\1`", text.replace("``", "`")).splitlines():
        section = re.fullmatch(r"(Args|Raises|Returns|Yields|Attributes):", line)
        entry = re.match(r"    ([\w*., ]+): (.*)", line)
        if section:
            inside, line = True, f"**{section.group(1)}**\n"
        elif inside and entry:
            line = f"- `{entry.group(1)}`: {entry.group(2)}"
        elif inside and line and not line.startswith(" "):
            inside, line = False, f"\n{line}"
        elif inside:
            line = f"  {line.strip()}" if line.strip() else ""
        lines.append(line)
    return "\n".join(lines)


def number_range(start: int, count: int) -> str:
    """``"4"`` or ``"4 to 6"``."""
    return str(start) if count == 1 else f"{start} to {start + count - 1}"


def actions(actuators: list[Actuator], strip: str = "") -> str:
    """What each entry of an action does, in physical units; ``strip`` is left out of names."""
    header = ["Num", "Actuator", "Action", "At -1", "At 1", "Unit"]
    lines = [
        [number, f"`{name}`", drives, f"{low:.4g}", f"{high:.4g}", unit]
        for number, (name, drives, low, high, unit) in enumerate(actuators)
    ]
    text = table(header, lines)
    return text.replace(strip, "") if strip else text


def state(parts: list[Part]) -> str:
    """What each entry of a state vector is, with its key and unit."""
    lines, at = [], 0
    for part in parts:
        for meaning, unit, count in part.entries:
            lines.append([number_range(at, count), f"`{part.key}`" if part.key else "", meaning, unit])
            at += count
    header = ["Num", "Key", "Observation", "Unit"]
    if not any(part.key for part in parts):
        header, lines = [header[0], *header[2:]], [[line[0], *line[2:]] for line in lines]
    return table(header, lines)


@cache
def dmc(domain: str, task: str) -> tuple[list[Actuator], list[Part], float]:
    """Actuators, state and control step of a dm_control task; each model is compiled once."""
    if domain == "jaco":
        task = next(iter(urlb.CORNERS))  # all four tasks have one body and one observation
    base = urlb.REWARDS.get((domain, task), (task,))[0]
    return describe.task_tables(domain, base)


def v4(task: str) -> tuple[list[Actuator], list[Part], float]:
    """Actuators, state and control step of one of Gymnasium's MuJoCo v4 tasks."""
    world: Any = gym.make(f"Pixel-{task}-v4", obs_type="state", disable_env_checker=True).unwrapped
    model = world._task.model
    found = describe.actuators(model), [Part("", 0, meanings.v4_observation(task, model))], float(world._task.dt)
    world.close()
    return found


def football_body(walker: str) -> str:
    """The action table of a football player."""
    world: Any = gym.make("Football-Shoot-v0", walker=walker, disable_env_checker=True).unwrapped
    found = actions(describe.actuators(world._physics.model.ptr), strip="home0/")
    world.close()
    return found


def football_view(env_id: str, **kwargs: Any) -> str:
    """The observation table of a football player."""
    world: Any = gym.make(env_id, disable_env_checker=True, **kwargs).unwrapped
    slices = world.match.slices(world.player) if hasattr(world, "match") else world.slices()
    lines = [
        [number_range(part.start, part.stop - part.start), f"`{key}`", *meanings.football(key)] for key, part in slices.items()
    ]
    world.close()
    return table(["Num", "Key", "Observation", "Unit"], lines)


def leaves(space: spaces.Space, path: str = "") -> Iterator[tuple[str, spaces.Space]]:
    """Every array of a nested Dict space with its dotted path."""
    if isinstance(space, spaces.Dict):
        for key, part in space.spaces.items():
            yield from leaves(part, f"{path}.{key}" if path else key)
    else:
        yield path, space


def _bounds(space: Any) -> tuple[str, str]:
    if isinstance(space, spaces.Box):
        return f"{np.min(space.low):g}", f"{np.max(space.high):g}"
    return "0", str(int(np.max(space.nvec) if isinstance(space, spaces.MultiDiscrete) else space.n) - 1)


def mine_view(observation_space: spaces.Space) -> str:
    """The observation table of MineDojo's contract."""
    lines, found = [], meanings.facts("mine/meanings")["observation"]
    for path, space in leaves(observation_space):
        shape = "×".join(map(str, space.shape or ())) or "one"
        lines.append([f"`{path}`", found[path][0], shape, str(space.dtype), *_bounds(space), found[path][1]])
    return table(["Key", "Observation", "Shape", "Type", "Min", "Max", "Unit"], lines)


def mine_action(space: spaces.MultiDiscrete) -> str:
    """The action table of MineDojo's contract."""
    found = meanings.facts("mine/meanings")["action"]
    lines = [[part, text, 0, int(size) - 1, unit] for part, (size, (text, unit)) in enumerate(zip(space.nvec, found))]
    return table(["Part", "Action", "Min", "Max", "Unit"], lines)
