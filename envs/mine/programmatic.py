"""MineDojo's programmatic tasks, read from their ids: start, goal and words of the package minedojo 0.1.

The package lists 1572 ids; here they are parsed, so that items beyond its lists work too. Where it is installed a test holds
every id that the embedded world reaches against the package's own tables.
"""

import re

from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.actions import InventoryItem
from papergym.envs.mine.task import ANIMALS, HOSTILES, Task

_NEAR = {"mob_low": (-10, 1, -10), "mob_high": (10, 1, 10)}
_ALIAS = {"milk": "milk_bucket", "empty_bucket": "bucket", "an_empty_bucket": "bucket"}
_FOUND = ("diamond", "redstone", "coal", "wheat")
"""Items that have a recipe, yet are to be found rather than made."""
_ARMOR = {"feet": "boots", "legs": "leggings", "chest": "chestplate", "head": "helmet"}
TOOLS = ("sword", "pickaxe", "axe", "shovel")
_FIRST = {"barehand": "", "wood": "wooden", "stone": "stone", "iron": "iron"}


def _words(name: str) -> str:
    return name.replace("_", " ")


def _split_biome(name: str) -> tuple[str, str | None]:
    for biome in sorted(vocab.BIOMES, key=len, reverse=True):
        if name.endswith(f"_{biome}"):
            return name.removesuffix(f"_{biome}"), biome
    return name, None


def _given(tool: str, biome: str | None) -> tuple[tuple[InventoryItem, ...], tuple[str, ...]]:
    """(what the player starts with, which mobs are near) of the words after ``_with_``."""
    items: list[tuple[str, int]] = []
    mobs = []
    for part in tool.split("_and_") if tool else ():
        if part in (*ANIMALS, *HOSTILES):
            mobs.append(part)
        elif part == "fuel":
            items.append(("coal", 50 if biome else 20))
        else:
            items.append((vocab.ITEMS[vocab.item_id(_ALIAS.get(part, part))], 1))
    slots = ("mainhand", *range(1, len(items)))
    return tuple(InventoryItem(slot, name, 0, count) for slot, (name, count) in zip(slots, items)), tuple(mobs)


def _from_animal(item: str, biome: str | None, tool: str) -> str:
    """The words of the tasks for wool and milk, which have no quantity in their ids."""
    where = f" in {_words(biome)}" if biome else ""
    parts = tool.split("_and_") if tool else []
    near = [f"a {part} nearby" for part in parts if part in ANIMALS]
    held = ["shears" if part == "shears" else "an empty bucket" for part in parts if part not in ANIMALS]
    means = f" with {' and '.join([*held, *near])}" if parts else ""
    if item == "wool":
        return f"shear a sheep{where}{means}"
    return f"obtain milk from a {'cows' if biome and tool else 'cow'}{where}{means}"  # "a cows" is MineDojo's


def _harvest_prompt(item: str, quantity: int, biome: str | None, tool: str) -> str:
    make = vocab.WHERE[vocab.CRAFT_ID[item]] if item in vocab.CRAFT_ID and item not in _FOUND else ""
    how = {"": "", "smelt": "find material and smelt to "}.get(make, "find material and craft to ")
    amount = f"{quantity} " if quantity > 1 else ""
    where = f" in {_words(biome)}" if biome else ""
    means = {"": "", "crafting_table": " given a crafting table", "furnace_and_fuel": " given a furnace and fuels"}
    return f"{how}obtain {amount}{_words(item)}{where}{means.get(tool, f' with {_words(tool)}')}"


def harvest(task_id: str) -> Task:
    """``harvest_[QUANTITY_]ITEM[_BIOME][_with_TOOL]``. Raises ValueError for an unknown item or a quantity of 0."""
    match = re.fullmatch(r"harvest_(?:(\d+)_)?(.+?)(?:_with_(.+))?", task_id)
    if match is None or (match[1] and not int(match[1])):
        raise ValueError(
            f"no harvest task: {task_id!r}; expected harvest_[QUANTITY_]ITEM[_BIOME][_with_TOOL], QUANTITY at least 1"
        )
    count, name, tool = match[1], match[2], match[3] or ""
    name, biome = _split_biome(name)
    item = vocab.ITEMS[vocab.item_id(_ALIAS.get(name, name))]
    if not count and item in ("wool", "milk_bucket"):
        prompt = _from_animal(item, biome, tool)
    elif task_id == "harvest_log_with_diamond_axe":
        prompt = "chop trees to obtain log with diamond axe"
    else:
        prompt = _harvest_prompt(item, int(count or 1), biome, tool)
    inventory, mobs = _given(tool, biome)
    where = {"biome": biome, "inventory": inventory, "mobs": mobs, **_NEAR}
    return Task(id=task_id, family="harvest", prompt=prompt, targets={item: int(count or 1)}, use_voxel=True, **where)


def combat(task_id: str) -> Task:
    """``combat_MOB_BIOME_barehand`` or ``combat_MOB_BIOME_MATERIAL_armors_MATERIAL_sword_shield``."""
    match = re.fullmatch(r"combat_([a-z]+)_(.+?)_(?:barehand|([a-z]+)_armors_([a-z]+)_sword_shield)", task_id)
    if match is None:
        raise ValueError(
            f"no combat task: {task_id!r}; expected combat_MOB_BIOME_barehand or ..._MATERIAL_armors_MATERIAL_sword_shield"
        )
    mob, biome, armor, sword = match.groups()
    inventory: tuple[InventoryItem, ...] = ()
    armed = ""
    if armor:
        worn = tuple(InventoryItem(slot, f"{armor}_{piece}", 0, 1) for slot, piece in _ARMOR.items())
        inventory = (InventoryItem("mainhand", f"{sword}_sword", 0, 1), *worn, InventoryItem("offhand", "shield", 0, 1))
        armed = f" with a {sword} sword, shield, and a full suite of {armor} armors"
    night = mob not in ANIMALS
    return Task(
        id=task_id,
        family="combat",
        prompt=f"{'combat' if night else 'hunt'} a {mob} in {'night ' if night else ''}{_words(biome)}{armed}",
        targets={mob: 1},
        biome=biome,
        inventory=inventory,
        use_voxel=True,
        mobs=(mob,),
        start_time=18000 if night else None,
        always_night=night,
        allow_mob_spawn=False,
    )


def techtree(task_id: str) -> Task:
    """``techtree_from_START_to_MATERIAL_TOOL``, as far as using the tool is a use in this world."""
    match = re.fullmatch(rf"techtree_from_({'|'.join(_FIRST)})_to_([a-z]+)_({'|'.join(TOOLS)})", task_id)
    if match is None:
        raise ValueError(
            f"no techtree task of this world: {task_id!r}; expected techtree_from_START_to_MATERIAL_({'|'.join(TOOLS)}); "
            'use backend="minedojo" for MineDojo\'s others'
        )
    start, material, tool = match.groups()
    item = vocab.ITEMS[vocab.item_id(f"{material}_{tool}")]
    first = [f"{_FIRST[start]}_{kind}" for kind in ("pickaxe", "axe", "hoe", "sword", "shovel")] if _FIRST[start] else []
    inventory = tuple(InventoryItem(slot or "mainhand", name, 0, 1) for slot, name in enumerate(first))
    how = f"starting from {start} tools, craft and use" if first else "find material and craft"
    prompt = f"{how} a {_words(item)}"
    return Task(id=task_id, family="techtree", prompt=prompt, targets={item: 1}, inventory=inventory, use_voxel=True)


def survival(task_id: str) -> Task:
    """``survival`` or ``survival_sword_food``: live through 100 days."""
    armed = task_id != "survival"
    given = (InventoryItem("mainhand", "iron_sword", 0, 1), InventoryItem(1, "cooked_beef", 0, 8)) if armed else ()
    prompt = "survive as long as possible" + (" given a sword and some food" if armed else "")
    goal = {"targets": {}, "days": 100, "days_weight": 100.0}
    return Task(id=task_id, family="survival", prompt=prompt, inventory=given, use_voxel=True, **goal)
