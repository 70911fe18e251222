"""The table of this family: LS-Imagine's five tasks with and without its wrappers, and tasks of MineDojo."""

from typing import Any

from papergym.assets import ROOT, tomllib
from papergym.envs.table import Row

_FACTS: dict[str, Any] = tomllib.loads((ROOT / "mine" / "tasks.toml").read_text(encoding="utf-8"))
_LSIMAGINE = "LS-Imagine (arXiv 2410.03618), task files of its repository"
_MINEDOJO = "MineDojo (arXiv 2206.08853), package minedojo 0.1"
_MAKE = "papergym.envs.mine:make"
_TICKS = "one step is one game tick (1/20 s)"


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.replace("-", "_").split("_"))


def _sentence(name: str) -> str:
    """The task in words, and how much of its family the embedded world reaches."""
    family, _, words = name.partition("_")
    reached, all_ids = _FACTS["minedojo"]["reach"][family]
    what = f"{family.capitalize()} {words.replace('_', ' ')}"
    return f"{what} (`{name}`, one of the {reached} of MineDojo's {all_ids} {family} tasks that this world reaches); {_TICKS}."


def _paper_rows() -> list[Row]:
    found = []
    for key, facts in _FACTS["lsimagine"].items():
        prompt = facts["prompt"][0].lower() + facts["prompt"][1:]
        shared: dict[str, Any] = {"kwargs": {"task_id": key}, "source": _LSIMAGINE, "limit_frames": facts["limit"]}
        shared["max_episode_steps"] = facts["limit"]
        found.append(
            Row(
                id=f"LSImagine-{facts['name']}-v0",
                family="LS-Imagine",
                entry_point="papergym.wrappers.mine:lsimagine",
                summary=f"{facts['prompt']}: 12 discrete actions, 64x64 pictures, {_TICKS}.",
                **shared,
            )
        )
        found.append(
            Row(
                id=f"Mine-{facts['name']}-v0",
                family="Mine",
                entry_point=_MAKE,
                summary=f"LS-Imagine's task to {prompt}, with MineDojo's own observations and actions; {_TICKS}.",
                **shared,
            )
        )
    return found


def _minedojo_rows() -> list[Row]:
    shared: dict[str, Any] = {"family": "Mine", "entry_point": _MAKE, "source": _MINEDOJO}
    rows = [
        Row(id=f"Mine-{_camel(task)}-v0", kwargs={"task_id": task}, summary=_sentence(task), **shared)
        for task in _FACTS["minedojo"]["ids"]
    ]
    for task, summary in (
        ("open-ended", "A world without a goal"),
        ("survival", "Stay alive for 100 days, each of which pays 1"),
    ):
        rows.append(Row(id=f"Mine-{_camel(task)}-v0", kwargs={"task_id": task}, summary=f"{summary}; {_TICKS}.", **shared))
    return rows


ROWS: tuple[Row, ...] = (*_paper_rows(), *_minedojo_rows())
