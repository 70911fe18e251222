"""What environments observe and pay, in words with units: the data files of assets/, read for the pages."""

import re
from functools import cache
from typing import Any

import entries
from entries import Entry

from papergym import assets


@cache
def facts(name: str) -> dict[str, Any]:
    """A data file below assets/, for example ``facts("dmc/rewards")``."""
    return assets.tomllib.loads((assets.ROOT / f"{name}.toml").read_text(encoding="utf-8"))


def dmc_observation(domain: str, task: str, key: str, model: Any) -> list[Entry]:
    """Entries of one observation key of a dm_control task, read with its compiled model; none where the file lacks the key."""
    file = facts("dmc/observations")
    for view in file["view"]:
        if domain in view["domains"] and task in view.get("tasks", [task]) and key in view:
            return [entry for part in view[key] for entry in entries.read(part, model, file["texts"])]
    return []


def dmc_rewards() -> dict[str, dict[str, str]]:
    """Domain -> task -> sentence."""
    file = dict(facts("dmc/rewards"))
    phrases = file.pop("phrases")
    return {domain: {task: _filled(text, phrases) for task, text in tasks.items()} for domain, tasks in file.items()}


def _filled(text: str, phrases: dict[str, str]) -> str:
    while "{" in text:  # a phrase may hold another
        text = text.format(**phrases)
    return text


def v4_observation(task: str, model: Any) -> list[Entry]:
    """Entries of a MuJoCo v4 task with ``obs_type="state"``."""
    parts = facts("mujoco/v4")[task]["observation"]
    if isinstance(parts, str):
        return v4_observation(parts, model)
    return [entry for part in parts for entry in entries.read(part, model, {})]


def v4_sentences() -> dict[str, tuple[str, str]]:
    """Task -> its reward per frame, and when it terminates."""
    return {task: (found["reward"], found["end"]) for task, found in facts("mujoco/v4").items()}


def football(key: str) -> tuple[str, str]:
    """Meaning and unit of one key of a football player's ``slices()``.

    Raises:
        KeyError: the file lacks the key.
    """
    meaning, unit = facts("football/observations")[re.sub(r"^(teammate|opponent)_\d+_", "mate_", key)]
    return meaning, unit
