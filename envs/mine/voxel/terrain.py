"""Terrain: heights and biomes from periodic noise, so that the world is a torus.

A grid is a uint8 array (SIZE, SIZE, HEIGHT) indexed [x, z, y]; every coordinate is taken modulo SIZE.
"""

import numpy as np
from numba import njit

from papergym.envs.mine.vocabulary import BIOMES
from papergym.envs.mine.voxel import blocks
from papergym.envs.mine.voxel.noise import fractal2, noise2, permutation

SIZE = 256
"""Blocks along x and z after which the world repeats; a power of two."""
WRAP = SIZE - 1
HEIGHT = 96
SEA = 62
"""Height of the highest water block; the sea level that observations report is SEA + 1."""

OCEAN, PLAINS, DESERT, HILLS, FOREST, RIVER, BEACH = (
    BIOMES[name] for name in ("ocean", "plains", "desert", "extreme_hills", "forest", "river", "beach")
)
BIOME_NAMES = ("plains", "forest", "desert", "extreme_hills", "ocean", "beach")
"""Biomes a world can be made of; a default world mixes them and rivers."""
MIXED = -1

_AIR, _STONE, _GRASS, _DIRT, _SAND, _GRAVEL, _WATER, _BEDROCK = (
    blocks.AIR,
    blocks.STONE,
    blocks.GRASS,
    blocks.DIRT,
    blocks.SAND,
    blocks.GRAVEL,
    blocks.WATER,
    blocks.BEDROCK,
)
_SANDSTONE, _CLAY, _SNOW = blocks.ID["sandstone"], blocks.ID["clay"], blocks.ID["snow"]
N_MAPS = 7


@njit(cache=True, nogil=True)
def _step(value, low, high):
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = min(max((value - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@njit(cache=True, nogil=True)
def _mixed(perm, x, z, rough):
    """(height, biome) of a default world's column."""
    land = _step(fractal2(perm[3], x, z, 128, 3, SIZE), -0.42, -0.18)
    hill = _step(fractal2(perm[1], x, z, 64, 2, SIZE), 0.12, 0.5)
    bed = _step(abs(fractal2(perm[2], x, z, 128, 3, SIZE)), 0.02, 0.09)
    ridge = 1.0 - abs(noise2(perm[6], x / 32.0, z / 32.0, SIZE // 32))
    height = 66.0 + 2.2 * rough + hill * (5.0 + 17.0 * ridge)
    height = 58.0 + (height - 58.0) * bed
    height = 48.0 + (height - 48.0) * land
    warm, wet = fractal2(perm[4], x, z, 64, 2, SIZE), fractal2(perm[5], x, z, 64, 2, SIZE)
    if height < SEA - 0.5:
        return height, OCEAN if land < 0.7 else RIVER
    if height < SEA + 2.2 and land < 0.97:
        return height, BEACH
    if hill > 0.35:
        return height, HILLS
    if warm > 0.28:
        return height, DESERT
    return height, FOREST if wet > 0.04 else PLAINS


@njit(cache=True, nogil=True)
def _column(perm, x, z, kind):
    """(height, biome) of a column; ``kind`` is a biome id or MIXED."""
    rough = fractal2(perm[0], x, z, 32, 4, SIZE)
    if kind == MIXED:
        return _mixed(perm, x, z, rough)
    broad = fractal2(perm[1], x, z, 64, 2, SIZE)
    if kind == OCEAN:
        return 48.0 + 7.0 * rough + 6.0 * broad, OCEAN
    if kind == HILLS:
        ridge = 1.0 - abs(noise2(perm[6], x / 32.0, z / 32.0, SIZE // 32))
        return 66.0 + 2.5 * rough + _step(broad, -0.3, 0.5) * (4.0 + 18.0 * ridge), HILLS
    if kind == BEACH:
        return 62.6 + 1.2 * rough + 3.0 * broad, BEACH
    if kind == DESERT:
        return 66.5 + 1.5 * rough + 3.0 * broad, DESERT
    height = 65.6 + (1.6 if kind == PLAINS else 2.6) * rough + 1.6 * broad
    lake = _step(-fractal2(perm[2], x, z, 64, 2, SIZE), 0.38, 0.66)
    return height + (55.0 - height) * lake, kind


@njit(cache=True, nogil=True)
def _surface(biome, y, x, z, perm):
    """(top, below) blocks of a column whose highest solid cell is at ``y``."""
    if y < SEA - 1:
        patch = noise2(perm[4], x / 8.0, z / 8.0, SIZE // 8)
        if patch > 0.45:
            return _CLAY, _DIRT
        return _GRAVEL if biome == OCEAN or patch < -0.3 else _DIRT, _DIRT
    if biome == DESERT:
        return _SAND, _SANDSTONE
    if biome in (BEACH, OCEAN):
        return _SAND, _SAND
    if y < SEA:
        return _DIRT, _DIRT
    if biome == HILLS and y > 76:
        bare = noise2(perm[5], x / 16.0, z / 16.0, SIZE // 16)
        if y > 86:
            return _SNOW, _STONE
        if bare > -0.15:
            return _STONE, _STONE
    return _GRASS, _DIRT


@njit(cache=True, nogil=True)
def fill(stream, kind, grid, biome, top):
    """Lay the ground: stone, surface blocks and water.

    Args:
        stream: (1,) uint64, advanced.
        kind: biome id of the whole world, or MIXED.
        grid: (SIZE, SIZE, HEIGHT) uint8, overwritten.
        biome: (SIZE, SIZE) uint8, overwritten with biome ids.
        top: (SIZE, SIZE) uint8, overwritten with the highest solid cell.

    Returns:
        (N_MAPS, 512) permutations, for the caves.
    """
    perm = np.empty((N_MAPS, 512), np.int64)
    for i in range(N_MAPS):
        perm[i] = permutation(stream)
    for x in range(SIZE):
        for z in range(SIZE):
            height, kind_here = _column(perm, x, z, kind)
            y = min(max(np.int64(np.floor(height)), 8), HEIGHT - 6)
            biome[x, z], top[x, z] = kind_here, y
            cap, soil = _surface(kind_here, y, x, z, perm)
            column = grid[x, z]
            column[0] = _BEDROCK
            column[1 : y - 3] = _STONE
            column[y - 3 : y] = soil
            column[y] = cap
            column[y + 1 :] = _AIR
            if y < SEA:
                column[y + 1 : SEA + 1] = _WATER
    return perm
