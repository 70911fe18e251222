"""Tasks by their ids: MineDojo's, and those of LS-Imagine in ``assets/mine/tasks.toml``; what this world reaches."""

from functools import cache
from typing import Any

from papergym.envs.mine import programmatic
from papergym.envs.mine.actions import InventoryItem
from papergym.envs.mine.rows import FACTS
from papergym.envs.mine.task import ANIMALS, HOSTILES, Task

_WORLD_BIOMES = ("plains", "forest", "desert", "extreme_hills", "ocean", "beach")
_REAL = 'use backend="minedojo" for it'


def lsimagine(task_id: str) -> Task:
    """One of LS-Imagine's five tasks, by the id of its repository (``FACTS["lsimagine"]``)."""
    facts = FACTS["lsimagine"][task_id]
    hand = (InventoryItem("mainhand", facts["hand"], 0, 1),) if "hand" in facts else ()
    reach = facts.get("mob_range", 0)
    return Task(
        id=task_id,
        family="harvest",
        prompt=facts["prompt"],
        targets={facts["target"]: 1},
        biome=facts.get("biome"),
        inventory=hand,
        start=(facts["start"]["block"], *facts["start"]["blocks"]) if "start" in facts else None,
        mobs=tuple(facts.get("mobs", ())),
        mob_low=(-reach, 1, -reach),
        mob_high=(reach, 1, reach),
        break_speed_multiplier=100.0,
        limit=facts["limit"],
    )


def open_ended() -> Task:
    """A world without a goal."""
    return Task(id="open-ended", family="open-ended", prompt="", targets={})


@cache
def parse(task_id: str) -> Task:
    """The task that an id names.

    Raises:
        ValueError: unknown task, or one that needs an item or a mob that no task has; the message says what is known.
        TypeError: the id is no string.
    """
    if not isinstance(task_id, str):
        raise TypeError(f"task_id is a string, for example 'harvest_1_log'; got {task_id!r}")
    key = task_id.lower()
    if key in FACTS["lsimagine"]:
        return lsimagine(key)
    if key == "open-ended":
        return open_ended()
    if key in ("survival", "survival_sword_food"):
        return programmatic.survival(key)
    for read in (programmatic.harvest, programmatic.combat, programmatic.techtree):
        if key.startswith(f"{read.__name__}_"):
            return read(key)
    if key == "playthrough" or key.startswith("creative:"):
        raise ValueError(f"the embedded world has no task {task_id!r}; {_REAL}")
    raise ValueError(
        f"unknown task {task_id!r}; known: open-ended, survival, {', '.join(FACTS['lsimagine'])}, MineDojo's ids harvest_..., "
        "combat_..., techtree_... (for example harvest_1_log), and its meta tasks harvest, combat, techtree and survival"
    )


def check_reach(task: Task, obtainable: frozenset[str]) -> None:
    """Raise ValueError for a task that cannot be done in the embedded world.

    Raises:
        ValueError: its biome, mobs or items do not exist there.
    """
    if task.biome and task.biome not in _WORLD_BIOMES:
        raise ValueError(f"{task.id}: the embedded world has no biome {task.biome!r}, only {', '.join(_WORLD_BIOMES)}; {_REAL}")
    hunted = tuple(task.targets) if task.family == "combat" else ()
    foreign = [mob for mob in dict.fromkeys((*task.mobs, *hunted)) if mob not in (*ANIMALS, *HOSTILES)]
    if foreign:
        raise ValueError(f"{task.id}: the embedded world has no {foreign}, only {', '.join((*ANIMALS, *HOSTILES))}; {_REAL}")
    wanted = (
        [] if task.family in ("combat", "survival", "open-ended") else [name for name in task.targets if name not in obtainable]
    )
    if wanted:
        raise ValueError(f"{task.id}: {wanted} cannot be obtained in the embedded world; {_REAL}")


def minedojo_call(task_id: str) -> tuple[str, dict[str, Any]]:
    """(task id, arguments) with which ``minedojo.make`` builds a task: LS-Imagine's become the meta task "harvest"."""
    if task_id.lower() not in FACTS["lsimagine"]:
        return task_id, {}
    task = lsimagine(task_id.lower())
    names, quantities = zip(*task.targets.items())
    kwargs: dict[str, Any] = {
        "target_names": list(names),
        "target_quantities": list(quantities),
        "reward_weights": dict.fromkeys(names, 1),
        "initial_inventory": list(task.inventory),
        "break_speed_multiplier": task.break_speed_multiplier,
        "prompt": task.prompt,
    }
    if task.biome:
        kwargs |= {"generate_world_type": "specified_biome", "specified_biome": task.biome}
    if task.mobs:
        kwargs |= {"initial_mobs": list(task.mobs), "initial_mob_spawn_range_low": list(task.mob_low)}
        kwargs["initial_mob_spawn_range_high"] = list(task.mob_high)
    return "harvest", kwargs
