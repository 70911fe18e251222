"""Actions of the hands: dig, strike, use, place, craft. Each function acts on a :class:`.world.World`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.actions import InvalidAction, check_slot
from papergym.envs.mine.voxel import blocks, mobs
from papergym.envs.mine.voxel.noise import below, uniform
from papergym.envs.mine.voxel.physics import GROUND, SUNK, TALL, VX, VZ, WIDTH, X, Y, Z
from papergym.envs.mine.voxel.picking import BLOCK_REACH, ENTITY_REACH, pick_block, pick_body
from papergym.envs.mine.voxel.terrain import HEIGHT

if TYPE_CHECKING:
    from papergym.envs.mine.voxel.world import World

_FUEL = {"coal": 1600, "coal_block": 16000, "log": 300, "planks": 300, "crafting_table": 300, "chest": 300, "stick": 100,
         "sapling": 100, "wooden_pickaxe": 200, "wooden_axe": 200, "wooden_shovel": 200, "wooden_sword": 200}  # fmt: skip
_COOKING = 200  # ticks of fuel that one piece takes
_COW = mobs.KINDS.index("cow")
EATING = 32
"""Ticks of holding ``use`` that a meal takes."""


def gaze(world: World, *, liquids: bool = False) -> tuple[int, int, float]:
    """(mob index or -1, 1 if a block is nearer or the only thing, distance); the block's cells are in ``world.cell``."""
    ox, oy, oz = world.eye()
    dx, dy, dz = world.look()
    far = pick_block(world.grid.blocks, ox, oy, oz, dx, dy, dz, BLOCK_REACH, liquids, world.cell)
    index, near = pick_body(world.mobs, world.mob_count, ox, oy, oz, dx, dy, dz, ENTITY_REACH)
    if index >= 0 and (far < 0 or near < far):
        return index, 0, near
    return -1, int(far >= 0), far


def attack(world: World) -> None:
    """One tick of the attack key: strike a mob in reach, otherwise go on digging."""
    index, is_block, _ = gaze(world)
    if index >= 0:
        strike(world, index)
    elif is_block:
        dig(world)
    else:
        world.dig_cell = None


def strike(world: World, index: int) -> None:
    """Hit a mob once the arm has recovered from the last blow."""
    damage, recovery = blocks.melee(world.inventory.held())
    if world.arm < recovery:
        return
    world.arm = 0
    row = world.mobs[index]
    if row[mobs.HURT] > 0:
        return
    world.vitals.spend("attack")
    world.wear_tool(1 if world.inventory.held().endswith("sword") else 2)
    if mobs.knock(row, world.body[X], world.body[Z], damage):
        kill(world, index)


def kill(world: World, index: int) -> None:
    """Let a mob die by the player's hand: drops, experience, the count of kills."""
    row = world.mobs[index].copy()
    kind = mobs.KINDS[int(row[mobs.KIND])]
    entry = blocks.TABLE["mobs"][kind]
    for item, variant, least, most in entry["drops"]:
        world.drop_at(row[X], row[Y] + 0.3, row[Z], item, least + below(world.streams["drops"], most - least + 1), variant)
    if kind == "sheep" and not row[mobs.SHORN]:
        world.drop_at(row[X], row[Y] + 0.3, row[Z], "wool", 1, int(row[mobs.COLOUR]))
    low, high = entry["xp"]
    world.vitals.xp = min(world.vitals.xp + low + below(world.streams["drops"], high - low + 1), 1395.0)
    world.kills[kind] = world.kills.get(kind, 0) + 1
    world.mob_count -= 1
    world.mobs[index] = world.mobs[world.mob_count]


def dig(world: World) -> None:
    """One tick of digging at ``world.cell``."""
    if world.dig_pause > 0:
        world.dig_pause -= 1
        return
    cell = (int(world.cell[0]), int(world.cell[1]), int(world.cell[2]))
    fresh = cell != world.dig_cell
    if fresh:
        world.dig_cell, world.dig_done = cell, 0.0
    rate = blocks.break_rate(world.grid[cell], world.inventory.held()) * world.break_speed_multiplier
    if world.body[SUNK]:
        rate /= 5.0
    if not world.body[GROUND]:
        rate /= 5.0
    world.dig_done += rate
    if world.dig_done >= 1.0 - 1e-9:
        break_block(world, cell)
        world.dig_cell, world.dig_pause = None, 0 if fresh else 5


def break_block(world: World, cell: tuple[int, int, int]) -> None:
    """Break a block with what the hand holds."""
    block, held = world.grid[cell], world.inventory.held()
    x, y, z = cell
    if held == "shears" and (blocks.NAME[block] == "leaves" or blocks.SHAPE[block] == blocks.SHAPE_CROSS):
        world.drop_at(x + 0.5, y + 0.3, z + 0.5, blocks.NAME[block], 1, int(blocks.META[block]))
    elif blocks.can_harvest(block, held):
        spill(world, block, x, y, z)
    world.vitals.spend("dig")
    if blocks.HARDNESS[block] > 0:
        world.wear_tool(2 if held.endswith("sword") else 1)
    world.mined[blocks.NAME[block]] = world.mined.get(blocks.NAME[block], 0) + 1
    world.set_block(x, y, z, blocks.AIR)


def spill(world: World, block: int, x: int, y: int, z: int) -> None:
    """Let a block's drop lie where it was."""
    for item, variant, least, most, chance in blocks.drops(block):
        if chance >= 1.0 or uniform(world.streams["drops"]) < chance:
            pieces = least + below(world.streams["drops"], most - least + 1)
            world.drop_at(x + 0.5, y + 0.3, z + 0.5, item, pieces, variant)
            return


def use(world: World) -> None:
    """One tick of the use key, with what the hand holds."""
    held = world.inventory.held()
    if held in blocks.TABLE["food"] and world.vitals.food < 20:
        world.chewed += 1
        if world.chewed >= EATING:
            world.chewed = 0
            world.vitals.eat(*blocks.TABLE["food"][held])
            world.inventory.take_from(0)
        return
    world.chewed = 0
    if world.use_pause > 0:
        return
    index, is_block, _ = gaze(world, liquids=held == "bucket")
    if index >= 0:
        _use_on_mob(world, index, held)
    elif held in ("bucket", "water_bucket") and is_block:
        _pour(world, held)
    elif is_block and vocab.PLACEABLE[world.inventory.name[0]]:
        place(world, 0)


def _use_on_mob(world: World, index: int, held: str) -> None:
    row = world.mobs[index]
    if held == "shears" and row[mobs.KIND] == mobs.SHEEP and not row[mobs.SHORN]:
        row[mobs.SHORN] = 1.0
        for _ in range(1 + below(world.streams["drops"], 3)):
            world.drop_at(row[X], row[Y] + 1.0, row[Z], "wool", 1, int(row[mobs.COLOUR]))
        world.wear_tool(1)
        world.use_pause = 4
    elif held == "bucket" and row[mobs.KIND] == _COW:
        _exchange(world, "milk_bucket")


def _pour(world: World, held: str) -> None:
    """Fill a bucket from water, or empty it in front of the block in view."""
    x, y, z, fx, fy, fz = (int(c) for c in world.cell)
    if held == "bucket":
        if world.grid[x, y, z] == blocks.WATER:
            world.set_block(x, y, z, blocks.AIR)
            _exchange(world, "water_bucket")
    elif 0 <= fy < HEIGHT and blocks.REPLACEABLE[world.grid[fx, fy, fz]]:
        world.set_block(fx, fy, fz, blocks.WATER)
        _exchange(world, "bucket")


def _exchange(world: World, item: str) -> None:
    """Turn one bucket in the hand into another kind."""
    bag, new = world.inventory, vocab.ITEM_ID[item]
    if bag.quantity[0] == 1:
        bag.set(0, new)
    else:
        bag.take_from(0)
        if bag.add(new):
            world.drop_at(world.body[X], world.body[Y] + 1.3, world.body[Z], item, 1, 0, delay=40)
    world.use_pause = 4


def check(world: World, function: str, slot: int) -> None:
    """Raise InvalidAction if a function names an empty slot, or would place what is no block of this world."""
    name = world.inventory.name
    if function in ("equip", "place", "destroy"):
        check_slot(slot, name, function)
    slot = 0 if function == "use" else slot
    if (function == "place" or (function == "use" and vocab.PLACEABLE[name[slot]])) and not PLACEABLE[name[slot]]:
        held = vocab.ITEMS[name[slot]]
        raise InvalidAction(f"{function} needs a block of the embedded world, got {held!r} in slot {slot}; see masks/place")


def place(world: World, slot: int) -> None:
    """Place a slot's block against the face in view; :func:`check` says whether it holds one."""
    name, variant = vocab.ITEMS[world.inventory.name[slot]], int(world.inventory.variant[slot])
    ox, oy, oz = world.eye()
    if pick_block(world.grid.blocks, ox, oy, oz, *world.look(), BLOCK_REACH, False, world.cell) < 0:
        return
    x, y, z, fx, fy, fz = (int(c) for c in world.cell)
    if blocks.REPLACEABLE[world.grid[x, y, z]]:
        fx, fy, fz = x, y, z
    block = blocks.block_of(name, variant)
    if not 0 <= fy < HEIGHT or not blocks.REPLACEABLE[world.grid[fx, fy, fz]] or not _stands(world, block, fx, fy, fz):
        return
    if blocks.SOLID[block] and _occupied(world, fx, fy, fz):
        return
    world.set_block(fx, fy, fz, block)
    world.inventory.take_from(slot)
    world.use_pause = 4


def _stands(world: World, block: int, x: int, y: int, z: int) -> bool:
    """Plants and torches need ground."""
    return blocks.SHAPE[block] != blocks.SHAPE_CROSS or bool(blocks.SOLID[world.grid[x, y - 1, z]])


def _occupied(world: World, x: int, y: int, z: int) -> bool:
    """Whether the player or a mob stands in a cell."""
    rows = np.concatenate([world.body[None, : TALL + 1], world.mobs[: world.mob_count, : TALL + 1]])
    half = rows[:, WIDTH] / 2
    inside = (rows[:, X] + half > x) & (rows[:, X] - half < x + 1) & (rows[:, Z] + half > z) & (rows[:, Z] - half < z + 1)
    return bool((inside & (rows[:, Y] + rows[:, TALL] > y) & (rows[:, Y] < y + 1)).any())


PLACEABLE = np.array([name in blocks.NAME and bool(vocab.PLACEABLE[i]) for i, name in enumerate(vocab.ITEMS)])
"""(392,) items that this world can place."""


def craft(world: World, entry: int) -> bool:
    """Make an entry of CRAFTS, if a recipe's ingredients, its station and, to smelt, fuel are there; whether it worked."""
    where = vocab.WHERE[entry]
    if where != "hand" and not world.station_near("crafting_table" if where == "table" else "furnace"):
        return False
    for recipe in vocab.RECIPES[entry]:
        if all(world.inventory.count(vocab.ITEM_ID[name]) >= pieces for name, pieces in recipe.ingredients.items()):
            if where == "smelt" and not _stoke(world, recipe.ingredients):
                return False
            for name, pieces in recipe.ingredients.items():
                world.inventory.take(vocab.ITEM_ID[name], pieces)
            left = world.inventory.add(vocab.ITEM_ID[vocab.CRAFTS[entry]], recipe.count)
            if left:
                world.drop_at(world.body[X], world.body[Y] + 1.3, world.body[Z], vocab.CRAFTS[entry], left, 0, delay=40)
            return True
    return False


def _stoke(world: World, keep: dict[str, int]) -> bool:
    """Burn fuel from the inventory until there is enough for one piece; ingredients are not burnt."""
    while world.fuel < _COOKING:
        for name, ticks in _FUEL.items():
            if world.inventory.count(vocab.ITEM_ID[name]) > keep.get(name, 0):
                world.inventory.take(vocab.ITEM_ID[name], 1)
                world.fuel += ticks
                break
        else:
            return False
    world.fuel -= _COOKING
    return True


def throw(world: World) -> None:
    """Throw one piece of what the hand holds."""
    bag = world.inventory
    if bag.name[0] == vocab.AIR:
        return
    dx, dy, dz = world.look()
    x, y, z = world.eye()
    world.drop_at(x, y - 0.3, z, bag.held(), 1, int(bag.variant[0]), wear=int(bag.wear[0]), delay=40)
    row = world.drops[world.drop_count - 1]
    row[VX : VZ + 1] = dx * 0.3, dy * 0.3 + 0.1, dz * 0.3
    bag.take_from(0)


def damage_from(world: World, row: np.ndarray) -> tuple[float, float]:
    """(distance, yaw relative to the view in degrees) of a mob."""
    dx, dz = row[X] - world.body[X], row[Z] - world.body[Z]
    yaw = math.degrees(math.atan2(-dx, dz)) - world.yaw
    return math.hypot(dx, dz), (yaw + 180.0) % 360.0 - 180.0
