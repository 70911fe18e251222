"""Ids that are an environment plus a paper's wrapper chain, computed from the environments' rows; and all rows together."""

from dataclasses import replace
from typing import Any

from papergym.assets import paper
from papergym.envs.dmc.rows import ROWS as DMC
from papergym.envs.dmc.tasks import DEFAULT_TASK, camel
from papergym.envs.mine.rows import FACTS, TICKS
from papergym.envs.mine.rows import ROWS as MINE
from papergym.envs.mujoco.rows import TASKS as MUJOCO
from papergym.envs.table import FAMILIES, Row, rows_of

_PROTOCOL: dict[str, Any] = paper("protorl")["protocol"]
_CHAIN: dict[str, Any] = {name: _PROTOCOL[name] for name in ("size_px", "frame_stack", "action_repeat")}
_V4_SOURCE = "Gymnasium, gymnasium.envs.mujoco v4; images as in Proto-RL (arXiv 2102.11271)"
_V4_NOTE = "v4: the version of Gymnasium's task inside."


def _protorl() -> tuple[Row, ...]:
    """Every dm_control task as Proto-RL sees it: first the ids that name a domain alone, then those that name the task too."""
    states = {(row.kwargs["domain"], row.kwargs["task"]): row for row in DMC}
    names = [(camel(domain), states[domain, task]) for domain, task in DEFAULT_TASK.items()]
    names += [(camel(domain) + camel(task), state) for (domain, task), state in states.items()]
    return tuple(_protorl_row(name, state) for name, state in names)


def _protorl_row(name: str, state: Row) -> Row:
    domain = state.kwargs["domain"]
    camera = _PROTOCOL["camera_by_domain"].get(domain, _PROTOCOL["camera"])
    look = {"domain": domain, "task": state.kwargs["task"], **_CHAIN, "camera": camera}
    return replace(
        state,
        id=f"ProtoRL-{name}-v0",
        family="protorl",
        entry_point="papergym.wrappers.recipes:protorl",
        vector_entry_point="papergym.wrappers.vector.recipes:protorl",
        kwargs={**look, "limit_frames": state.limit_frames},
        source=f"Proto-RL (arXiv 2102.11271), official code; {state.source}",
        exceptions={},  # those of a state row concern entries of its vector
    )


def _v4() -> tuple[Row, ...]:
    """Gymnasium's MuJoCo v4 tasks with Proto-RL's chain."""
    shared: dict[str, Any] = {"family": "mujoco", "source": _V4_SOURCE, "version_note": _V4_NOTE}
    shared["entry_point"] = "papergym.wrappers.recipes:mujoco_v4"
    found = [
        Row(
            id=f"Pixel-{task}-v4",
            vector_entry_point="papergym.wrappers.vector.recipes:mujoco_v4",
            kwargs={"task": task, **_CHAIN, "camera": camera, "limit_frames": limit},
            limit_frames=limit,
            summary=summary,
            **shared,
        )
        for task, (summary, camera, limit) in MUJOCO.items()
    ]
    pusher = Row(
        id="Pixel-Pusher-v4",
        summary="Push a cylinder to a goal with a seven-joint arm.",
        unavailable=(
            "Gymnasium's Pusher-v4 needs mujoco<3, because the weight of its cylinder differs there, and dm_control needs "
            "mujoco>=3.17. Use Gymnasium's Pusher-v5."
        ),
        **shared,
    )
    return (*found, pusher)


def _lsimagine() -> tuple[Row, ...]:
    """LS-Imagine's tasks through its wrappers."""
    facts = FACTS["lsimagine"]
    return tuple(
        replace(
            row,
            id=row.id.replace("Mine-", "LSImagine-"),
            family="LS-Imagine",
            entry_point="papergym.wrappers.mine:lsimagine",
            vector_entry_point="papergym.wrappers.vector.recipes:lsimagine",
            summary=f"{facts[row.kwargs['task_id']]['prompt']}: 12 discrete actions, 64x64 images, {TICKS}.",
        )
        for row in MINE
        if row.kwargs["task_id"] in facts
    )


ROWS: dict[str, tuple[Row, ...]] = {"dmc": _protorl(), "mujoco": _v4(), "mine": _lsimagine()}
"""Family room of ``envs`` -> its ids with a preset chain of wrappers."""


def rows() -> tuple[Row, ...]:
    """Every row of the package, in the order of ``FAMILIES``; in each, ids with a preset chain come before those without."""
    return tuple(row for room in FAMILIES for row in (*ROWS.get(room, ()), *rows_of(room)))
