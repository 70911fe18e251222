"""Intersections of a ray: faces of cubes, holes in leaves, and the surface of water."""

import numpy as np

from papergym.envs.mine.voxel import blocks, textures
from papergym.envs.mine.voxel.kernel import kernel
from papergym.envs.mine.voxel.march import CELL_X, CELL_Y, CELL_Z, INV_X, INV_Y, INV_Z, START_X, START_Y, START_Z
from papergym.envs.mine.voxel.terrain import HEIGHT, WRAP

_CUBE = blocks.SHAPE_CUBE
_SHAPE, _FACES = blocks.SHAPE, textures.FACES
_START = textures.LEVEL_START
_ONE = np.float32(1)
SURFACE = 0.875  # height of a water surface in its cell


@kernel
def texel(texture, level, u, v):
    """Index of the texel at (u, v) in 0..1 of a level."""
    n = 16 >> level
    return _START[level] + min(max(np.int64(v * n), 0), n - 1) * n + min(max(np.int64(u * n), 0), n - 1)


@kernel
def level_of(t, lod):
    """Texture level for something at depth ``t``; ``lod`` holds the depths at which levels 1 to 4 begin."""
    if t < lod[1]:
        return 0 if t < lod[0] else 1
    return 2 if t < lod[2] else (3 if t < lod[3] else 4)


@kernel
def face(block, axis, up, px, py, pz):
    """(texture, u, v) of a point on a face of a cube; the point is relative to the cell."""
    if axis == 1:
        return _FACES[block, 2 if up else 0], px, pz
    if axis == 0:
        return _FACES[block, 1], pz, 1.0 - py
    return _FACES[block, 3 if up else 1], px, 1.0 - py


@kernel
def _open(grid, x, y, z):
    """Whether a face towards this cell can be seen."""
    return y < 0 or y >= HEIGHT or _SHAPE[grid[x & WRAP, z & WRAP, y]] != _CUBE


@kernel
def entry(grid, rays, i, x, y, z, sx, sy, sz):
    """Distance at which ray i enters its cell (x, y, z), and the axis that it crosses; 0 and 1 in the cell of the eye."""
    tx = (rays[CELL_X + i] - rays[START_X + i]) * rays[INV_X + i]
    ty = (rays[CELL_Y + i] - rays[START_Y + i]) * rays[INV_Y + i]
    tz = (rays[CELL_Z + i] - rays[START_Z + i]) * rays[INV_Z + i]
    t = max(tx, max(ty, tz))
    if t <= 0.0:
        return np.float32(0.0), 1
    axis, near = (1 if ty == t else (0 if tx == t else 2)), t - np.float32(1e-4)
    if (tx > near) + (ty > near) + (tz > near) > 1:  # by an edge: rounding may have named the face between two cubes
        if ty > near and _open(grid, x, y - sy, z):
            axis = 1
        elif tx > near and _open(grid, x - sx, y, z):
            axis = 0
        elif tz > near and _open(grid, x, y, z - sz):
            axis = 2
    return t, axis


@kernel
def leave(rays, i):
    """Distance at which ray i leaves its cell."""
    tx = (rays[CELL_X + i] + _ONE - rays[START_X + i]) * rays[INV_X + i]
    ty = (rays[CELL_Y + i] + _ONE - rays[START_Y + i]) * rays[INV_Y + i]
    tz = (rays[CELL_Z + i] + _ONE - rays[START_Z + i]) * rays[INV_Z + i]
    return min(tx, min(ty, tz))
