"""The table of this family: dm_control's suite and the URL benchmark's tasks, observed as state vectors."""

from papergym.assets import paper
from papergym.envs.dmc.tasks import EXTRA_TASKS, TASKS, camel
from papergym.envs.table import Row

_PROTOCOL = paper("protorl")["protocol"]
_SUITE = "DeepMind Control Suite (arXiv 1801.00690), dm_control"
_URLB = "Unsupervised RL Benchmark (arXiv 2110.15191), on dm_control's models"
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


def _row(domain: str, task: str) -> Row:
    extra = task in EXTRA_TASKS.get(domain, {})
    return Row(
        id=f"DMC-{camel(domain)}{camel(task)}-v0",
        family="dmc",
        entry_point="papergym.envs.dmc.env:DmControlEnv",
        vector_entry_point="papergym.envs.dmc.batch:make_batch",
        kwargs={"domain": domain, "task": task, "limit_frames": _limit(domain)},
        limit_frames=_limit(domain),
        summary=(EXTRA_TASKS if extra else TASKS)[domain][task],
        source=_URLB if extra else _SUITE,
        version_note={"lqr": _LQR}.get(domain, "v0: first version."),
        exceptions=_EXCEPTIONS.get(domain, _EXCEPTIONS.get(f"{domain} {task}", {})),
    )


TASK_PAIRS = tuple((domain, task) for table in (TASKS, EXTRA_TASKS) for domain, tasks in table.items() for task in tasks)
"""Every (domain, task), the suite's first."""

ROWS: tuple[Row, ...] = tuple(_row(domain, task) for domain, task in TASK_PAIRS)
