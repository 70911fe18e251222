"""The contract of both backends: MineDojo's observation and action spaces as Gymnasium spaces.

Keys, shapes, dtypes and bounds are those of ``minedojo.make`` (package 0.1); ``assets/mine/minedojo_spaces.json`` is a dump
of the real ones. One thing differs. MineDojo gives names as arrays of unicode strings (its space ``Text``), for which
Gymnasium has no space: here each such array is a ``MultiDiscrete`` of ids into :mod:`papergym.envs.mine.vocabulary`
(``ITEMS`` for inventory, equipment and delta_inv, ``BLOCKS`` for voxels and rays, ``ENTITIES`` for rays); the key and the
shape stay. :func:`names` turns ids back into strings.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from papergym.envs.checks import sides
from papergym.envs.mine import vocabulary as vocab

SLOTS = 36
"""Inventory slots; slot 0 is the main hand."""
EQUIPMENT = ("mainhand", "feet", "legs", "chest", "head", "offhand")
"""The order of the arrays under ``equipment``."""
EQUIPMENT_SLOT = {"mainhand": 0, "feet": 36, "legs": 37, "chest": 38, "head": 39, "offhand": 40}
"""Slot number of each piece of equipment, as commands and InventoryItem count them."""
FUNCTIONS = ("no_op", "use", "drop", "attack", "craft", "equip", "place", "destroy")
"""Meaning of the sixth action component."""
VARIANTS = 121
FARTHEST, FARTHEST_START = 640_000, 600_000
"""Blocks along x and z from the origin: of the observed position, and of where a player can be set."""
LONGEST_LOOK = 4096
"""Blocks that a ray or an image reaches at most."""
VOXEL_SIZE = {"xmin": -1, "ymin": -1, "zmin": -1, "xmax": 1, "ymax": 1, "zmax": 1}
LIDAR_RAYS = ((0.0, 0.0, 10.0),)
"""One ray ahead: (pitch, yaw) in radians relative to the view, reach in blocks."""


class MineActions(spaces.MultiDiscrete):
    """MineDojo's action space, which knows the action that does nothing."""

    def no_op(self) -> np.ndarray:
        """(8,) int64: stand still, look ahead, do nothing."""
        middle = (int(self.nvec[3]) - 1) // 2
        return np.array([0, 0, 0, middle, middle, 0, 0, 0], np.int64)


def action_space(cam_interval: float = 15) -> MineActions:
    """Forward/back, left/right, jump/sneak/sprint, pitch bin, yaw bin, function, craft argument, slot argument.

    Args:
        cam_interval: degrees per camera bin; bin b turns the view by ``b * cam_interval - 180`` degrees.
    """
    bins = math.ceil(360 / cam_interval) + 1
    return MineActions([3, 3, 4, bins, bins, len(FUNCTIONS), len(vocab.CRAFTS), SLOTS])


def no_op(cam_interval: float = 15) -> np.ndarray:
    """(8,) int64: the action that does nothing."""
    return action_space(cam_interval).no_op()


def _box(low: float, high: float, *shape: int, dtype: Any = np.float32) -> spaces.Box:
    return spaces.Box(low, high, shape, dtype)


def _flags(*shape: int) -> spaces.Box:
    return spaces.Box(0, 1, shape, np.bool_)  # pyright: ignore[reportArgumentType, reportCallIssue]  # its stub forgets bool


def _ids(count: int, *shape: int) -> spaces.MultiDiscrete:
    return spaces.MultiDiscrete(np.full(shape, count))


def _stacks(slots: int) -> spaces.Dict:
    return spaces.Dict(
        name=_ids(len(vocab.ITEMS), slots),
        quantity=_box(0, 64, slots),
        variant=_ids(VARIANTS, slots),
        cur_durability=_box(-1, np.inf, slots),
        max_durability=_box(-1, np.inf, slots),
    )


def _life() -> spaces.Dict:
    unit = {key: _box(0, 20, 1) for key in ("life", "armor", "food", "saturation")}
    return spaces.Dict({**unit, "oxygen": _box(0, 300, 1), "xp": _box(0, 1395, 1), "is_sleeping": spaces.Discrete(2)})


def _location() -> spaces.Dict:
    return spaces.Dict(
        {
            "pos": _box(-FARTHEST, FARTHEST, 3),
            "pitch": _box(-180, 180, 1),
            "yaw": _box(-180, 180, 1),
            "biome_id": _box(0, 167, dtype=np.int64),
            "can_see_sky": _box(0, 1, dtype=np.int64),
            "is_raining": _box(0, 1, dtype=np.int64),
            "light_level": _box(0, 15, 1),
            "sea_level": _box(0, 255, 1),
            **{key: _box(0, 1, 1) for key in ("sky_light_level", "sun_brightness", "rainfall", "temperature")},
        }
    )


def _damage() -> spaces.Dict:
    kinds = ("is_explosion", "is_fire_damage", "is_magic_damage", "is_projectile", "is_unblockable")
    return spaces.Dict(
        {
            "damage_amount": _box(0, 40, 1),
            "damage_distance": _box(0, np.inf, 1),
            "damage_pitch": _box(-90, 90, 1),
            "damage_yaw": _box(-180, 180, 1),
            "hunger_damage": _box(0, 20, 1),
            **{key: _flags() for key in kinds},
        }
    )


def voxel_shape(size: Mapping[str, int]) -> tuple[int, int, int]:
    """(nx, ny, nz) of a voxel window given as MineDojo's ``voxel_size``.

    Raises:
        ValueError: a bound is missing, or a minimum exceeds its maximum.
    """
    right = isinstance(size, Mapping) and set(size) == set(VOXEL_SIZE)
    right = right and all(isinstance(bound, int | np.integer) for bound in size.values())
    if not right or any(size[f"{axis}min"] > size[f"{axis}max"] for axis in "xyz"):
        raise ValueError(f"voxel_size needs integers {list(VOXEL_SIZE)} with min <= max, got {size!r}")
    nx, ny, nz = (int(size[f"{axis}max"]) - int(size[f"{axis}min"]) + 1 for axis in "xyz")
    return nx, ny, nz


def check_rays(rays: Any) -> list[tuple[float, float, float]]:
    """``lidar_rays`` as floats.

    Raises:
        ValueError: no ray, or one that is not (pitch, yaw, reach) in finite numbers with a reach above 0 and not beyond
            LONGEST_LOOK.
    """
    found = np.asarray(rays, np.float64)
    if found.ndim != 2 or found.shape[1] != 3 or not len(found) or not np.isfinite(found).all():
        raise ValueError(f"lidar_rays are (pitch, yaw, reach), angles in radians and a reach in blocks; got {rays!r}")
    if found[:, 2].min() <= 0 or found[:, 2].max() > LONGEST_LOOK:
        raise ValueError(f"a ray of lidar_rays reaches above 0 and at most {LONGEST_LOOK} blocks; got {rays!r}")
    return [(pitch, yaw, reach) for pitch, yaw, reach in found.tolist()]


def _voxels(shape: tuple[int, int, int]) -> spaces.Dict:
    flags = ("is_collidable", "is_tool_not_required", "blocks_movement", "is_liquid", "is_solid", "can_burn", "blocks_light")
    return spaces.Dict(
        {
            "block_name": _ids(len(vocab.BLOCKS), *shape),
            "block_meta": _box(0, 120, *shape, dtype=np.int64),
            "cos_look_vec_angle": _box(-1, 1, *shape),
            **{key: _flags(*shape) for key in flags},
        }
    )


def _rays(count: int) -> spaces.Dict:
    flags = ("is_tool_not_required", "blocks_movement", "is_liquid", "is_solid", "can_burn")
    reals = ("ray_pitch", "ray_yaw", "traced_block_x", "traced_block_y", "traced_block_z")
    return spaces.Dict(
        {
            "block_name": _ids(len(vocab.BLOCKS), count),
            "block_distance": _box(-1, np.inf, count),
            "block_meta": _box(0, 120, count, dtype=np.int64),
            "harvest_level": _box(-1, 4, count, dtype=np.int64),
            "entity_name": _ids(len(vocab.ENTITIES), count),
            "entity_distance": _box(-1, np.inf, count),
            **{key: _flags(count) for key in flags},
            **{key: _box(-np.inf, np.inf, count) for key in reals},
        }
    )


def _masks() -> spaces.Dict:
    slots = {key: _flags(SLOTS) for key in ("equip", "place", "destroy")}
    count = len(FUNCTIONS)
    return spaces.Dict(
        {"action_type": _flags(count), "action_arg": _flags(count, 1), "craft_smelt": _flags(len(vocab.CRAFTS)), **slots}
    )


def _delta() -> spaces.Dict:
    parts: dict[str, spaces.Space] = {}
    for cause in ("craft", "other"):
        for sign, count in (("inc", 1), ("dec", 4)):
            parts[f"{sign}_name_by_{cause}"] = _ids(len(vocab.ITEMS), count)
            parts[f"{sign}_quantity_by_{cause}"] = _box(0, 64, count)
    return spaces.Dict(parts)


def image_sides(image_size: int | Sequence[int], name: str = "image_size") -> tuple[int, int]:
    """(H, W) in pixels of an image's size, which is that or one number for a square; ``name`` is what errors call it.

    Raises:
        ValueError: not one or two whole numbers from 1 to 4096.
    """
    if (found := sides(image_size, 4096)) is None:
        what = "(height, width) in pixels or one number for a square, from 1 to 4096"
        raise ValueError(f"{name} is {what}; got {image_size!r}")
    return found


def observation_space(
    image_size: int | tuple[int, int] = (160, 256),
    *,
    voxel_size: Mapping[str, int] | None = None,
    lidar_rays: Sequence[tuple[float, float, float]] | None = None,
) -> spaces.Dict:
    """MineDojo's observation space; ``rgb`` is (3, H, W) uint8.

    Args:
        image_size: (H, W) in pixels, or one number for a square.
        voxel_size: window of ``voxels`` around the player; None leaves the key out, as ``use_voxel=False`` does.
        lidar_rays: rays of ``rays``; None leaves the key out, as ``use_lidar=False`` does.
    """
    height, width = image_sides(image_size)
    parts: dict[str, spaces.Space] = {
        "rgb": _box(0, 255, 3, height, width, dtype=np.uint8),
        "inventory": _stacks(SLOTS),
        "equipment": _stacks(len(EQUIPMENT)),
        "life_stats": _life(),
        "location_stats": _location(),
        "damage_source": _damage(),
        "nearby_tools": spaces.Dict(table=_flags(), furnace=_flags()),
        "masks": _masks(),
        "delta_inv": _delta(),
    }
    if voxel_size is not None:
        parts["voxels"] = _voxels(voxel_shape(voxel_size))
    if lidar_rays is not None:
        parts["rays"] = _rays(len(lidar_rays))
    return spaces.Dict(parts)


def names(ids: np.ndarray, table: Sequence[str] = vocab.ITEMS) -> np.ndarray:
    """Array of names for an array of ids, same shape; ``table`` is ITEMS, BLOCKS or ENTITIES."""
    return np.asarray(table)[ids]
