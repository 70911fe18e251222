"""The names of the game (Minecraft 1.11.2 as MineDojo 0.1 lists it): items, blocks, entities, biomes and recipes.

The facts are in ``assets/mine``. Names are written with underscores (``"iron_ore"``); MineDojo itself shows them with
spaces, so a backend that reads MineDojo calls :func:`item_id` on its names, which takes both.
"""

import json
from typing import Any, NamedTuple

import numpy as np

from papergym import assets
from papergym.envs.checks import is_whole


def _load(name: str) -> Any:
    return json.loads((assets.ROOT / "mine" / f"{name}.json").read_text(encoding="utf-8"))


class Recipe(NamedTuple):
    """One way to make an item: ``count`` pieces of it for the ``ingredients`` (name -> pieces)."""

    count: int
    ingredients: dict[str, int]


_ITEMS: dict[str, dict[str, Any]] = _load("items")
_CRAFTS: dict[str, dict[str, Any]] = _load("recipes")
_NAMES: dict[str, list[str]] = _load("names")

ITEMS: tuple[str, ...] = tuple(_ITEMS)
"""The 392 items, sorted; an observation's item ids index this tuple."""
BLOCKS: tuple[str, ...] = tuple(_NAMES["blocks"])
"""The 236 blocks, sorted; the ids of ``voxels/block_name`` and ``rays/block_name`` index this tuple."""
ENTITIES: tuple[str, ...] = tuple(_NAMES["entities"])
"""What a ray may meet; id 0 is "null" (nothing), an entity outside the list is "other"."""
BIOMES: dict[str, int] = _load("biomes")
"""Biome name -> id, 63 of them."""

CRAFTS: tuple[str, ...] = tuple(_CRAFTS)
"""The 244 entries of the craft argument: by hand, then at a table, then smelted."""
WHERE: tuple[str, ...] = tuple(entry["where"] for entry in _CRAFTS.values())
"""For each entry of :data:`CRAFTS`: "hand", "table" or "smelt"."""
RECIPES: tuple[tuple[Recipe, ...], ...] = tuple(
    tuple(Recipe(recipe["count"], recipe["ingredients"]) for recipe in entry["recipes"]) for entry in _CRAFTS.values()
)
"""For each entry of :data:`CRAFTS`: its recipes. MineDojo's mask looks at the first one only, and so does ours."""

ITEM_ID: dict[str, int] = {name: index for index, name in enumerate(ITEMS)}
BLOCK_ID: dict[str, int] = {name: index for index, name in enumerate(BLOCKS)}
ENTITY_ID: dict[str, int] = {name: index for index, name in enumerate(ENTITIES)}
CRAFT_ID: dict[str, int] = {name: index for index, name in enumerate(CRAFTS)}
BIOME_NAME: dict[int, str] = {number: name for name, number in BIOMES.items()}
AIR = ITEM_ID["air"]

STACK = np.array([entry["stack"] for entry in _ITEMS.values()], np.int64)
"""(392,) pieces that fit in one slot."""
DURABILITY = np.array([entry.get("durability", -1) for entry in _ITEMS.values()], np.int64)
"""(392,) uses before a tool breaks; -1 for items that do not wear."""
PLACEABLE = np.array([entry.get("placeable", False) for entry in _ITEMS.values()], bool)
"""(392,) items that can be placed as a block."""
SLOT_OF = {name: entry["slot"] for name, entry in _ITEMS.items() if "slot" in entry}
"""Armour and shields: name -> "feet", "legs", "chest", "head" or "offhand"."""
NOT_MAINHAND = np.array(["slot" in entry for entry in _ITEMS.values()], bool)
"""(392,) items worn elsewhere than in the main hand."""
NEED = np.array([[first[0].ingredients.get(name, 0) for name in ITEMS] for first in RECIPES], np.int64)
"""(244, 392) ingredients of the first recipe of each entry."""
NEEDS_TABLE = np.array([where == "table" for where in WHERE], bool)
NEEDS_FURNACE = np.array([where == "smelt" for where in WHERE], bool)


def item_id(name: str) -> int:
    """Id of an item; underscores or spaces.

    Raises:
        ValueError: no such item; the message names the nearest ones.
    """
    return _lookup(name, ITEM_ID, "item")


def block_id(name: str) -> int:
    """Id of a block in :data:`BLOCKS`; underscores or spaces. Raises ValueError as :func:`item_id`."""
    return _lookup(name, BLOCK_ID, "block")


def biome_id(biome: str | int) -> int:
    """Id of a biome given by name or id. Raises ValueError as :func:`item_id`."""
    if isinstance(biome, str):
        return _lookup(biome, BIOMES, "biome")
    if not is_whole(biome) or int(biome) not in BIOME_NAME:
        raise ValueError(f"a biome is a name or one of {sorted(BIOME_NAME)}; got {biome!r}")
    return int(biome)


def entity_id(name: str) -> int:
    """Id of an entity a ray met; names outside the list count as "other"."""
    return ENTITY_ID.get(name.lower(), ENTITY_ID["other"])


def _lookup(name: str, table: dict[str, int], what: str) -> int:
    key = name.removeprefix("minecraft:").replace(" ", "_").lower()
    if key not in table:
        from difflib import get_close_matches

        near = ", ".join(get_close_matches(key, table, n=5, cutoff=0.4)) or "none is similar"
        raise ValueError(f"unknown {what} {name!r}; similar names: {near}")
    return table[key]
