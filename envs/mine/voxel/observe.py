"""The observation of the contract, read from the embedded world."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.actions import delta, masks
from papergym.envs.mine.spaces import SLOTS, voxel_shape
from papergym.envs.mine.voxel import blocks, hands, mobs
from papergym.envs.mine.voxel import sky as skies
from papergym.envs.mine.voxel.camera import look
from papergym.envs.mine.voxel.picking import pick_block, pick_body
from papergym.envs.mine.voxel.terrain import BEACH, DESERT, FOREST, HEIGHT, HILLS, OCEAN, PLAINS, RIVER, SEA, WRAP
from papergym.envs.mine.voxel.world import World

_CLIMATE = {  # biome -> (rainfall, temperature)
    PLAINS: (0.4, 0.8),
    DESERT: (0.0, 1.0),
    HILLS: (0.3, 0.2),
    FOREST: (0.8, 0.7),
    OCEAN: (0.5, 0.5),
    RIVER: (0.5, 0.5),
    BEACH: (0.4, 0.8),
}
_BY_HAND = blocks.TIER < 0
_BLOCKS_LIGHT = blocks.OPAQUE
_FLAGS = {
    "is_tool_not_required": _BY_HAND,
    "blocks_movement": blocks.SOLID,
    "is_liquid": blocks.SHAPE == blocks.SHAPE_LIQUID,
    "is_solid": blocks.SOLID,
    "can_burn": blocks.BURNS,
}


def _ones(*values: float) -> Iterator[np.ndarray]:
    """A (1,) float32 array for each value."""
    return iter(np.array(values, np.float32).reshape(-1, 1))


def _bit(value: Any = False) -> np.ndarray:
    return np.ones((), bool) if value else np.zeros((), bool)


class Observer:
    """Builds observations.

    Args:
        voxel_size: window of ``voxels``, or None.
        lidar_rays: rays of ``rays``, or None.
    """

    def __init__(
        self, voxel_size: Mapping[str, int] | None = None, lidar_rays: Sequence[tuple[float, float, float]] | None = None
    ) -> None:
        self._rays = None if lidar_rays is None else [tuple(float(part) for part in ray) for ray in lidar_rays]
        self._window = None
        if voxel_size is not None:
            shape = voxel_shape(voxel_size)
            self._window = tuple(np.arange(n) + int(voxel_size[f"{axis}min"]) for n, axis in zip(shape, "xyz"))
        self.counts = np.zeros(len(vocab.ITEMS), np.int64)
        self._key: bytes = b""
        self._totals = self.counts
        self._bag: dict[str, dict[str, np.ndarray]] = {}

    def reset(self, world: World) -> None:
        """Start a new episode: what is in the inventory now is no change."""
        self.counts = world.inventory.counts()

    def observe(self, world: World, rgb: np.ndarray) -> dict[str, Any]:
        """The observation now; arrays are fresh."""
        table, furnace = world.station_near("crafting_table"), world.station_near("furnace")
        self._look_into(world, table, furnace)
        obs: dict[str, Any] = {
            "rgb": rgb.copy(),
            **{part: {name: array.copy() for name, array in self._bag[part].items()} for part in self._bag},
            "life_stats": _life(world),
            "location_stats": _location(world),
            "damage_source": _harm(world),
            "nearby_tools": {"table": _bit(table), "furnace": _bit(furnace)},
            "delta_inv": delta(self.counts, self._totals, world.crafted),
        }
        self.counts = self._totals.copy()
        if self._window is not None:
            obs["voxels"] = self._voxels(world)
        if self._rays is not None:
            obs["rays"] = self._lidar(world)
        return obs

    def _look_into(self, world: World, table: bool, furnace: bool) -> None:
        """What follows from the inventory alone; worked out again only when that has changed."""
        bag = world.inventory
        key = b"".join(column.tobytes() for column in (bag.name, bag.quantity, bag.variant, bag.wear)) + bytes((table, furnace))
        if key == self._key:
            return
        self._key, self._totals = key, bag.counts()
        name = bag.name[:SLOTS]
        valid = masks(name, bag.quantity[:SLOTS], table=table, furnace=furnace)
        valid["place"] &= hands.PLACEABLE[name]  # blocks of this world only
        valid["action_type"][6] = valid["place"].any()
        self._bag = {"inventory": bag.observe(), "equipment": bag.observe(equipment=True), "masks": valid}

    def _voxels(self, world: World) -> dict[str, np.ndarray]:
        assert self._window is not None
        x, y, z = (np.floor(world.body[axis]).astype(int) + offsets for axis, offsets in zip((0, 1, 2), self._window))
        inside = (y >= 0) & (y < HEIGHT)
        block = world.grid.blocks[np.ix_(x & WRAP, z & WRAP, np.clip(y, 0, HEIGHT - 1))].transpose(0, 2, 1)
        block = np.where(inside[None, :, None], block, np.where(y < 0, blocks.BEDROCK, blocks.AIR)[None, :, None])
        ways = np.stack(np.meshgrid(x + 0.5, y + 0.5, z + 0.5, indexing="ij"), -1) - np.array(world.eye())
        cosine = ways @ np.array(world.look()) / np.maximum(np.linalg.norm(ways, axis=-1), 1e-9)
        return {
            "block_name": blocks.CONTRACT[block],
            "block_meta": blocks.META[block],
            "cos_look_vec_angle": np.clip(cosine, -1, 1).astype(np.float32),
            "is_collidable": blocks.SHAPE[block] != blocks.SHAPE_AIR,
            "blocks_light": _BLOCKS_LIGHT[block],
            **{key: table[block] for key, table in _FLAGS.items()},
        }

    def _lidar(self, world: World) -> dict[str, np.ndarray]:
        assert self._rays is not None
        found = np.array([_ray(world, *ray) for ray in self._rays])
        block = found[:, 0].astype(np.int64)
        return {
            "block_name": blocks.CONTRACT[block],
            "block_distance": found[:, 1].astype(np.float32),
            "block_meta": blocks.META[block],
            "harvest_level": np.maximum(blocks.TIER[block], -1),
            "entity_name": found[:, 2].astype(np.int64),
            "entity_distance": found[:, 3].astype(np.float32),
            **{key: table[block] for key, table in _FLAGS.items()},
            "ray_pitch": np.array([ray[0] for ray in self._rays], np.float32),
            "ray_yaw": np.array([ray[1] for ray in self._rays], np.float32),
            **{f"traced_block_{axis}": found[:, 4 + i].astype(np.float32) for i, axis in enumerate("xyz")},
        }


def _ray(world: World, pitch: float, yaw: float, reach: float) -> tuple[float, ...]:
    """(block, distance or -1, entity, distance or -1, cell x, y, z) of one ray; angles in radians relative to the view."""
    eye, cell = world.eye(), np.zeros(6, np.int64)
    way = look(world.yaw + math.degrees(yaw), world.pitch + math.degrees(pitch))
    far = pick_block(world.grid.blocks, *eye, *way, reach, True, cell)
    index, near = pick_body(world.mobs, world.mob_count, *eye, *way, reach)
    if far >= 0 and near > far:
        index, near = -1, -1.0
    block = world.grid[int(cell[0]), int(cell[1]), int(cell[2])] if far >= 0 else blocks.AIR
    entity = vocab.ENTITY_ID[mobs.KINDS[int(world.mobs[index, mobs.KIND])]] if index >= 0 else 0
    return (block, far, entity, near, *(float(c) for c in cell[:3]))


def _life(world: World) -> dict[str, Any]:
    vitals = world.vitals
    values = _ones(vitals.life, vitals.armor, vitals.food, vitals.saturation, max(vitals.breath, 0), vitals.xp)
    return {**dict(zip(("life", "armor", "food", "saturation", "oxygen", "xp"), values)), "is_sleeping": 0}


def _location(world: World) -> dict[str, np.ndarray]:
    x, y, z = (math.floor(c) for c in world.eye())
    byte = int(world.grid.light[x & WRAP, z & WRAP, min(max(y, 0), HEIGHT - 1)])
    sky, torch = byte & 15, byte >> 4
    dimmed = max(sky - skies.sky_dimming(world.time, world.rain), 0)
    biome = int(world.grid.biome[x & WRAP, z & WRAP])
    rainfall, temperature = _CLIMATE[biome]
    values = _ones(
        world.pitch,
        world.yaw,
        max(dimmed, torch),
        SEA + 1,
        sky / 15.0,
        skies.sun_brightness(world.time, world.rain),
        rainfall,
        temperature,
    )
    names = ("pitch", "yaw", "light_level", "sea_level", "sky_light_level", "sun_brightness", "rainfall", "temperature")
    return {
        "pos": world.body[:3].astype(np.float32),
        "biome_id": np.array(biome),
        "can_see_sky": np.array(int(y >= world.grid.roof[x & WRAP, z & WRAP])),
        "is_raining": np.array(int(world.rain)),
        **dict(zip(names, values)),
    }


def _harm(world: World) -> dict[str, np.ndarray]:
    harm = world.vitals.harm
    hit = harm.amount > 0
    values = _ones(harm.amount, *((harm.distance, harm.pitch, harm.yaw, harm.hunger) if hit else (0.0, 0.0, 0.0, 0.0)))
    return {
        **dict(zip(("damage_amount", "damage_distance", "damage_pitch", "damage_yaw", "hunger_damage"), values)),
        "is_explosion": _bit(),
        "is_fire_damage": _bit(),
        "is_magic_damage": _bit(),
        "is_projectile": _bit(),
        "is_unblockable": _bit(hit and harm.unblockable),
    }
