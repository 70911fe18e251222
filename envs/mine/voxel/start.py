"""Start of an episode: checks the start values, then sets inventory, place and time."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.task import Task
from papergym.envs.mine.voxel import commands, terrain
from papergym.envs.mine.voxel.world import World

VALUES = ("start_position", "start_health", "start_food", "start_time", "initial_weather")
OPTIONS = (*VALUES, "inventory", "fast_reset")
"""What the options of a reset may hold."""
_NIGHT = 18000
_RANGES = {"start_health": (0.5, 20), "start_food": (0, 20), "start_time": (0, 24000)}


def checked(values: Mapping[str, Any], task: Task) -> dict[str, Any]:
    """Start values that are given, None left out.

    Raises:
        ValueError: one is unknown, of another kind or out of its range, or contradicts the task.
    """
    given = {name: value for name, value in values.items() if value is not None}
    if not set(given) <= set(VALUES):
        raise ValueError(f"unknown start values {sorted(set(given) - set(VALUES))}; known: {', '.join(VALUES)}")
    for name, (low, high) in _RANGES.items():
        value = given.get(name, low)
        if not isinstance(value, int | float | np.number) or not low <= value <= high:
            raise ValueError(f"{name} is a number from {low} to {high}, got {value!r}")
    if task.always_night and "start_time" in given:
        raise ValueError(f"it is always midnight in the task {task.id}; leave start_time={given['start_time']!r} out")
    if "initial_weather" in given:
        commands.check_weather(given["initial_weather"])
    if "start_position" in given:
        given["start_position"] = _position(given["start_position"])
    return given


def _position(where: Any) -> dict[str, float]:
    if not isinstance(where, Mapping) or not {"x", "y", "z"} <= set(where) <= {"x", "y", "z", "yaw", "pitch"}:
        raise ValueError(f"start_position is a mapping with x, y, z and, if wanted, yaw and pitch; got {where!r}")
    return commands.place(**{"yaw": 0.0, "pitch": 0.0, **where})


def furnish(world: World, rng: np.random.Generator, task: Task, items: list[tuple[int, int, int, int]], given: Any) -> None:
    """Inventory, start values and mobs of a task in a fresh world; ``given`` comes from :func:`checked`."""
    for slot, item, quantity, variant in items:
        world.inventory.set(slot, item, quantity, variant)
    if "start_position" in given:
        world.put_player(**given["start_position"])
    elif task.start is not None:
        commands.start_away(world, rng, *task.start)
    world.vitals.life = float(given.get("start_health", world.vitals.life))
    world.vitals.food = int(given.get("start_food", world.vitals.food))
    world.time = _NIGHT if task.always_night else int(given.get("start_time", task.start_time or 0))
    world.rain = given.get("initial_weather") in ("rain", "thunder")
    commands.scatter_mobs(world, rng, task.mobs, task.mob_low, task.mob_high)
    world.gather()


def terrain_seed(seed: int | str | None) -> int | None:
    """A world seed as 64 bits: a whole number or its digits as they are, other text by the game's hash (Java's).

    Raises:
        ValueError: neither a whole number nor text.
    """
    if seed is None:
        return None
    if isinstance(seed, str):
        number = seed.strip().removeprefix("-")
        if not number.isdecimal():
            hashed = 0
            for letter in seed:
                hashed = (31 * hashed + ord(letter)) % 2**32
            return (hashed - 2**32 if hashed >= 2**31 else hashed) % 2**64
        seed = int(seed)
    if not isinstance(seed, int | np.integer):
        raise ValueError(f"world_seed is a whole number or text, got {seed!r}")
    return int(seed) % 2**64


def terrain_kind(biome: str | int | None) -> int:
    """Biome id of the whole world, or MIXED.

    Raises:
        ValueError: the embedded world has no such biome.
    """
    if biome is None:
        return terrain.MIXED
    number = vocab.biome_id(biome)
    if vocab.BIOME_NAME[number] not in terrain.BIOME_NAMES:
        raise ValueError(f"the embedded world has no biome {biome!r}; it has: {', '.join(terrain.BIOME_NAMES)}")
    return number
