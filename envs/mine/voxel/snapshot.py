"""Snapshots of a world: its complete state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from papergym.envs.mine.voxel.world import World

VERSION = 1
"""Format of snapshots; rises with any change of the state or of what the state means."""
_COUNTERS = ("time", "age", "rain", "dig_done", "dig_pause", "use_pause", "chewed", "arm", "fuel", "sneaking", "crafted")


def take(world: World) -> dict[str, Any]:
    """Nested dicts of fresh arrays and plain values."""
    return {
        "version": VERSION,
        "grid": world.grid.get_state(),
        "body": world.body.copy(),
        "inventory": world.inventory.get_state(),
        "vitals": world.vitals.get_state(),
        "mobs": world.mobs[: world.mob_count].copy(),
        "drops": world.drops[: world.drop_count].copy(),
        "streams": {name: stream.copy() for name, stream in world.streams.items()},
        "counters": {key: getattr(world, key) for key in _COUNTERS},
        "kills": dict(world.kills),
        "mined": dict(world.mined),
        "used": dict(world.used),
        "dig_cell": list(world.dig_cell) if world.dig_cell else [],
        "stations": [list(station) for station in world.stations],
    }


def restore(world: World, state: dict[str, Any]) -> None:
    """Go back to a snapshot.

    Raises:
        ValueError: the snapshot was made by another version of this world. Nothing has changed then.
    """
    if state.get("version") != VERSION:
        raise ValueError(f"expected a snapshot of version {VERSION}, got {state.get('version')!r}; make it anew")
    world.grid.set_state(state["grid"])
    world.body[...] = state["body"]
    world.inventory.set_state(state["inventory"])
    world.vitals.set_state(state["vitals"])
    world.mob_count, world.drop_count = len(state["mobs"]), len(state["drops"])
    world.mobs[: world.mob_count], world.drops[: world.drop_count] = state["mobs"], state["drops"]
    for name, stream in world.streams.items():
        stream[...] = state["streams"][name]
    for key, value in state["counters"].items():
        setattr(world, key, value)
    world.kills, world.mined, world.used = (dict(state[key]) for key in ("kills", "mined", "used"))
    cell = [int(c) for c in state["dig_cell"]]
    world.dig_cell = (cell[0], cell[1], cell[2]) if cell else None
    world.stations = [(str(name), int(x), int(y), int(z)) for name, x, y, z in state["stations"]]
