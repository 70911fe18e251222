"""The table of this family: every task of dm_control's suite, as Proto-RL sees it."""

from typing import Any

from papergym.assets import paper
from papergym.envs.dmc.tasks import DEFAULT_TASK, TASKS, camel
from papergym.envs.table import Row

_PROTOCOL = paper("protorl")["protocol"]
_SUITE = "DeepMind Control Suite (arXiv 1801.00690), dm_control"


def _look(domain: str) -> dict[str, Any]:
    """Arguments that the paper's protocol fixes for a domain."""
    names = ("size_px", "frame_stack", "action_repeat", "limit_frames")
    camera = _PROTOCOL["camera_by_domain"].get(domain, _PROTOCOL["camera"])
    return {**{name: _PROTOCOL[name] for name in names}, "camera": camera}


def _protorl(name: str, domain: str, task: str) -> Row:
    return Row(
        id=f"ProtoRL-{name}-v0",
        family="protorl",
        entry_point="papergym.wrappers.recipes:protorl",
        kwargs={"domain": domain, "task": task, **_look(domain)},
        limit_frames=_PROTOCOL["limit_frames"],
        summary=TASKS[domain][task],
        source=f"Proto-RL (arXiv 2102.11271), official code; {_SUITE}",
    )


ROWS: tuple[Row, ...] = (
    *(_protorl(camel(domain), domain, task) for domain, task in DEFAULT_TASK.items()),
    *(_protorl(camel(domain) + camel(task), domain, task) for domain, tasks in TASKS.items() for task in tasks),
)
