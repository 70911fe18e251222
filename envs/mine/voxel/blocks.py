"""The tables of the world, read once from ``assets/mine/blocks.toml``, as arrays that compiled code can index."""

from functools import cache
from typing import Any

import numpy as np

from papergym import assets
from papergym.assets import tomllib
from papergym.envs.mine import vocabulary as vocab

TABLE: dict[str, Any] = tomllib.loads((assets.ROOT / "mine" / "blocks.toml").read_text(encoding="utf-8"))
_BLOCKS: list[dict[str, Any]] = TABLE["block"]

KEYS: tuple[str, ...] = tuple(entry["key"] for entry in _BLOCKS)
"""Names of this world's blocks; a cell of the grid holds an index of this tuple."""
ID: dict[str, int] = {key: index for index, key in enumerate(KEYS)}
AIR, STONE, GRASS, DIRT, SAND, GRAVEL, WATER, BEDROCK = (
    ID[key] for key in ("air", "stone", "grass", "dirt", "sand", "gravel", "water", "bedrock")
)

SHAPES = ("air", "cube", "cutout", "cross", "liquid")
SHAPE = np.array([SHAPES.index(entry.get("shape", "cube")) for entry in _BLOCKS], np.uint8)
"""Index into SHAPES."""
SHAPE_AIR, SHAPE_CUBE, SHAPE_CUTOUT, SHAPE_CROSS, SHAPE_LIQUID = range(5)


def runs(shape: int) -> list[tuple[int, int]]:
    """(first, count) of the blocks of a shape that follow each other; code that compares is faster than one that looks up."""
    ids = np.flatnonzero(shape == SHAPE)
    return [(int(run[0]), len(run)) for run in np.split(ids, 1 + np.flatnonzero(np.diff(ids) > 1)) if len(run)]


SOLID = (SHAPE == SHAPE_CUBE) | (SHAPE == SHAPE_CUTOUT)
"""Blocks that stop bodies."""
OPAQUE = SHAPE == SHAPE_CUBE
"""Blocks that stop light."""
DIMS = np.array([0, 15, 1, 0, 3], np.uint8)[SHAPE]
"""Light lost on entering a block, beyond the one that every step costs away from the open sky."""
GLOWS = np.array([entry.get("glows", 0) for entry in _BLOCKS], np.uint8)
FALLS = np.array([entry.get("falls", False) for entry in _BLOCKS], bool)
BURNS = np.array([entry.get("burns", False) for entry in _BLOCKS], bool)
HARDNESS = np.array([entry["hardness"] for entry in _BLOCKS])
TIER = np.array([entry.get("tier", -1) for entry in _BLOCKS], np.int64)
"""Lowest tool tier that gets a drop; -1 where the hand does."""
TOOL: tuple[str, ...] = tuple(entry.get("tool", "") for entry in _BLOCKS)
REPLACEABLE = np.isin(np.arange(len(KEYS)), [AIR, WATER, ID["tallgrass"], ID["deadbush"]])

NAME: tuple[str, ...] = tuple(entry.get("name", entry["key"]) for entry in _BLOCKS)
META = np.array([entry.get("meta", 0) for entry in _BLOCKS], np.int64)
CONTRACT = np.array([vocab.BLOCK_ID[name] for name in NAME], np.int64)
"""Id of the contract (``vocabulary.BLOCKS``) for each block of this world."""
_BY_NAME = {(name, int(meta)): index for index, (name, meta) in enumerate(zip(NAME, META))}
LOOK: tuple[tuple[str, ...], ...] = tuple(
    (look,) * 4 if isinstance(look, str) else tuple(look) + (look[1],) * (4 - len(look))
    for look in (entry["look"] for entry in _BLOCKS)
)
"""Texture names (top, side, bottom, front) of each block."""


def drops(block: int) -> list[tuple[str, int, int, int, float]]:
    """(item, variant, least, most, chance) entries; the first that the dice allow is the drop."""
    entry = _BLOCKS[block]
    if "drop" in entry:
        return [tuple(drop) for drop in entry["drop"]]
    return [(NAME[block], int(META[block]) if NAME[block] in ("log", "leaves", "wool") else 0, 1, 1, 1.0)]


def block_of(name: str, meta: int = 0) -> int:
    """Grid id of a contract block.

    Raises:
        ValueError: the embedded world has no such block; the message lists those it has.
    """
    vocab.block_id(name)
    key = name.removeprefix("minecraft:").replace(" ", "_").lower()
    if key in ("flowing_water", "lit_furnace"):
        key = {"flowing_water": "water", "lit_furnace": "furnace"}[key]
    found = _BY_NAME.get((key, meta), ID.get(key))
    if found is None:
        raise ValueError(f"the embedded world has no block {name!r}; it has: {', '.join(sorted(set(NAME)))}")
    return found


@cache
def tool_of(item: str) -> tuple[str, int, float]:
    """(kind, tier, speed) of an item in the hand; ("", -1, 1.0) for anything that is no tool."""
    if item == "shears":
        return "shears", 0, 5.0
    material, _, kind = item.rpartition("_")
    tools = TABLE["tools"]
    if kind in tools["kinds"] and material in tools["tiers"]:
        return kind, tools["tiers"][material], tools["speeds"][material]
    return "", -1, 1.0


def can_harvest(block: int, item: str) -> bool:
    """Whether breaking ``block`` with ``item`` in the hand drops anything."""
    kind, tier, _ = tool_of(item)
    return bool(TIER[block] < 0 or (kind == TOOL[block] and tier >= TIER[block]))


@cache
def break_rate(block: int, item: str) -> float:
    """Share of the block that one tick on dry ground breaks; 0 for unbreakable, infinite for plants."""
    hardness = HARDNESS[block]
    if hardness < 0:
        return 0.0
    if hardness == 0:
        return float("inf")
    kind, _, speed = tool_of(item)
    speed = speed if kind and kind == TOOL[block] else 1.0
    if kind == "shears" and NAME[block] == "leaves":
        speed = 15.0
    return float(speed / hardness / (30.0 if can_harvest(block, item) else 100.0))


@cache
def melee(item: str) -> tuple[float, float]:
    """(damage, ticks to recover) of a blow with ``item``."""
    damage, ticks = TABLE["melee"].get(item, TABLE["melee"]["hand"])
    return damage, ticks


@cache
def armor_points(item: str) -> int:
    """Armour points of a worn item."""
    material, _, piece = item.rpartition("_")
    slot = {"boots": "feet", "leggings": "legs", "chestplate": "chest", "helmet": "head"}.get(piece, "")
    return TABLE["armor"].get(material, {}).get(slot, 0)
