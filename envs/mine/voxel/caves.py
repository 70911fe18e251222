"""Caves and veins of ore."""

import numpy as np
from numba import njit

from papergym.envs.mine.voxel import blocks
from papergym.envs.mine.voxel.noise import below, noise3
from papergym.envs.mine.voxel.terrain import HEIGHT, SEA, SIZE, WRAP

_STEP = 4  # blocks between the points where the cave noise is evaluated
_CELL_XZ, _CELL_Y = 32.0, 20.0  # blocks per lattice cell of the cave noise
_WIDTH = 0.085  # a cell is hollow where both noises are closer to zero than this
_FLOOR = 6
_AIR, _STONE = blocks.AIR, blocks.STONE

VEINS = np.array(
    [  # block, veins per 16x16 columns, longest vein, lowest and highest cell
        [blocks.ID["dirt"], 8, 24, 4, 80],
        [blocks.ID["gravel"], 5, 24, 4, 80],
        [blocks.ID["coal_ore"], 20, 15, 4, 92],
        [blocks.ID["iron_ore"], 20, 9, 4, 84],  # the game stops at 64; up to 84 veins show in hillsides too
        [blocks.ID["gold_ore"], 2, 9, 4, 32],
        [blocks.ID["redstone_ore"], 8, 8, 4, 16],
        [blocks.ID["lapis_ore"], 1, 7, 4, 31],
        [blocks.ID["diamond_ore"], 1, 8, 4, 16],
    ],
    np.int64,
)


@njit(cache=True, nogil=True)
def _field(perm, m):
    """(n, n, m) noise on the coarse points; n counts x and z, m counts y. Those below the lowest cave are left out."""
    n = SIZE // _STEP
    field = np.empty((n, n, m), np.float32)
    period = SIZE // 32
    for i in range(n):
        for k in range(n):
            for j in range(_FLOOR // _STEP, m):
                field[i, k, j] = noise3(perm, i * _STEP / _CELL_XZ, j * _STEP / _CELL_Y, k * _STEP / _CELL_XZ, period)
    return field


@njit(cache=True, nogil=True)
def _corners(field, i, k, j, out):
    """Copy the eight values around a coarse cell; True where they keep away from zero."""
    wrap = SIZE // _STEP - 1
    low, high = np.float32(9.0), np.float32(-9.0)
    for a in range(2):
        for c in range(2):
            for b in range(2):
                value = field[(i + a) & wrap, (k + c) & wrap, j + b]
                out[a, c, b] = value
                low, high = min(low, value), max(high, value)
    return low > _WIDTH or high < -_WIDTH


@njit(cache=True, nogil=True)
def _ends(c, u, w):
    """Interpolation of the four lower and of the four upper corners."""
    near = (c[0, 0, 0] * (1 - u) + c[1, 0, 0] * u) * (1 - w) + (c[0, 1, 0] * (1 - u) + c[1, 1, 0] * u) * w
    far = (c[0, 0, 1] * (1 - u) + c[1, 0, 1] * u) * (1 - w) + (c[0, 1, 1] * (1 - u) + c[1, 1, 1] * u) * w
    return near, far


@njit(cache=True, nogil=True)
def carve(perm, grid, top):
    """Hollow out the caves: cells where two noises are both near zero. Ground under water keeps a roof of six cells."""
    highest = np.int64(0)
    for x in range(SIZE):
        for z in range(SIZE):
            highest = max(highest, np.int64(top[x, z]))
    layers = min(highest // _STEP + 1, HEIGHT // _STEP)  # above all ground there is nothing to hollow out
    first, second = _field(perm[0], layers + 1), _field(perm[3], layers + 1)
    a, b = np.empty((2, 2, 2), np.float32), np.empty((2, 2, 2), np.float32)
    coarse = SIZE // _STEP
    for i in range(coarse):
        for k in range(coarse):
            for j in range(_FLOOR // _STEP, layers):
                if _corners(first, i, k, j, a) or _corners(second, i, k, j, b):
                    continue
                _hollow(grid, top, a, b, i, k, j)


@njit(cache=True, nogil=True)
def _hollow(grid, top, a, b, i, k, j):
    for dx in range(_STEP):
        for dz in range(_STEP):
            x, z = i * _STEP + dx, k * _STEP + dz
            roof = np.int64(top[x, z])
            if roof <= SEA + 1:
                roof -= 6
            u, w = dx / _STEP, dz / _STEP
            near_p, far_p = _ends(a, u, w)
            near_q, far_q = _ends(b, u, w)
            for y in range(max(j * _STEP, _FLOOR), min((j + 1) * _STEP, roof + 1)):
                v = (y - j * _STEP) / _STEP
                p, q = near_p * (1 - v) + far_p * v, near_q * (1 - v) + far_q * v
                if p * p + q * q < _WIDTH * _WIDTH:
                    grid[x, z, y] = _AIR


@njit(cache=True, nogil=True)
def settle(grid, top):
    """Lower ``top`` where a cave opens to the sky."""
    for x in range(SIZE):
        for z in range(SIZE):
            y = np.int64(top[x, z])
            while y > 0 and grid[x, z, y] == _AIR:
                y -= 1
            top[x, z] = y


@njit(cache=True, nogil=True)
def ores(stream, grid, veins):
    """Grow veins as random walks through stone."""
    patches = (SIZE // 16) * (SIZE // 16)
    for row in range(veins.shape[0]):
        block, per_patch, longest, low, high = veins[row]
        for _ in range(patches * per_patch):
            x, z = below(stream, SIZE), below(stream, SIZE)
            y = low + below(stream, high - low)
            for _ in range(longest // 2 + below(stream, longest // 2 + 1)):
                if grid[x, z, y] == _STONE:
                    grid[x, z, y] = block
                axis, way = below(stream, 3), 2 * below(stream, 2) - 1
                if axis == 0:
                    x = (x + way) & WRAP
                elif axis == 1:
                    z = (z + way) & WRAP
                else:
                    y = min(max(y + way, low), high)
