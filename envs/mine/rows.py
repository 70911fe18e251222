"""The table of this family: LS-Imagine's five tasks and tasks of MineDojo, with MineDojo's observations and actions."""

from typing import Any

from papergym.assets import ROOT, tomllib
from papergym.envs.table import Row

FACTS: dict[str, Any] = tomllib.loads((ROOT / "mine" / "tasks.toml").read_text(encoding="utf-8"))
_LSIMAGINE = "LS-Imagine (arXiv 2410.03618), task files of its repository"
_MINEDOJO = "MineDojo (arXiv 2206.08853), package minedojo 0.1"
_MAKE: dict[str, Any] = {
    "entry_point": "papergym.envs.mine:make",
    "vector_entry_point": "papergym.envs.mine.batch:make_batch",
}
TICKS = "one step is one game tick (1/20 s)"


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.replace("-", "_").split("_"))


def _sentence(name: str) -> str:
    """The task in words, and how much of its family the embedded world reaches."""
    family, _, words = name.partition("_")
    reached, all_ids = FACTS["minedojo"]["reach"][family]
    what = f"{family.capitalize()} {words.replace('_', ' ')}"
    return f"{what} (`{name}`, one of the {reached} of MineDojo's {all_ids} {family} tasks that this world reaches); {TICKS}."


def _paper_rows() -> list[Row]:
    return [
        Row(
            id=f"Mine-{facts['name']}-v0",
            family="Mine",
            **_MAKE,
            kwargs={"task_id": key},
            limit_frames=facts["limit"],
            max_episode_steps=facts["limit"],
            summary=(
                f"LS-Imagine's task to {facts['prompt'][0].lower()}{facts['prompt'][1:]}, with MineDojo's own observations and "
                f"actions; {TICKS}."
            ),
            source=_LSIMAGINE,
        )
        for key, facts in FACTS["lsimagine"].items()
    ]


def _minedojo_rows() -> list[Row]:
    shared: dict[str, Any] = {"family": "Mine", **_MAKE, "source": _MINEDOJO}
    rows = [
        Row(id=f"Mine-{_camel(task)}-v0", kwargs={"task_id": task}, summary=_sentence(task), **shared)
        for task in FACTS["minedojo"]["ids"]
    ]
    for task, summary in (
        ("open-ended", "A world without a goal"),
        ("survival", "Stay alive for 100 days, each of which pays 1"),
    ):
        rows.append(Row(id=f"Mine-{_camel(task)}-v0", kwargs={"task_id": task}, summary=f"{summary}; {TICKS}.", **shared))
    return rows


ROWS: tuple[Row, ...] = (*_paper_rows(), *_minedojo_rows())
