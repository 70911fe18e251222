"""MineDojo's commands on the embedded world. Relative positions are from the cell of the player's feet."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from papergym.envs.checks import number, whole
from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.actions import InventoryItem, inventory_item
from papergym.envs.mine.spaces import EQUIPMENT_SLOT, FARTHEST_START
from papergym.envs.mine.voxel import blocks, mobs
from papergym.envs.mine.voxel.physics import X, Y, Z
from papergym.envs.mine.voxel.terrain import HEIGHT, SIZE, WRAP
from papergym.envs.mine.voxel.world import World


def parse_item(item: Sequence[Any]) -> tuple[int, int, int, int]:
    """(slot, item id, quantity, variant) of an InventoryItem or an equal tuple.

    Raises:
        ValueError: an unknown slot or item, or more pieces than fit.
    """
    slot, name, variant, quantity = inventory_item(item)
    at = EQUIPMENT_SLOT[slot] if isinstance(slot, str) else slot
    kind, pieces = vocab.item_id(name), 1 if quantity is None else quantity
    if pieces > vocab.STACK[kind]:
        raise ValueError(f"1 to {vocab.STACK[kind]} pieces of {name} fit in a slot, got {quantity}")
    return at, kind, pieces, variant or 0


def parse_items(items: Any) -> list[tuple[int, int, int, int]]:
    """:func:`parse_item` of each of a list."""
    if not isinstance(items, Sequence) or isinstance(items, str | bytes):
        raise ValueError(f"an inventory is a list of InventoryItems, got {items!r}")
    return [parse_item(item) for item in items]


def _mob_kind(name: str) -> int:
    key = name.lower()
    if key not in mobs.KINDS:
        raise ValueError(f"the embedded world has no mob {name!r}; it has: {', '.join(mobs.KINDS)}")
    return mobs.KINDS.index(key)


def _feet(world: World) -> tuple[int, int, int]:
    return math.floor(world.body[X]), math.floor(world.body[Y] + 1e-6), math.floor(world.body[Z])


def _pairs(names: str | Sequence[str], positions: Any) -> list[tuple[str, np.ndarray]]:
    """One name per (dx, dy, dz); a single name or position serves all."""
    many = [names] if isinstance(names, str) else list(names)
    places = np.atleast_2d(np.asarray(positions, float))
    if places.ndim != 2 or places.shape[1] != 3:
        raise ValueError(f"positions need the shape (n, 3), got {np.shape(positions)}")
    if not np.isfinite(places).all():
        raise ValueError(f"positions are finite numbers, got {positions!r}")
    if len(many) == 1:
        many *= len(places)
    if len(places) == 1:
        places = np.repeat(places, len(many), axis=0)
    if len(many) != len(places):
        raise ValueError(f"expected one position per name, got {len(many)} names and {len(places)} positions")
    return list(zip(many, places))


def spawn_mobs(world: World, rng: np.random.Generator, mob: str | Sequence[str], rel_positions: Any) -> None:
    """Put mobs at positions relative to the player, on the next free cell above; all or none.

    Raises:
        ValueError: an unknown mob, a height outside the world, or no room for so many.
    """
    pairs = [(_mob_kind(name), offset) for name, offset in _pairs(mob, rel_positions)]
    x, y, z = _feet(world)
    if world.mob_count + len(pairs) > mobs.ROOM:
        raise ValueError(f"the world holds at most {mobs.ROOM} mobs, {world.mob_count} are there; got {len(pairs)} more")
    for _, offset in pairs:
        if not 0 <= y + offset[1] <= HEIGHT:
            raise ValueError(f"mobs can be put at heights 0 to {HEIGHT}, got y={y + offset[1]:g} ({offset.tolist()})")
    for kind, offset in pairs:
        cx, cy, cz = (base + math.floor(way) for base, way in zip((x, y, z), offset))
        cy = min(max(cy, 1), HEIGHT - 3)
        while cy < HEIGHT and (blocks.SOLID[world.grid[cx, cy, cz]] or blocks.SOLID[world.grid[cx, cy + 1, cz]]):
            cy += 1
        mobs.new_mob(world.streams["mobs"], world.mobs[world.mob_count], kind, cx + 0.5, float(cy), cz + 0.5)
        world.mob_count += 1


def scatter_mobs(world: World, rng: np.random.Generator, kinds: Sequence[str], low: Sequence[int], high: Sequence[int]) -> None:
    """Put one mob of each kind at a random place on the ground, dry and not in a tree, of a region around the player.

    Where the world is full, as after many resets that keep it, the mobs farthest from the player make room.
    """
    x, _, z = _feet(world)
    for kind in kinds:
        if world.mob_count == mobs.ROOM:
            away = world.mobs[:, [X, Z]] - world.body[[X, Z]]
            away -= SIZE * np.round(away / SIZE)  # the world is a torus
            world.mob_count -= 1
            world.mobs[int((away**2).sum(axis=1).argmax())] = world.mobs[world.mob_count]
        for attempt in range(40):
            dx, dz = (int(rng.integers(low[axis], high[axis] + 1)) for axis in (0, 2))
            top = int(world.grid.roof[(x + dx) & WRAP, (z + dz) & WRAP])
            under = world.grid[x + dx, top - 1, z + dz]
            if attempt == 39 or ((dx or dz) and blocks.SOLID[under] and not blocks.KEYS[under].endswith("leaves")):
                break
        spawn_mobs(world, rng, kind, [dx, top - _feet(world)[1], dz])


def start_away(world: World, rng: np.random.Generator, block: str, low: float, high: float) -> None:
    """Set the player on grass ``low`` to ``high`` blocks, along the ground, from the nearest column that holds a block.

    Where no grass lies that far, on the grass that comes nearest to it; in a world without grass the player stays.
    """
    grid, half = world.grid, SIZE // 2
    lacking = np.pad((grid.blocks != blocks.block_of(block)).all(axis=2), half, mode="wrap").astype(np.uint8)
    far = cv2.distanceTransform(lacking, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[half:-half, half:-half]
    top = np.maximum(grid.roof.astype(int) - 1, 0)
    grass = np.take_along_axis(grid.blocks, top[:, :, None], axis=2)[:, :, 0] == blocks.GRASS
    if not grass.any():
        return
    miss = np.where(grass, np.maximum(np.maximum(low - far, far - high), 0.0), np.inf)
    x, z = divmod(int(rng.choice(np.flatnonzero(miss == miss.min()))), SIZE)
    world.put_player(x + 0.5, float(grid.roof[x, z]), z + 0.5, float(rng.uniform(-180, 180)), 0.0)


def set_block(world: World, rng: np.random.Generator, block: str | Sequence[str], rel_positions: Any) -> None:
    """Set blocks at positions relative to the player; all or none.

    Raises:
        ValueError: an unknown block, or a height outside the world.
    """
    x, y, z = _feet(world)
    todo = []
    for name, offset in _pairs(block, rel_positions):
        cx, cy, cz = x + math.floor(offset[0]), y + math.floor(offset[1]), z + math.floor(offset[2])
        if not 0 <= cy < HEIGHT:
            raise ValueError(f"blocks can be set at heights 0 to {HEIGHT - 1}, got y={cy} ({offset.tolist()} from the player)")
        todo.append((cx, cy, cz, blocks.block_of(name)))
    for cx, cy, cz, kind in todo:
        world.set_block(cx, cy, cz, kind)


def set_inventory(world: World, rng: np.random.Generator, inventory: Sequence[InventoryItem]) -> None:
    """Overwrite slots; all or none."""
    for slot, item, quantity, variant in parse_items(inventory):
        world.inventory.set(slot, item, quantity, variant)


def clear_inventory(world: World, rng: np.random.Generator) -> None:
    """Empty every slot."""
    world.inventory.clear()


def place(x: Any, y: Any, z: Any, yaw: Any, pitch: Any) -> dict[str, float]:
    """Where a player can be set, as floats.

    Raises:
        ValueError: a number is not finite, or lies outside the world.
    """
    far, given = FARTHEST_START, {"x": x, "y": y, "z": z, "yaw": yaw, "pitch": pitch}
    ranges = {"x": (-far, far), "y": (0, HEIGHT), "z": (-far, far)}
    return {name: number(f"{name} of the player", value, *ranges.get(name, ())) for name, value in given.items()}


def teleport_agent(
    world: World, rng: np.random.Generator, x: float, y: float, z: float, yaw: float = 0.0, pitch: float = 0.0
) -> None:
    """Move the player to absolute coordinates.

    Raises:
        ValueError: the height lies outside the world, or a number is not finite.
    """
    world.put_player(**place(x, y, z, yaw, pitch))


def random_teleport(world: World, rng: np.random.Generator, max_range: int = 200) -> None:
    """Move the player to the surface of a random column within ``max_range``."""
    max_range = whole("max_range", max_range, 0, FARTHEST_START, unit="blocks")
    x, _, z = _feet(world)
    for _ in range(60):
        cx, cz = x + int(rng.integers(-max_range, max_range + 1)), z + int(rng.integers(-max_range, max_range + 1))
        top = int(world.grid.roof[cx & WRAP, cz & WRAP])
        if blocks.SOLID[world.grid[cx, top - 1, cz]]:
            break
    world.put_player(cx + 0.5, float(top), cz + 0.5, float(rng.uniform(-180, 180)), 0.0)


def set_time(world: World, rng: np.random.Generator, time: int) -> None:
    """Set the ticks of the day, 0 to 24000."""
    if not isinstance(time, int | float | np.number) or not 0 <= time <= 24000:
        raise ValueError(f"a time of day is 0 to 24000 ticks, got {time!r}")
    world.time = int(time)


def check_weather(weather: Any) -> None:
    """Raise ValueError unless ``weather`` is one of the game's."""
    if not isinstance(weather, str) or weather not in ("clear", "normal", "rain", "thunder"):
        raise ValueError(f"weather is clear, normal, rain or thunder; got {weather!r}")


def set_weather(world: World, rng: np.random.Generator, weather: str) -> None:
    """Set the weather: "clear", "normal", "rain" or "thunder"."""
    check_weather(weather)
    world.rain = weather in ("rain", "thunder")


def kill_agent(world: World, rng: np.random.Generator) -> None:
    """End the player's life."""
    world.vitals.life, world.vitals.cause = 0.0, "command"


def fast_reset(world: World, rng: np.random.Generator, max_range: int = 200) -> None:
    """A new life in the same world: random place, empty inventory, morning, nothing counted; what was built stays."""
    world.new_life()
    random_teleport(world, rng, min(max_range, SIZE))


COMMANDS: dict[str, Callable[..., None]] = {
    function.__name__: function
    for function in (
        spawn_mobs,
        set_block,
        set_inventory,
        clear_inventory,
        teleport_agent,
        random_teleport,
        set_time,
        set_weather,
        kill_agent,
    )
}


def run(world: World, rng: np.random.Generator, name: str, *args: Any, **kwargs: Any) -> None:
    """Run a command by name. Raises ValueError for an unknown one."""
    if name not in COMMANDS:
        raise ValueError(f"unknown command {name!r}; known: {', '.join(COMMANDS)}")
    COMMANDS[name](world, rng, *args, **kwargs)
