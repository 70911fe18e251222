"""The row type: everything that registration, ``papergym list``, the docs and the tests know of an environment id."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

FAMILIES = ("dmc", "mujoco", "toys", "mine", "football")
"""Rooms under ``envs`` that hold a ``rows.py`` with a tuple ``ROWS``."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One environment id.

    Attributes:
        id: Gymnasium id, ``Name-vN``. N rises with any change that may alter learning results.
        family: heading under which lists and docs show the id.
        entry_point: ``"module:attribute"``; a string, so that specs survive JSON and pickle.
        kwargs: default arguments of the entry point.
        summary: one sentence: what the agent has to do.
        source: paper, section or repository that defines the world.
        version_note: why the version number is what it is.
        limit_frames: episode limit in *frames* (simulator control steps), None where the world sets none.
        max_episode_steps: limit for Gymnasium's TimeLimit, in *steps*; None where the world truncates by itself.
        vector_entry_point: entry point used by ``gym.make_vec`` (mode ``vector_entry_point``), if there is one.
        extra: name of the optional dependency group that the world needs, "" for none.
        exceptions: conformity check -> the reason for which this id is excused from it.
        unavailable: why the id cannot run and what to use instead; "" for ids that run.
    """

    id: str
    family: str
    entry_point: str
    summary: str
    source: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    version_note: str = "v0: first version."
    limit_frames: int | None = None
    max_episode_steps: int | None = None
    vector_entry_point: str | None = None
    extra: str = ""
    exceptions: Mapping[str, str] = field(default_factory=dict)
    unavailable: str = ""


def rows() -> tuple[Row, ...]:
    """Every row, in the order of :data:`FAMILIES`; rows under one heading follow one another."""
    found = [row for name in FAMILIES for row in importlib.import_module(f"papergym.envs.{name}.rows").ROWS]
    headings = list(dict.fromkeys(row.family for row in found))
    return tuple(sorted(found, key=lambda row: headings.index(row.family)))


def unavailable(*, env_id: str, reason: str, **_: Any) -> NoReturn:
    """Entry point of ids that cannot run: says why and what to use."""
    raise ImportError(f"{env_id} cannot run here: {reason}")
