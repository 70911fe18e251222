"""Pixels that the first cell of their ray settles: cubes, leaves where they have no hole, plants, and the sky.

They are worked out for many rays together. :mod:`.cast` handles the other rays one by one.
"""

import numpy as np

from papergym.envs.mine.voxel import blocks, textures
from papergym.envs.mine.voxel.crosses import decode
from papergym.envs.mine.voxel.kernel import kernel
from papergym.envs.mine.voxel.march import (
    BATCH,
    BLOCK,
    BLUE_OUT,
    CELL_X,
    CELL_Y,
    CELL_Z,
    ENTRY,
    EYE,
    FAR,
    FRONT,
    GREEN_OUT,
    HERE,
    INV_X,
    INV_Y,
    INV_Z,
    LENGTH,
    PIXEL,
    PLACE,
    RED_OUT,
    SHADE,
    SIDE,
    SIDE_X,
    SIDE_Y,
    SIDE_Z,
    START_X,
    START_Y,
    START_Z,
    STATE,
    TEXEL,
    TINT,
    TINT_BLUE,
    TINT_GREEN,
    VIEW,
    WAY_X,
    WAY_Y,
    WAY_Z,
)
from papergym.envs.mine.voxel.room import END
from papergym.envs.mine.voxel.shade import FACE_LIGHT, HORIZON, PLANT, fog_share, sky_colour
from papergym.envs.mine.voxel.terrain import HEIGHT, WRAP

SKY, SOLID, LEFT = np.int32(0), np.int32(1), np.int32(2)
"""States of a ray: it shows the sky, it shows a texel, or it is left to be handled alone."""
_CUBE, _CUTOUT = blocks.SHAPE_CUBE, blocks.SHAPE_CUTOUT
_SHAPE, _FACES = blocks.SHAPE, textures.FACES
_TEXELS = textures.TEXELS
_0, _1, _2, _3, _8, _16, _24, _BYTE, _WRAP, _HEIGHT = (np.int32(n) for n in (0, 1, 2, 3, 8, 16, 24, 255, WRAP, HEIGHT))
_STEPS = tuple(np.int32(n) for n in np.diff(textures.LEVEL_START))
_TOGETHER, _FAR, _F0 = np.float32(1e-4), np.float32(FAR), np.float32(0)


@kernel
def _cell(x, y, z):
    """Number of a cell of the world in its arrays."""
    return (((x & _WRAP) << _8) | (z & _WRAP)) * _HEIGHT + y


@kernel
def _locate(rays, marks, count, eye, camera, lod):
    """Where each ray enters its cell: distance, cell, the cell before, face, texel; :func:`.raycast.entry` does it for one."""
    x0, y0, z0 = eye
    ex, ey, ez, a, b, c, d = camera[EYE], camera[EYE + 1], camera[EYE + 2], lod[0], lod[1], lod[2], lod[3]
    for i in range(np.uint64(0), np.uint64(count)):
        mx, my, mz = marks[SIDE_X + i], marks[SIDE_Y + i], marks[SIDE_Z + i]
        x = (np.int32(rays[CELL_X + i]) ^ mx) - mx + x0
        y = (np.int32(rays[CELL_Y + i]) ^ my) - my + y0
        z = (np.int32(rays[CELL_Z + i]) ^ mz) - mz + z0
        tx = (rays[CELL_X + i] - rays[START_X + i]) * rays[INV_X + i]
        ty = (rays[CELL_Y + i] - rays[START_Y + i]) * rays[INV_Y + i]
        tz = (rays[CELL_Z + i] - rays[START_Z + i]) * rays[INV_Z + i]
        t = max(tx, max(ty, tz))
        near = t - _TOGETHER
        edge = (_1 if tx > near else _0) + (_1 if ty > near else _0) + (_1 if tz > near else _0) > _1
        by_y, by_x = (ty == t) | (t <= _F0), tx == t
        edge &= t > _F0
        t = max(t, _F0)
        sx, sy, sz = _1 + _2 * mx, _1 + _2 * my, _1 + _2 * mz
        hx = ex - x + np.float64(rays[WAY_X + i]) * sx * t
        hy = ey - y + np.float64(rays[WAY_Y + i]) * sy * t
        hz = ez - z + np.float64(rays[WAY_Z + i]) * sz * t
        u = hz if by_x & (not by_y) else hx
        v = hz if by_y else 1.0 - hy
        far = _1 if t >= a else _0, _1 if t >= b else _0, _1 if t >= c else _0, _1 if t >= d else _0
        n = _16 >> (far[0] + far[1] + far[2] + far[3])
        row, column = min(max(np.int32(v * n), _0), n - _1), min(max(np.int32(u * n), _0), n - _1)
        first = far[0] * _STEPS[0] + far[1] * _STEPS[1] + far[2] * _STEPS[2] + far[3] * _STEPS[3]
        marks[TEXEL + i] = first + row * n + column
        side = (_0 if my else _2) if by_y else (_1 if by_x | (mz != _0) else _3)
        way = (_1 if my else _3) if by_y else (_0 if by_x else _2)
        fx, fy, fz = (x if by_y | (not by_x) else x - sx), (y - sy if by_y else y), (z if by_y | by_x else z - sz)
        marks[HERE + i], marks[FRONT + i] = _cell(x, y, z), _cell(fx, fy, fz)
        out = edge | (fy < _0) | (fy >= _HEIGHT)
        marks[SIDE + i] = side | (way << _2) | (_16 if out else _0)
        rays[ENTRY + i] = t


@kernel
def _gather(rays, marks, count, world, paints, plants):
    """Read what the rays show, in brightness and texels; returns how many show the sky, and how many are left."""
    grid, _, light, biome = world
    tints, atlas, lum, _, _ = paints
    at, code = plants
    skies, left = 0, 0
    for i in range(np.uint64(0), np.uint64(count)):
        side = marks[SIDE + i]
        way, spot, here, front = np.int64((side >> _2) & _3), marks[TEXEL + i], marks[HERE + i], marks[FRONT + i]
        if marks[PLACE + i] == END:
            pixel = np.uint64(marks[PIXEL + i])
            if at[pixel] == _FAR:
                marks[STATE + i] = SKY
                skies += 1
                continue
            x, z, y, texel = decode(code[pixel])
            here = (x * (WRAP + 1) + z) * HEIGHT + y
            front, spot, side, way, rays[ENTRY + i] = np.int32(here), np.int32(texel), _1, PLANT, at[pixel]
        cell = np.uint64(here)
        block = grid[cell]
        shape = _SHAPE[block]
        bits = atlas[np.uint64(_FACES[block, np.uint64(side & _3)] * _TEXELS + spot)]
        alpha = bits >> np.uint32(24)
        if way != PLANT and (side >= _16 or (shape != _CUBE and (shape != _CUTOUT or alpha == 0 or rays[ENTRY + i] <= _F0))):
            marks[STATE + i] = LEFT
            left += 1
            continue
        marks[STATE + i], marks[BLOCK + i], marks[TEXEL + i] = SOLID, block, np.int32(bits)
        rays[SHADE + i] = lum[light[np.uint64(front)]] * FACE_LIGHT[np.uint64(way)]
        if alpha > 1:
            tint = np.uint64(biome[cell // np.uint64(HEIGHT)])
            for c in range(np.uint64(3)):
                rays[TINT + np.uint64(BATCH) * c + i] = tints[tint, c]
    return skies, left


@kernel
def _shade(rays, marks, count, sky, view):
    """Colour of each ray's texel."""
    red_fog, green_fog, blue_fog = sky[HORIZON], sky[HORIZON + 1], sky[HORIZON + 2]
    for i in range(np.uint64(0), np.uint64(count)):
        bits, shade = marks[TEXEL + i], np.float64(rays[SHADE + i])
        tint = max(np.float32(((bits >> _24) & _BYTE) - _1), _F0) * np.float32(1.0 / 254.0)
        fog = fog_share(rays[ENTRY + i] * rays[LENGTH + i], view)
        red = (bits & _BYTE) * shade * (1.0 + tint * (rays[TINT + i] - 1.0))
        green = ((bits >> _8) & _BYTE) * shade * (1.0 + tint * (rays[TINT_GREEN + i] - 1.0))
        blue = ((bits >> _16) & _BYTE) * shade * (1.0 + tint * (rays[TINT_BLUE + i] - 1.0))
        marks[RED_OUT + i] = np.int32(min(max(red + (red_fog - red) * fog, 0.0), 255.0))
        marks[GREEN_OUT + i] = np.int32(min(max(green + (green_fog - green) * fog, 0.0), 255.0))
        marks[BLUE_OUT + i] = np.int32(min(max(blue + (blue_fog - blue) * fog, 0.0), 255.0))


@kernel
def _sky(rays, marks, count, sky):
    """Colour of the rays that show the sky."""
    colours = (sky[0], sky[1], sky[2], sky[3], sky[4], sky[5], sky[6], sky[7], sky[8])
    for i in range(np.uint64(0), np.uint64(count)):
        red, green, blue = sky_colour(rays, marks, i, colours)
        seen = marks[STATE + i] == SKY
        marks[RED_OUT + i] = np.int32(red) if seen else marks[RED_OUT + i]
        marks[GREEN_OUT + i] = np.int32(green) if seen else marks[GREEN_OUT + i]
        marks[BLUE_OUT + i] = np.int32(blue) if seen else marks[BLUE_OUT + i]


@kernel
def show(rays, marks, count, eye, camera, world, paints, plants, image):
    """Write the pixels of ``count`` rays that have just walked, and follow each other in the image; returns how many are left.

    What is left has the state LEFT; its pixels hold nothing of use.
    """
    _locate(rays, marks, count, eye, camera, paints[3])
    skies, left = _gather(rays, marks, count, world, paints, plants)
    if skies < count:
        _shade(rays, marks, count, paints[4], camera[VIEW])
    if skies > 0:
        _sky(rays, marks, count, paints[4])
    rgb, depths, seen, wet_at, _ = image
    first = np.uint64(marks[PIXEL])
    for i in range(np.uint64(0), np.uint64(count)):
        rgb[0, first + i] = np.uint8(marks[RED_OUT + i])
    for i in range(np.uint64(0), np.uint64(count)):
        rgb[1, first + i] = np.uint8(marks[GREEN_OUT + i])
    for i in range(np.uint64(0), np.uint64(count)):
        rgb[2, first + i] = np.uint8(marks[BLUE_OUT + i])
    for i in range(np.uint64(0), np.uint64(count)):
        depths[first + i] = rays[ENTRY + i] if marks[STATE + i] else _FAR
    for i in range(np.uint64(0), np.uint64(count)):
        seen[first + i] = np.uint8(marks[BLOCK + i] if marks[STATE + i] else _0)
    for i in range(np.uint64(0), np.uint64(count)):
        wet_at[first + i] = _FAR
    return left
