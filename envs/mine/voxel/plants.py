"""Trees, grass, flowers, cacti and reeds."""

from numba import njit

from papergym.envs.mine.voxel import blocks
from papergym.envs.mine.voxel.noise import below, uniform
from papergym.envs.mine.voxel.terrain import DESERT, FOREST, HEIGHT, HILLS, PLAINS, SEA, SIZE, WRAP

_AIR, _GRASS, _DIRT, _SAND, _WATER = blocks.AIR, blocks.GRASS, blocks.DIRT, blocks.SAND, blocks.WATER
_LOG, _BIRCH = blocks.ID["log"], blocks.ID["birch_log"]
_LEAVES, _BIRCH_LEAVES = blocks.ID["leaves"], blocks.ID["birch_leaves"]
_TALL, _YELLOW, _RED = blocks.ID["tallgrass"], blocks.ID["yellow_flower"], blocks.ID["red_flower"]
_BUSH, _CACTUS, _REEDS, _PUMPKIN = blocks.ID["deadbush"], blocks.ID["cactus"], blocks.ID["reeds"], blocks.ID["pumpkin"]


@njit(cache=True, nogil=True)
def _tree(stream, grid, x, z, y, birch):
    """An oak or birch whose lowest log is at ``y``: trunk of 4 to 6, two wide and two narrow layers of leaves."""
    tall = 4 + below(stream, 3) + (1 if birch else 0)
    if y + tall + 2 >= HEIGHT:
        return
    log, leaves = (_BIRCH, _BIRCH_LEAVES) if birch else (_LOG, _LEAVES)
    for layer in range(4):
        cy = y + tall - 2 + layer
        radius = 2 if layer < 2 else 1
        for dx in range(-radius, radius + 1):
            for dz in range(-radius, radius + 1):
                corner = abs(dx) == radius and abs(dz) == radius
                if corner and (layer == 3 or below(stream, 2) == 0):
                    continue
                px, pz = (x + dx) & WRAP, (z + dz) & WRAP
                if grid[px, pz, cy] == _AIR:
                    grid[px, pz, cy] = leaves
    grid[x, z, y - 1] = _DIRT
    for cy in range(y, y + tall):
        grid[x, z, cy] = log


@njit(cache=True, nogil=True)
def _has_room(grid, x, z, y):
    """No trunk in the eight columns around."""
    for dx in range(-1, 2):
        for dz in range(-1, 2):
            block = grid[(x + dx) & WRAP, (z + dz) & WRAP, y + 1]
            if block in (_LOG, _BIRCH):
                return False
    return True


@njit(cache=True, nogil=True)
def _by_water(grid, x, z, y):
    return (
        grid[(x + 1) & WRAP, z, y] == _WATER
        or grid[(x - 1) & WRAP, z, y] == _WATER
        or grid[x, (z + 1) & WRAP, y] == _WATER
        or grid[x, (z - 1) & WRAP, y] == _WATER
    )


@njit(cache=True, nogil=True)
def _dry(stream, grid, x, z, y):
    """A plant on sand."""
    dice = uniform(stream)
    if dice < 0.004:
        for cy in range(y + 1, y + 2 + below(stream, 3)):
            grid[x, z, cy] = _CACTUS
    elif dice < 0.016:
        grid[x, z, y + 1] = _BUSH


@njit(cache=True, nogil=True)
def _green(stream, grid, x, z, y, biome):
    """A plant on grass."""
    dice = uniform(stream)
    tree = 0.0014
    if biome == FOREST:
        tree = 0.03
    elif biome == HILLS:
        tree = 0.004
    if dice < tree:
        if _has_room(grid, x, z, y):
            _tree(stream, grid, x, z, y + 1, biome == FOREST and below(stream, 5) == 0)
    elif dice < tree + 0.07 * (1.0 if biome == PLAINS else 0.5):
        grid[x, z, y + 1] = _TALL
    elif dice > 0.994:
        grid[x, z, y + 1] = _YELLOW if below(stream, 2) == 0 else _RED
    elif dice > 0.9938:
        grid[x, z, y + 1] = _PUMPKIN


@njit(cache=True, nogil=True)
def plant(stream, grid, biome, top):
    """Set plants on every column whose ground bears them."""
    for x in range(SIZE):
        for z in range(SIZE):
            y = top[x, z]
            if y < SEA or y > HEIGHT - 12 or grid[x, z, y + 1] != _AIR:
                continue
            ground = grid[x, z, y]
            if (ground in (_SAND, _GRASS)) and y == SEA and _by_water(grid, x, z, y) and uniform(stream) < 0.06:
                for cy in range(y + 1, y + 3 + below(stream, 2)):
                    grid[x, z, cy] = _REEDS
            elif ground == _SAND and biome[x, z] == DESERT:
                _dry(stream, grid, x, z, y)
            elif ground == _GRASS:
                _green(stream, grid, x, z, y, biome[x, z])
