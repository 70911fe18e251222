"""Cheapest paths over land, through water and through stone: Dijkstra's algorithm on the cells in which a player can stand."""

import heapq

import numpy as np
from numba import njit

from papergym.envs.mine.voxel import blocks
from papergym.envs.mine.voxel.terrain import HEIGHT, SIZE, WRAP

_SOLID, _WATER, _HARDNESS = blocks.SOLID, blocks.WATER, blocks.HARDNESS
WALK, DIG, SWIM, CLIMB = 5, 7, 5, 3  # steps that each takes, about
_DROP = 4  # blocks that one may fall
_SIDES = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])


@njit(cache=True)
def _clear_cost(grid, x, z, y):
    """Steps to empty a cell, -1 if that is impossible."""
    if y >= HEIGHT:
        return 0
    block = grid[x, z, y]
    if not _SOLID[block]:
        return 0
    return DIG if y > 0 and _HARDNESS[block] >= 0 else -1


@njit(cache=True)
def _landing(grid, x, z, y):
    """Feet cell after stepping into (x, y, z) and falling, -1 if too deep."""
    for drop in range(_DROP + 1):
        low = y - drop
        if low < 1:
            return -1
        if grid[x, z, low] == _WATER or _SOLID[grid[x, z, low - 1]]:
            return low
    return -1


@njit(cache=True)
def _move(grid, x, z, y, i, k, kind):
    """(cost, feet height) of stepping to a side: level (0), up one (1) or down one by digging (2); cost -1 if impossible."""
    px, pz = (x + i) & WRAP, (z + k) & WRAP
    wet = WALK + (SWIM if grid[x, z, y] == _WATER else 0)
    if kind == 1:
        if y + 3 >= HEIGHT or not _SOLID[grid[px, pz, y]]:
            return -1, 0
        a, b, c = _clear_cost(grid, x, z, y + 2), _clear_cost(grid, px, pz, y + 1), _clear_cost(grid, px, pz, y + 2)
        return (-1, 0) if a < 0 or b < 0 or c < 0 else (wet + CLIMB + a + b + c, y + 1)
    a, b = _clear_cost(grid, px, pz, y), _clear_cost(grid, px, pz, y + 1)
    if a < 0 or b < 0:
        return -1, 0
    if kind == 2:
        c = _clear_cost(grid, px, pz, y - 1)
        if c <= 0:
            return -1, 0
        low = _landing(grid, px, pz, y - 1)
        return (-1, 0) if low < 0 else (wet + a + b + c, low)
    low = _landing(grid, px, pz, y)
    return (-1, 0) if low < 0 else (wet + a + b + (y - low), low)


@njit(cache=True)
def _sink(grid, x, z, y):
    """(cost, feet height) of going straight down, through one block if need be; cost -1 if impossible."""
    below = _clear_cost(grid, x, z, y - 1) if y > 1 else -1
    if below < 0:
        return -1, 0
    low = _landing(grid, x, z, y - 1)
    return (-1, 0) if low < 0 else (WALK + below, low)


@njit(cache=True)
def _search(grid, goal, x, z, y, limit, came):
    """Fill ``came`` with predecessors until a goal is reached; returns its code, -1 if none is within ``limit`` steps."""
    cost = np.full((SIZE, SIZE, HEIGHT), 32000, np.int16)
    heap = [(np.int64(0), np.int64((x << 15) | (z << 7) | y))]
    cost[x, z, y] = 0
    while len(heap) > 0:
        spent, code = heapq.heappop(heap)
        cx, cz, cy = code >> 15, (code >> 7) & 255, code & 127
        if spent > cost[cx, cz, cy]:
            continue
        if goal[cx, cz, cy]:
            return code
        for side in range(5):
            i, k = (0, 0) if side == 4 else (_SIDES[side, 0], _SIDES[side, 1])
            for kind in range(3):
                step, ny = _move(grid, cx, cz, cy, i, k, kind) if side < 4 else _sink(grid, cx, cz, cy)
                total = spent + step
                if step < 0 or total > limit:
                    continue
                px, pz = (cx + i) & WRAP, (cz + k) & WRAP
                if total < cost[px, pz, ny]:
                    cost[px, pz, ny] = total
                    came[px, pz, ny] = code
                    heapq.heappush(heap, (np.int64(total), np.int64((px << 15) | (pz << 7) | ny)))
    return -1


def find_path(
    grid: np.ndarray, goal: np.ndarray, feet: tuple[int, int, int], limit: int = 20000
) -> list[tuple[int, int, int]] | None:
    """Cells (x, y, z), wrapped, from ``feet`` to the nearest goal.

    Args:
        grid: blocks.
        goal: (SIZE, SIZE, HEIGHT) bool, feet cells to reach.
        feet: start (x, y, z).
        limit: most steps.

    Returns:
        The way, both ends included, or None if no goal can be reached.
    """
    x, y, z = feet[0] & WRAP, min(max(feet[1], 1), HEIGHT - 4), feet[2] & WRAP
    came = np.empty((SIZE, SIZE, HEIGHT), np.int32)
    code = _search(grid, goal, x, z, y, limit, came)
    if code < 0:
        return None
    start, path = (x << 15) | (z << 7) | y, []
    while True:
        path.append((code >> 15, code & 127, (code >> 7) & 255))
        if code == start:
            return path[::-1]
        code = int(came[code >> 15, (code >> 7) & 255, code & 127])


def beside(wanted: np.ndarray, low: int, high: int) -> np.ndarray:
    """Feet cells with a wanted cell in a neighbouring column, ``low`` to ``high`` above the feet; (SIZE, SIZE, HEIGHT) bool."""
    column = np.zeros_like(wanted)
    for lift in range(low, high + 1):
        if lift >= 0:
            column[:, :, : HEIGHT - lift] |= wanted[:, :, lift:]
        else:
            column[:, :, -lift:] |= wanted[:, :, :lift]
    return np.roll(column, 1, 0) | np.roll(column, -1, 0) | np.roll(column, 1, 1) | np.roll(column, -1, 1)
