"""The table of this family: dm_control's suite and the URL benchmark's tasks, as Proto-RL sees them and as state vectors."""

from typing import Any

from papergym.assets import paper
from papergym.envs.dmc.tasks import DEFAULT_TASK, EXTRA_TASKS, TASKS, camel
from papergym.envs.table import Row

_PROTOCOL = paper("protorl")["protocol"]
_SUITE = "DeepMind Control Suite (arXiv 1801.00690), dm_control"
_URLB = "Unsupervised RL Benchmark (arXiv 2110.15191), on dm_control's models"
_JACO = "v0: 250 frames are counted; the benchmark sums times, which ends some episodes after 249."
_LQR = "v0: limited to 1000 frames like every other task; the suite's own LQR has no limit."
_UNTOUCHED = {"moving_entries": "touch sensors stay zero until the hand meets a prop, which random actions hardly do"}
_EXCEPTIONS = {
    "jaco": {"moving_entries": "the brick always lies in the same corner, as the task is defined"},
    "manipulator": _UNTOUCHED,
    "stacker": _UNTOUCHED,
    "finger spin": {"moving_entries": "one of two touch sensors stays zero in the check's short random episodes"},
}
"""Domain, or domain and task -> conformity check -> reason."""


def _limit(domain: str) -> int:
    return _PROTOCOL["limit_frames_by_domain"].get(domain, _PROTOCOL["limit_frames"])


def _look(domain: str) -> dict[str, Any]:
    """Arguments that the paper's protocol fixes for a domain."""
    names = ("size_px", "frame_stack", "action_repeat")
    camera = _PROTOCOL["camera_by_domain"].get(domain, _PROTOCOL["camera"])
    return {**{name: _PROTOCOL[name] for name in names}, "camera": camera}


def _facts(domain: str, task: str, *, pixels: bool) -> dict[str, Any]:
    """Columns that the pixel and the state row of a task share."""
    extra = task in EXTRA_TASKS.get(domain, {})
    note = {"jaco": _JACO, "lqr": _LQR}.get(domain, "v0: first version.")
    return {
        "summary": (EXTRA_TASKS if extra else TASKS)[domain][task],
        "limit_frames": _limit(domain),
        "version_note": note,
        "exceptions": {} if pixels else _EXCEPTIONS.get(domain, _EXCEPTIONS.get(f"{domain} {task}", {})),
        "source": _URLB if extra else _SUITE,
    }


def _protorl(name: str, domain: str, task: str) -> Row:
    facts = _facts(domain, task, pixels=True)
    return Row(
        id=f"ProtoRL-{name}-v0",
        family="protorl",
        entry_point="papergym.wrappers.recipes:protorl",
        vector_entry_point="papergym.wrappers.vector.recipes:protorl",
        kwargs={"domain": domain, "task": task, **_look(domain), "limit_frames": _limit(domain)},
        **{**facts, "source": f"Proto-RL (arXiv 2102.11271), official code; {facts['source']}"},
    )


def _state(domain: str, task: str) -> Row:
    return Row(
        id=f"DMC-{camel(domain)}{camel(task)}-v0",
        family="dmc",
        entry_point="papergym.envs.dmc.env:DmControlEnv",
        kwargs={"domain": domain, "task": task, "limit_frames": _limit(domain)},
        **_facts(domain, task, pixels=False),
    )


TASK_PAIRS = tuple((domain, task) for table in (TASKS, EXTRA_TASKS) for domain, tasks in table.items() for task in tasks)
"""Every (domain, task), the suite's first."""

ROWS: tuple[Row, ...] = (
    *(_protorl(camel(domain), domain, task) for domain, task in DEFAULT_TASK.items()),
    *(_protorl(camel(domain) + camel(task), domain, task) for domain, task in TASK_PAIRS),
    *(_state(domain, task) for domain, task in TASK_PAIRS),
)
