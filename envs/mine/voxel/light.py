"""Light: sky light falls straight down and spreads with a loss of one per block, torch light spreads alike.

``light`` is (SIZE, SIZE, HEIGHT) uint8: sky light 0 to 15 in the low four bits, torch light in the high four.
"""

import threading

import numpy as np
from numba import njit

from papergym.envs.mine.voxel import blocks
from papergym.envs.mine.voxel.terrain import HEIGHT, SIZE, WRAP

_DIMS, _GLOWS = blocks.DIMS, blocks.GLOWS
_ROOM = 1 << 21  # places of the queue, a power of two; more than the cells that light can wait in
_LOCAL = threading.local()


def queue() -> np.ndarray:
    """(_ROOM,) int32 room for the queue, one for each thread."""
    if not hasattr(_LOCAL, "queue"):
        _LOCAL.queue = np.empty(_ROOM, np.int32)
    return _LOCAL.queue


@njit(cache=True, nogil=True)
def _spread(grid, light, queue, tail, shift):
    """Breadth-first flood from the first ``tail`` cells of the queue; ``shift`` is 0 for sky light, 4 for torch light."""
    head, mask = 0, _ROOM - 1
    while head < tail:
        code = queue[head & mask]
        head += 1
        x, z, y = code >> 15, (code >> 7) & 255, code & 127
        level = (light[x, z, y] >> shift) & 15
        if level <= 1:
            continue
        for side in range(6):
            px, pz, py = x, z, y
            if side == 0:
                px = (x + 1) & WRAP
            elif side == 1:
                px = (x - 1) & WRAP
            elif side == 2:
                pz = (z + 1) & WRAP
            elif side == 3:
                pz = (z - 1) & WRAP
            elif side == 4:
                py = y + 1
            else:
                py = y - 1
            if py < 0 or py >= HEIGHT:
                continue
            reach = np.int64(level) - max(np.int64(_DIMS[grid[px, pz, py]]), 1)
            if reach > ((light[px, pz, py] >> shift) & 15):
                light[px, pz, py] = (light[px, pz, py] & (240 >> shift)) | (reach << shift)
                queue[tail & mask] = (px << 15) | (pz << 7) | py
                tail += 1


@njit(cache=True, nogil=True)
def _open_to(grid, x, z):
    """Lowest cell of a column under the open sky: nothing above it dims light."""
    y = HEIGHT
    while y > 0 and _DIMS[grid[x, z, y - 1]] == 0:
        y -= 1
    return y


@njit(cache=True, nogil=True)
def shine(grid, light, roof, queue):
    """Light a new world; ``roof`` (SIZE, SIZE) uint8 receives the lowest cell under the open sky of each column."""
    for x in range(SIZE):
        for z in range(SIZE):
            roof[x, z] = _open_to(grid, x, z)
            light[x, z, : roof[x, z]] = 0
            light[x, z, roof[x, z] :] = 15
    tail = 0
    for x in range(SIZE):
        for z in range(SIZE):
            here = np.int64(roof[x, z])
            edge = max(
                max(np.int64(roof[(x + 1) & WRAP, z]), np.int64(roof[(x - 1) & WRAP, z])),
                max(np.int64(roof[x, (z + 1) & WRAP]), np.int64(roof[x, (z - 1) & WRAP])),
            )
            for y in range(here, min(max(edge, here + 1), HEIGHT)):
                queue[tail] = (x << 15) | (z << 7) | y
                tail += 1
    _spread(grid, light, queue, tail, 0)


@njit(cache=True, nogil=True)
def relight(grid, light, roof, queue, x, z, y):
    """Make the light right again after the cell (x, z, y) changed: darken the cells it can reach, then flood them anew."""
    reach = 15
    low, high = max(y - reach, 0), min(y + reach, HEIGHT - 1)
    if y + 1 >= roof[x, z]:  # the sky above the column changes
        low = 0
        roof[x, z] = _open_to(grid, x, z)
    for i in range(-reach, reach + 1):
        for k in range(-reach, reach + 1):
            px, pz = (x + i) & WRAP, (z + k) & WRAP
            open_to = np.int64(roof[px, pz])
            for j in range(low, high + 1):
                light[px, pz, j] = 15 if j >= open_to else 0
    tail = 0
    for i in range(-reach - 1, reach + 2):
        for k in range(-reach - 1, reach + 2):
            px, pz = (x + i) & WRAP, (z + k) & WRAP
            for j in range(max(low - 1, 0), min(high + 2, HEIGHT)):
                glow = _GLOWS[grid[px, pz, j]]
                if glow > 0:
                    light[px, pz, j] = (light[px, pz, j] & 15) | (glow << 4)
                if light[px, pz, j] != 0:
                    queue[tail] = (px << 15) | (pz << 7) | j
                    tail += 1
    _spread(grid, light, queue, tail, 0)
    _spread(grid, light, queue, tail, 4)


@njit(cache=True, nogil=True)
def brighten(grid, light, roof, queue, x, z, y):
    """As :func:`relight`, for a cell that became emptier and did not glow: light only grows, from the cell's neighbours."""
    if y + 1 >= roof[x, z]:
        roof[x, z] = _open_to(grid, x, z)
        for j in range(np.int64(roof[x, z]), y + 1):
            light[x, z, j] = (light[x, z, j] & 240) | 15
    tail = 0
    for i, k, j in ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)):
        py = y + j
        if 0 <= py < HEIGHT:
            queue[tail] = (((x + i) & WRAP) << 15) | (((z + k) & WRAP) << 7) | py
            tail += 1
    for j in range(np.int64(roof[x, z]), y + 1):
        queue[tail] = (x << 15) | (z << 7) | j
        tail += 1
    _spread(grid, light, queue, tail, 0)
    _spread(grid, light, queue, tail, 4)
