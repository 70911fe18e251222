"""The row type: everything that registration, ``papergym list``, the docs and the tests know of an environment id."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import gymnasium as gym

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


def rows_of(family_room: str) -> tuple[Row, ...]:
    """The rows of one room of :data:`FAMILIES`. Ids with a preset chain of wrappers are not among them."""
    return importlib.import_module(f"papergym.envs.{family_room}.rows").ROWS


def register(row: Row) -> None:
    """Tell Gymnasium of an id; an id that it knows already is left alone."""
    if row.id in gym.registry:  # a second import, for example in a worker that inherited the registry
        return
    kwargs = {"env_id": row.id, "reason": row.unavailable} if row.unavailable else dict(row.kwargs)
    gym.register(
        id=row.id,
        entry_point="papergym.envs.table:unavailable" if row.unavailable else row.entry_point,
        vector_entry_point=None if row.unavailable else row.vector_entry_point,
        max_episode_steps=row.max_episode_steps,
        kwargs=kwargs,
    )


def unavailable(*, env_id: str, reason: str, **_: Any) -> NoReturn:
    """Entry point of ids that cannot run: says why and what to use."""
    raise ImportError(f"{env_id} cannot run here: {reason}")
