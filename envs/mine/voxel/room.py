"""Free distance around each cell: how far it is to the nearest cell of another kind, which a ray can skip.

There are three kinds: air, water, and everything else; plants count as air, see :mod:`.crosses`. A cell whose room is r lies amid a cube of (2 r - 1)^3 cells of its
kind, which a ray crosses in one step. Room is a function of the blocks alone, so that a restored world draws the same image.
"""

import threading

import numpy as np
from numba import njit

from papergym.envs.mine.voxel import blocks
from papergym.envs.mine.voxel.terrain import HEIGHT, SIZE, WRAP

REACH = 4
"""Largest free distance that is stored; larger ones save rays almost nothing."""
IN_WATER = 128
"""Added to the room of water. Filled cells have room 0."""
X_SHIFT, Z_SHIFT, TALL = 15, 7, 128
"""The room of a cell is at ``x << X_SHIFT | z << Z_SHIFT | y``; the places from HEIGHT to TALL are not used."""
END = SIZE * SIZE * TALL
OPEN = END + 1
"""Places of two more cells: a filled one where rays end, and an open one that stands for all that is above the world."""
_WATER = np.uint8(blocks.WATER)
_AIR, _WET, _FILLED = np.uint8(1), np.uint8(2), np.uint8(4)  # bits of the kinds
_NONE, _MIXED, _FREE, _IN_WATER = np.uint8(0), np.uint8(1), np.uint8(REACH), np.uint8(IN_WATER)
_TILE = 64
_CROSSES = tuple((np.uint8(first), np.uint8(count)) for first, count in blocks.runs(blocks.SHAPE_CROSS))
_LOCAL = threading.local()


def work() -> np.ndarray:
    """Room to work in, one for each thread; what it holds between two calls means nothing."""
    if not hasattr(_LOCAL, "work"):
        _LOCAL.work = np.empty((3, _TILE + 2 * REACH, _TILE + 2 * REACH, HEIGHT + 4 * REACH), np.uint8)
    return _LOCAL.work


def empty() -> np.ndarray:
    """Room of an empty world."""
    room = np.full(END + 2, REACH, np.uint8)
    room[END], room[OPEN] = 0, 1
    return room


@njit(cache=True, nogil=True)
def _kinds(grid, out, x0, z0, y0, shape):
    """A bit for the kind of each cell of a box: 1 air, 2 water, 4 filled, which all below the world is."""
    bottom, top = min(max(-y0, 0), shape[2]), min(HEIGHT - y0, shape[2])
    for i in range(shape[0]):
        for k in range(shape[1]):
            column, to = grid[(x0 + i) & WRAP, (z0 + k) & WRAP][y0 + bottom : y0 + top], out[i, k]
            to[:bottom], to[top : shape[2]] = 4, 1
            inside = to[bottom:top]
            for j in range(top - bottom):
                kind = _FILLED if column[j] != _WATER else _WET
                inside[j] = kind if column[j] != 0 else _AIR
            for first, count in _CROSSES:
                for j in range(top - bottom):
                    inside[j] = _AIR if np.uint8(column[j] - first) < count else inside[j]


@njit(cache=True, nogil=True)
def _mingle(a, b, shape, axis):
    """B = the bits of each cell and of its two neighbours along an axis."""
    di, dk, dj = int(axis == 0), int(axis == 1), int(axis == 2)
    n = shape[2] - 2 * dj
    for i in range(di, shape[0] - di):
        for k in range(dk, shape[1] - dk):
            before, after = a[i - di, k - dk][:n], a[i + di, k + dk][2 * dj : 2 * dj + n]
            own, to = a[i, k][dj : dj + n], b[i, k][dj : dj + n]
            for j in range(n):
                to[j] = own[j] | before[j] | after[j]


@njit(cache=True, nogil=True)
def _near(a, b, shape, axis):
    """B = the least of max(a, d + 1) over the cells at distances d of 0 to 2 along an axis."""
    di, dk, dj = int(axis == 0), int(axis == 1), int(axis == 2)
    n, one, two = shape[2] - 4 * dj, np.uint8(2), np.uint8(3)
    for i in range(2 * di, shape[0] - 2 * di):
        for k in range(2 * dk, shape[1] - 2 * dk):
            first, last = a[i - 2 * di, k - 2 * dk][:n], a[i + 2 * di, k + 2 * dk][4 * dj : 4 * dj + n]
            before, after = a[i - di, k - dk][dj : dj + n], a[i + di, k + dk][3 * dj : 3 * dj + n]
            own, to = a[i, k][2 * dj : 2 * dj + n], b[i, k][2 * dj : 2 * dj + n]
            for j in range(n):
                to[j] = min(own[j], min(max(min(before[j], after[j]), one), max(min(first[j], last[j]), two)))


@njit(cache=True, nogil=True)
def fit(grid, room, work, x0, z0, y0, nx, nz, ny):
    """Measure the room of the cells of a box of at most _TILE x _TILE columns; ``y0`` and ``y0 + ny`` lie within the world."""
    kind, a, b = work[0], work[1], work[2]
    shape = (nx + 2 * REACH, nz + 2 * REACH, ny + 2 * REACH)
    _kinds(grid, kind, x0 - REACH, z0 - REACH, y0 - REACH, shape)
    _mingle(kind, a, shape, 2)
    _mingle(a, b, shape, 1)
    _mingle(b, a, shape, 0)
    for i in range(shape[0]):
        for k in range(shape[1]):
            own, bits = kind[i, k][: shape[2]], a[i, k][: shape[2]]
            for j in range(shape[2]):
                bits[j] = _FREE if bits[j] == own[j] else _MIXED
    _near(a, b, shape, 2)
    _near(b, a, shape, 1)
    _near(a, b, shape, 0)
    for i in range(nx):
        for k in range(nz):
            place = (((x0 + i) & WRAP) << X_SHIFT) | (((z0 + k) & WRAP) << Z_SHIFT) | y0
            own, far = kind[i + REACH, k + REACH][REACH : REACH + ny], b[i + REACH, k + REACH][REACH : REACH + ny]
            to = room[place : place + ny]
            for j in range(ny):
                wet = far[j] | _IN_WATER if own[j] == _WET else _NONE
                to[j] = far[j] if own[j] == _AIR else wet


@njit(cache=True, nogil=True)
def fit_all(grid, room, work):
    """Measure the whole world; returns the highest cell that is not air."""
    ceiling = 0
    for x in range(SIZE):
        for z in range(SIZE):
            y = HEIGHT - 1
            while y > ceiling and grid[x, z, y] == 0:
                y -= 1
            ceiling = max(ceiling, y)
    tall = min(ceiling + REACH, HEIGHT)  # higher cells have the largest room
    for x in range(0, SIZE, _TILE):
        for z in range(0, SIZE, _TILE):
            fit(grid, room, work, x, z, 0, _TILE, _TILE, tall)
    for x in range(SIZE):
        for z in range(SIZE):
            place = (x << X_SHIFT) | (z << Z_SHIFT)
            room[place + tall : place + HEIGHT] = REACH
    return ceiling


@njit(cache=True, nogil=True)
def fit_near(grid, room, work, x, z, y):
    """Measure again what a change of the cell (x, z, y) may have touched."""
    bottom, top = max(y - REACH + 1, 0), min(y + REACH, HEIGHT)
    edge = 2 * REACH - 1
    fit(grid, room, work, x - REACH + 1, z - REACH + 1, bottom, edge, edge, top - bottom)
