"""Tasks: where one starts, what counts, when it is done. Read from MineDojo's task ids and from ``assets/mine/tasks.toml``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from papergym import assets
from papergym.assets import tomllib
from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.actions import InventoryItem

FACTS: dict[str, Any] = tomllib.loads((assets.ROOT / "mine" / "tasks.toml").read_text(encoding="utf-8"))
FAMILIES = ("open-ended", "harvest", "combat", "techtree", "survival")
ANIMALS = ("sheep", "cow", "pig", "chicken")
HOSTILES = ("zombie",)
_WORLD_BIOMES = ("plains", "forest", "desert", "extreme_hills", "ocean", "beach")
_DAY = 24000


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a task asks for.

    Attributes:
        id: MineDojo's or LS-Imagine's id.
        family: one of FAMILIES.
        prompt: the goal in words.
        targets: name -> quantity; items (harvest, techtree) or mobs (combat). All must be reached.
        weights: reward for each piece of each target; 1 where a name is missing.
        biome: biome of the world, None for the mixed world.
        inventory: what the player starts with.
        mobs: kinds that start near the player, one each.
        start: block, least and most distance in blocks between the start and the nearest column that holds it; None for a
            start anywhere on grass.
        mob_low, mob_high: corners of the region around the player in which they start.
        start_time: ticks of the day, None for sunrise.
        always_night: the sun stands still at midnight.
        allow_mob_spawn: animals live in the world and zombies come at night.
        break_speed_multiplier: factor on the speed of breaking blocks.
        limit: steps after which the paper stops an episode, None where the task sets none.
        fast_reset: resets that keep the world, between two new worlds.
    """

    id: str
    family: str
    prompt: str
    targets: Mapping[str, int]
    weights: Mapping[str, float] | None = None
    biome: str | None = None
    inventory: tuple[InventoryItem, ...] = ()
    start: tuple[str, float, float] | None = None
    mobs: tuple[str, ...] = ()
    mob_low: tuple[int, int, int] = (-7, 1, -7)
    mob_high: tuple[int, int, int] = (7, 1, 7)
    start_time: int | None = None
    always_night: bool = False
    allow_mob_spawn: bool = True
    break_speed_multiplier: float = 1.0
    limit: int | None = None
    fast_reset: int = 0

    def weight(self, name: str) -> float:
        """Reward for one piece of a target."""
        return 1.0 if self.weights is None else self.weights.get(name, 1.0)


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


_WITH = {
    "crafting_table": ("crafting_table",),
    "furnace_and_fuel": ("furnace", "coal"),
    "an_empty_bucket": ("bucket",),
    "empty_bucket_and_cow": ("bucket",),
    "shears_and_sheep": ("shears",),
}
_SMELTED_FROM = {
    "glass": "sand",
    "iron_ingot": "iron_ore",
    "gold_ingot": "gold_ore",
    "stone": "cobblestone",
    "brick": "clay_ball",
}
_ALIAS = {"milk": "milk_bucket"}
_ARMOR = {"feet": "boots", "legs": "leggings", "chest": "chestplate", "head": "helmet"}
_TOOLS = ("sword", "pickaxe", "axe", "shovel")


def _items(names: tuple[str, ...], quantity: int = 1) -> tuple[InventoryItem, ...]:
    return tuple(InventoryItem("mainhand" if slot == 0 else slot, name, 0, quantity) for slot, name in enumerate(names))


def _split_biome(name: str) -> tuple[str, str | None]:
    for biome in sorted(vocab.BIOMES, key=len, reverse=True):
        if name.endswith(f"_{biome}"):
            return name.removesuffix(f"_{biome}"), biome
    return name, None


def _harvest(task_id: str) -> Task:
    match = re.fullmatch(r"harvest_(?:(\d+)_)?(.+?)(?:_with_(.+))?", task_id)
    if match is None:
        raise ValueError(f"no harvest task: {task_id!r}; expected harvest_[QUANTITY_]ITEM[_BIOME][_with_TOOL]")
    count, name, tool = match.groups()
    item, biome = _split_biome(name)
    item = vocab.ITEMS[vocab.item_id(_ALIAS.get(item, item))]
    tools = _WITH.get(tool or "", (tool,) if tool else ())
    inventory = _items(tools)
    if tool == "furnace_and_fuel":
        inventory = (
            *_items(("furnace", "coal")),
            *((InventoryItem(2, _SMELTED_FROM[item], 0, 8),) if item in _SMELTED_FROM else ()),
        )
    mobs = {"empty_bucket_and_cow": ("cow",), "shears_and_sheep": ("sheep",)}.get(tool or "", ())
    where = f" in {biome}" if biome else ""
    means = f" with {tool.replace('_', ' ')}" if tool else ""
    prompt = f"obtain {item.replace('_', ' ')}{where}{means}"
    return Task(
        id=task_id,
        family="harvest",
        prompt=prompt,
        targets={item: int(count or 1)},
        biome=biome,
        inventory=inventory,
        mobs=mobs,
    )


def _combat(task_id: str) -> Task:
    match = re.fullmatch(r"combat_([a-z]+)_(.+?)_(?:barehand|([a-z]+)_armors_([a-z]+)_sword_shield)", task_id)
    if match is None:
        raise ValueError(
            f"no combat task: {task_id!r}; expected combat_MOB_BIOME_barehand or ..._MATERIAL_armors_MATERIAL_sword_shield"
        )
    mob, biome, armor, sword = match.groups()
    inventory: tuple[InventoryItem, ...] = ()
    if armor:
        worn = tuple(InventoryItem(slot, f"{armor}_{piece}", 0, 1) for slot, piece in _ARMOR.items())
        inventory = (InventoryItem("mainhand", f"{sword}_sword", 0, 1), *worn, InventoryItem("offhand", "shield", 0, 1))
    night = mob not in ANIMALS
    return Task(
        id=task_id,
        family="combat",
        prompt=f"{'combat' if night else 'hunt'} a {mob} in {'night ' if night else ''}{biome.replace('_', ' ')}",
        targets={mob: 1},
        biome=biome,
        inventory=inventory,
        mobs=(mob,),
        start_time=18000 if night else None,
        always_night=night,
        allow_mob_spawn=False,
    )


def _techtree(task_id: str) -> Task:
    match = re.fullmatch(r"techtree_from_(barehand|wood|stone|iron)_to_([a-z]+)_(sword|pickaxe|axe|shovel)", task_id)
    if match is None:
        raise ValueError(
            f"no techtree task of this world: {task_id!r}; expected techtree_from_START_to_MATERIAL_({'|'.join(_TOOLS)})"
        )
    start, material, tool = match.groups()
    first = {"barehand": (), "wood": "wooden", "stone": "stone", "iron": "iron"}[start]
    inventory = _items(tuple(f"{first}_{kind}" for kind in ("pickaxe", "axe", "shovel", "sword"))) if first else ()
    item = vocab.ITEMS[vocab.item_id(f"{material}_{tool}")]
    prompt = f"find material, craft and use a {material} {tool}"
    return Task(id=task_id, family="techtree", prompt=prompt, targets={item: 1}, inventory=inventory)


def survival() -> Task:
    """Stay alive: +1 for every day lived through."""
    return Task(id="survival", family="survival", prompt="survive as long as possible", targets={})


def open_ended() -> Task:
    """A world without a goal."""
    return Task(id="open-ended", family="open-ended", prompt="", targets={})


@cache
def parse(task_id: str) -> Task:
    """The task that an id names.

    Raises:
        ValueError: unknown task, or one that needs an item or a mob that no task has; the message says what is known.
    """
    key = task_id.lower()
    if key in FACTS["lsimagine"]:
        return lsimagine(key)
    if key in ("open-ended", "survival"):
        return open_ended() if key == "open-ended" else survival()
    for family, read in (("harvest_", _harvest), ("combat_", _combat), ("techtree_", _techtree)):
        if key.startswith(family):
            return read(key)
    raise ValueError(
        f"unknown task {task_id!r}; known: open-ended, survival, {', '.join(FACTS['lsimagine'])}, and MineDojo's ids "
        "harvest_..., combat_..., techtree_... (for example harvest_1_log)"
    )


def custom_harvest(target_names: str | list[str], target_quantities: int | list[int], **kwargs: Any) -> Task:
    """MineDojo's meta task "harvest": any items in any quantities; ``kwargs`` are further fields of Task.

    Raises:
        ValueError: an unknown item, or names and quantities of different length.
    """
    names = [target_names] if isinstance(target_names, str) else list(target_names)
    quantities = [target_quantities] * len(names) if isinstance(target_quantities, int) else list(target_quantities)
    if len(names) != len(quantities):
        raise ValueError(f"expected one quantity per target, came {len(names)} targets and {len(quantities)} quantities")
    targets = {vocab.ITEMS[vocab.item_id(name)]: int(quantity) for name, quantity in zip(names, quantities)}
    prompt = "obtain " + ", ".join(name.replace("_", " ") for name in targets)
    return replace(Task(id="harvest", family="harvest", prompt=prompt, targets=targets), **kwargs)


def check_reach(task: Task, obtainable: frozenset[str]) -> None:
    """Refuse a task that the embedded world cannot fulfil.

    Raises:
        ValueError: its biome, mobs or items do not exist there.
    """
    remedy = 'use backend="minedojo" for it'
    if task.biome and task.biome not in _WORLD_BIOMES:
        raise ValueError(
            f"{task.id}: the embedded world has no biome {task.biome!r}, only {', '.join(_WORLD_BIOMES)}; {remedy}"
        )
    foreign = [mob for mob in task.mobs if mob not in (*ANIMALS, *HOSTILES)]
    if foreign:
        raise ValueError(f"{task.id}: the embedded world has no {foreign}, only {', '.join((*ANIMALS, *HOSTILES))}; {remedy}")
    wanted = (
        [] if task.family in ("combat", "survival", "open-ended") else [name for name in task.targets if name not in obtainable]
    )
    if wanted:
        raise ValueError(f"{task.id}: {wanted} cannot be obtained in the embedded world; {remedy}")


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
    }
    if task.biome:
        kwargs |= {"generate_world_type": "specified_biome", "specified_biome": task.biome}
    if task.mobs:
        kwargs |= {"initial_mobs": list(task.mobs), "initial_mob_spawn_range_low": list(task.mob_low)}
        kwargs["initial_mob_spawn_range_high"] = list(task.mob_high)
    return "harvest", kwargs
