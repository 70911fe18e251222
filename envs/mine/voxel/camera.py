"""The camera: its pose, its rays and its image buffers."""

import math
from typing import NamedTuple

import numpy as np

from papergym.envs.mine.voxel import sky as skies
from papergym.envs.mine.voxel import textures
from papergym.envs.mine.voxel.cast import draw_blocks
from papergym.envs.mine.voxel.grid import Grid
from papergym.envs.mine.voxel.march import BATCH, CAMERA, EYE, FLOATS, FORWARD, INTS, RIGHT, TAN, UP, VIEW
from papergym.envs.mine.voxel.terrain import BEACH, DESERT, FOREST, HILLS, OCEAN, PLAINS, RIVER

FIELD_OF_VIEW = 70.0
"""Vertical, in degrees: the game's default."""
TINTS = np.full((256, 3), [0.56, 0.74, 0.35], np.float32)
for _biome, _rgb in {
    PLAINS: (0.57, 0.74, 0.35),
    FOREST: (0.46, 0.74, 0.32),
    HILLS: (0.50, 0.69, 0.46),
    DESERT: (0.75, 0.72, 0.33),
    BEACH: (0.57, 0.72, 0.37),
    OCEAN: (0.55, 0.72, 0.42),
    RIVER: (0.55, 0.72, 0.40),
}.items():
    TINTS[_biome] = _rgb


class Pose(NamedTuple):
    """Eye position in blocks; yaw and pitch in degrees, yaw 0 looks along +z and 90 along -x, pitch is positive downward."""

    x: float
    y: float
    z: float
    yaw: float
    pitch: float


def look(yaw: float, pitch: float) -> tuple[float, float, float]:
    """Unit vector of a view direction, angles in degrees."""
    a, b = math.radians(yaw), math.radians(pitch)
    return -math.sin(a) * math.cos(b), -math.sin(b), math.cos(a) * math.cos(b)


class Camera:
    """Renders a grid at one size.

    Args:
        size: (H, W) in pixels.
        view: blocks that can be seen; the game's setting for MineDojo is 64.
        aspect: width over height of the field of view, if not W / H (for squeezed images).

    Attributes:
        rgb: (3, H, W) uint8; depth: (H, W) float32; seen: (H, W) uint8. All are overwritten by the next image.
    """

    def __init__(self, size: tuple[int, int], view: float = 64.0, aspect: float | None = None) -> None:
        if not 0 < view < math.inf or not (aspect is None or 0 < aspect < math.inf):
            raise ValueError(f"view_distance is above 0 blocks and aspect above 0 or None, got {view} and {aspect}")
        height, width = size
        self.size, self.view = (int(height), int(width)), float(view)
        self.rgb = np.zeros((3, height, width), np.uint8)
        self.depth = np.zeros((height, width), np.float32)
        self.seen = np.zeros((height, width), np.uint8)
        self.wet_at = np.zeros((height, width), np.float32)
        self.wet = np.zeros((height, width, 4), np.float32)
        self._plants = np.zeros(height * width, np.float32), np.zeros(height * width, np.uint32)
        self._batch = np.zeros(FLOATS * BATCH, np.float32), np.zeros(INTS * BATCH, np.int32)
        self.array = np.zeros(CAMERA)
        tan = math.tan(math.radians(FIELD_OF_VIEW / 2))
        self.array[TAN : TAN + 2] = tan * (width / height if aspect is None else aspect), tan
        self.array[VIEW] = self.view
        # One texel of level 0 covers a pixel at this depth; a level is used up to sqrt(2) times its own.
        self.lod = height / (2 * tan * textures.EDGE) * np.sqrt(2.0) * np.array([1.0, 2.0, 4.0, 8.0])

    def aim(self, pose: Pose) -> None:
        """Stand at ``pose``."""
        fx, fy, fz = look(pose.yaw, pose.pitch)
        a = math.radians(pose.yaw)
        rx, rz = -math.cos(a), -math.sin(a)
        self.array[EYE : EYE + 3] = pose.x, pose.y, pose.z
        self.array[FORWARD : FORWARD + 3] = fx, fy, fz
        self.array[RIGHT : RIGHT + 3] = rx, 0.0, rz
        self.array[UP : UP + 3] = -rz * fy, rz * fx - rx * fz, rx * fy

    def draw(self, grid: Grid, time: int, rain: bool = False) -> None:
        """Draw blocks, water and sky as they look at ``time`` (ticks of the day)."""
        lum = skies.luminance(skies.brightness(time, rain))
        paints = (TINTS, textures.atlas(), lum, self.lod, skies.sky_colours(time % skies.DAY, rain))
        world = (grid.blocks, grid.room, grid.light, grid.biome)
        flat = self.rgb.reshape(3, -1), self.depth.reshape(-1), self.seen.reshape(-1)
        image = (*flat, self.wet_at.reshape(-1), self.wet.reshape(-1, 4))  # made anew: a pickled view is a copy
        draw_blocks(world, grid.ceiling, paints, self.array, self.size[1], *self._batch, grid.plants, self._plants, image)
