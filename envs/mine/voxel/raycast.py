"""The ray caster: one ray per pixel walks the grid, leaps over open ground, and stops at the first opaque texel.

No fastmath: the same state gives the same picture in every process. Distances along a ray are in units of depth (blocks
along the view axis), since ray directions reach the plane one block ahead.
"""

import numpy as np

from papergym.envs.mine.voxel import blocks, textures
from papergym.envs.mine.voxel.kernel import kernel
from papergym.envs.mine.voxel.terrain import HEIGHT, WRAP

_WATER = blocks.WATER
_AIR, _CUBE, _CUTOUT, _CROSS = blocks.SHAPE_AIR, blocks.SHAPE_CUBE, blocks.SHAPE_CUTOUT, blocks.SHAPE_CROSS
_SHAPE, _FACES = blocks.SHAPE, textures.FACES
_START = textures.LEVEL_START
SURFACE = 0.875  # height of a water surface in its cell
FAR = 1e9
FACE_LIGHT = np.array([0.62, 1.0, 0.8, 0.5])  # sides along x, top, sides along z, bottom

# Columns of the camera array.
EYE, FORWARD, RIGHT, UP, TAN, VIEW, CAMERA = 0, 3, 6, 9, 12, 14, 15
# Columns of the sky array: zenith and horizon colour, sun direction in the x-y plane, brightness of the discs.
ZENITH, HORIZON, SUN, DISC, SKY = 0, 3, 6, 8, 10


@kernel
def texel(atlas, texture, level, u, v):
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
def _face(block, axis, up, px, py, pz):
    """(texture, u, v) of a point on a face of a cube; the point is relative to the cell."""
    if axis == 1:
        return _FACES[block, 2 if up else 0], px, pz
    if axis == 0:
        return _FACES[block, 1], pz, 1.0 - py
    return _FACES[block, 3 if up else 1], px, 1.0 - py


@kernel
def _cross(atlas, block, t, lod, px, py, pz, dx, dy, dz):
    """(t, texel) where a ray meets the planes of a plant, t < 0 if nowhere; p is relative to the cell, at ray distance 0."""
    best, found = -1.0, 0
    texture, level = _FACES[block, 1], min(level_of(t, lod), 2)
    for plane in range(2):
        slope = dx - dz if plane == 0 else dx + dz
        gap = (pz - px) if plane == 0 else (1.0 - px - pz)
        if abs(slope) < 1e-9:
            continue
        at = gap / slope
        x, y = px + dx * at, py + dy * at
        if at < t - 1e-9 or not (0.08 < x < 0.92 and 0.0 <= y < 1.0) or (best >= 0.0 and at > best):
            continue
        spot = texel(atlas, texture, level, (x - 0.08) / 0.84, 1.0 - y)
        if atlas[texture, spot, 3] > 0:
            best, found = at, spot
    return best, found


@kernel
def trace(grid, tops, ceiling, atlas, ox, oy, oz, dx, dy, dz, reach, lod, hit, wet):  # noqa: C901, D417  # one hot loop
    """Walk one ray.

    Over a tile of columns whose blocks all lie below the ray, it leaps to the end of the tile; else it goes cell by cell.

    Args:
        grid, tops: arrays of :class:`.grid.Grid`.
        ceiling: highest filled cell of the world.
        atlas: textures.
        ox, oy, oz: start; dx, dy, dz: direction.
        reach: largest distance.
        lod: see level_of.
        hit: (10,) int64, receives cell x, y, z, block, axis (3 for plants), texture, texel, and the lit cell x, y, z.
        wet: (4,) float64, receives distance at which water begins, length in water, lit-cell code of its surface, texel.

    Returns:
        Distance to the hit, FAR if there is none.
    """
    wet[0], wet[1] = FAR, 0.0
    if abs(dx) < 1e-9:
        dx = 1e-9
    if abs(dy) < 1e-9:
        dy = 1e-9
    if abs(dz) < 1e-9:
        dz = 1e-9
    ix, iy, iz = 1.0 / dx, 1.0 / dy, 1.0 / dz
    sx, sy, sz = (1 if dx > 0 else -1), (1 if dy > 0 else -1), (1 if dz > 0 else -1)
    kx, ky, kz = (1 if dx > 0 else 0), (1 if dy > 0 else 0), (1 if dz > 0 else 0)
    edge_x, edge_z = 3 - 3 * kx, 3 - 3 * kz  # column of a tile in which a ray enters it
    t, axis = 0.0, 1
    if oy >= HEIGHT:
        if dy > 0:
            return FAR
        t = (HEIGHT - oy) * iy + 1e-9
    cx, cy, cz = np.int64(np.floor(ox + dx * t)), np.int64(np.floor(oy + dy * t)), np.int64(np.floor(oz + dz * t))
    if cy < 0 or cy >= HEIGHT or t > reach:
        return FAR
    tx, ty, tz = (cx + kx - ox) * ix, (cy + ky - oy) * iy, (cz + kz - oz) * iz
    jx, jy, jz = abs(ix), abs(iy), abs(iz)
    inside = grid[cx & WRAP, cz & WRAP, cy] == _WATER
    if inside:
        wet[0], wet[2], wet[3] = 0.0, -1.0, 0.0
    entered, fresh = 0.0, True
    while True:
        block = grid[cx & WRAP, cz & WRAP, np.uint64(cy)]
        shape = _SHAPE[block]
        if shape == _AIR:
            if inside:
                wet[1] += t - entered
                inside = False
            if fresh:
                top = tops[(cx & WRAP) >> 2, (cz & WRAP) >> 2]
                small = np.int64(top & 255)
                if cy > small:
                    if dy > 0 and cy > ceiling:
                        return FAR
                    wide, y = np.int64(top >> 8), oy + dy * t
                    size = 16 if y >= wide + 1 else 4
                    ex = ((cx & -size) + size * kx - ox) * ix
                    ez = ((cz & -size) + size * kz - oz) * iz
                    y = oy + dy * min(ex, ez)
                    if size == 16 and y < wide + 1:
                        size = 4
                        ex, ez = ((cx & -4) + 4 * kx - ox) * ix, ((cz & -4) + 4 * kz - oz) * iz
                        y = oy + dy * min(ex, ez)
                    if y >= small + 1:
                        bx, bz = cx & -size, cz & -size
                        if ex < ez:
                            axis, t, cx = 0, ex, bx + size * kx - (1 - kx)
                            cz = min(max(np.int64(np.floor(oz + dz * t)), bz), bz + size - 1)
                        else:
                            axis, t, cz = 2, ez, bz + size * kz - (1 - kz)
                            cx = min(max(np.int64(np.floor(ox + dx * t)), bx), bx + size - 1)
                        cy = np.int64(np.floor(y))
                        if t > reach or cy >= HEIGHT:
                            return FAR
                        tx, ty, tz = (cx + kx - ox) * ix, (cy + ky - oy) * iy, (cz + kz - oz) * iz
                        continue
        elif shape in (_CUBE, _CUTOUT):
            px, py, pz = ox + dx * t - cx, oy + dy * t - cy, oz + dz * t - cz
            texture, u, v = _face(block, axis, sy > 0 if axis == 1 else sz > 0, px, py, pz)
            spot = texel(atlas, texture, level_of(t, lod), u, v)
            if shape == _CUBE or (atlas[texture, spot, 3] > 0 and t > 0.0):
                hit[0], hit[1], hit[2], hit[3], hit[4] = cx, cy, cz, block, axis
                hit[5], hit[6] = texture, spot
                hit[7], hit[8], hit[9] = cx, cy, cz
                hit[7 + axis] -= sx if axis == 0 else (sy if axis == 1 else sz)
                if axis == 1 and sy > 0:
                    hit[4] = 4  # seen from below
                break
            if inside:
                wet[1] += t - entered
                inside = False
        elif shape == _CROSS:
            at, spot = _cross(atlas, block, t, lod, ox - cx, oy - cy, oz - cz, dx, dy, dz)
            if at >= 0.0:
                hit[0], hit[1], hit[2], hit[3], hit[4] = cx, cy, cz, block, 3
                hit[5], hit[6] = _FACES[block, 1], spot
                hit[7], hit[8], hit[9] = cx, cy, cz
                t = at
                break
        elif not inside:
            start = t
            if (cy + 1 >= HEIGHT or grid[cx & WRAP, cz & WRAP, cy + 1] != _WATER) and oy + dy * t > cy + SURFACE:
                start = (cy + SURFACE - oy) * iy if dy < 0 else FAR
            if start <= min(tx, min(ty, tz)):
                inside, entered = True, start
                if wet[0] == FAR:
                    wet[0] = start
                    lx, ly, lz = cx, cy, cz
                    if start > t or axis == 1:
                        ly = min(cy + 1, HEIGHT - 1)
                    elif axis == 0:
                        lx -= sx
                    else:
                        lz -= sz
                    wet[2] = ((lx & WRAP) << 15) | ((lz & WRAP) << 7) | ly
                    u, v = ox + dx * start, oz + dz * start
                    wet[3] = texel(atlas, _FACES[_WATER, 0], level_of(start, lod), u - np.floor(u), v - np.floor(v))
        if tx < ty and tx < tz:
            t, axis = tx, 0
            cx += sx
            tx += jx
            fresh = (cx & 3) == edge_x
        elif ty < tz:
            t, axis = ty, 1
            cy += sy
            ty += jy
            if cy < 0 or cy >= HEIGHT:
                t = FAR
                break
            fresh = sy > 0
        else:
            t, axis = tz, 2
            cz += sz
            tz += jz
            fresh = (cz & 3) == edge_z
        if t > reach:
            t = FAR
            break
    if inside:
        wet[1] += min(t, reach) - entered
    return t
