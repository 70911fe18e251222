"""What a ray hits: blocks by walking the grid, animals by their boxes."""

import numpy as np
from numba import njit

from papergym.envs.mine.voxel import blocks
from papergym.envs.mine.voxel.physics import TALL, WIDTH, X, Y, Z
from papergym.envs.mine.voxel.terrain import HEIGHT, WRAP

_AIR, _LIQUID, _SHAPE = blocks.SHAPE_AIR, blocks.SHAPE_LIQUID, blocks.SHAPE
BLOCK_REACH, ENTITY_REACH = 4.5, 3.0


@njit(cache=True, nogil=True)
def pick_block(grid, ox, oy, oz, dx, dy, dz, reach, liquids, cell):
    """First block that a ray meets.

    Args:
        grid: blocks.
        ox: start x.
        oy: start y.
        oz: start z.
        dx: unit direction, x.
        dy: unit direction, y.
        dz: unit direction, z.
        reach: longest distance.
        liquids: whether water counts.
        cell: (6,) int64, receives the block's cell and the free cell in front of the face that was met.

    Returns:
        Distance, or -1 if nothing is in reach.
    """
    cx, cy, cz = np.int64(np.floor(ox)), np.int64(np.floor(oy)), np.int64(np.floor(oz))
    sx, sy, sz = (1 if dx > 0 else -1), (1 if dy > 0 else -1), (1 if dz > 0 else -1)
    jx, jy, jz = 1.0 / max(abs(dx), 1e-9), 1.0 / max(abs(dy), 1e-9), 1.0 / max(abs(dz), 1e-9)
    tx = abs(cx + (1 if dx > 0 else 0) - ox) * jx
    ty = abs(cy + (1 if dy > 0 else 0) - oy) * jy
    tz = abs(cz + (1 if dz > 0 else 0) - oz) * jz
    px, py, pz = cx, cy, cz
    t = 0.0
    while t <= reach:
        if 0 <= cy < HEIGHT:
            shape = _SHAPE[grid[cx & WRAP, cz & WRAP, cy]]
            if shape != _AIR and (liquids or shape != _LIQUID):
                cell[0], cell[1], cell[2], cell[3], cell[4], cell[5] = cx, cy, cz, px, py, pz
                return t
        px, py, pz = cx, cy, cz
        if tx < ty and tx < tz:
            t, cx, tx = tx, cx + sx, tx + jx
        elif ty < tz:
            t, cy, ty = ty, cy + sy, ty + jy
        else:
            t, cz, tz = tz, cz + sz, tz + jz
    return -1.0


@njit(cache=True, nogil=True)
def _slab(origin, way, low, high, near, far):
    if abs(way) < 1e-12:
        return (near, far) if low <= origin <= high else (1.0, -1.0)
    a, b = (low - origin) / way, (high - origin) / way
    return max(near, min(a, b)), min(far, max(a, b))


@njit(cache=True, nogil=True)
def pick_body(bodies, count, ox, oy, oz, dx, dy, dz, reach):
    """First of ``count`` bodies that a ray meets: (index, distance), or (-1, -1.0). Boxes are 0.1 wider, as in the game."""
    best, found = reach, -1
    for i in range(count):
        body = bodies[i]
        half = body[WIDTH] / 2 + 0.1
        near, far = _slab(ox, dx, body[X] - half, body[X] + half, 0.0, best)
        near, far = _slab(oy, dy, body[Y] - 0.1, body[Y] + body[TALL] + 0.1, near, far)
        near, far = _slab(oz, dz, body[Z] - half, body[Z] + half, near, far)
        if near <= far:
            best, found = near, i
    return found, (best if found >= 0 else -1.0)
