"""Plants and torches, each two crossed planes. They are drawn before the rays are cast: these pass their cells as air, and
end where one of them covers the pixel."""

import numpy as np
from numba import njit

from papergym.envs.mine.voxel import blocks, textures
from papergym.envs.mine.voxel.kernel import kernel
from papergym.envs.mine.voxel.march import EYE, FAR, FORWARD, RIGHT, TAN, UP, VIEW, row_of
from papergym.envs.mine.voxel.raycast import level_of, texel
from papergym.envs.mine.voxel.terrain import HEIGHT, SIZE, WRAP

_SHAPE, _CROSS, _FACES = blocks.SHAPE, blocks.SHAPE_CROSS, textures.FACES
_LEFT, _WIDE = 0.08, 0.84
"""Where the planes begin along x in their cell, and how far they go."""
_NONE = np.uint8(255)
_RADIUS = 0.87  # a cell lies within this distance of its centre
_NEAR = 0.01
_FAR, _F0 = np.float32(FAR), np.float32(0)


def empty() -> np.ndarray:
    """Spans of a world without plants."""
    span = np.zeros((2, SIZE, SIZE), np.uint8)
    span[0] = _NONE
    return span


@njit(cache=True, nogil=True)
def find(grid, span, x0, x1, z0, z1):
    """Write the heights of the lowest plant of each column and of the cell above its highest one; 255 and 0 for none."""
    for x in range(x0, x1):
        for z in range(z0, z1):
            low, high = _NONE, np.uint8(0)
            for y in range(HEIGHT):
                if _SHAPE[grid[x, z, y]] == _CROSS:
                    low, high = min(low, np.uint8(y)), np.uint8(y + 1)
            span[0, x, z], span[1, x, z] = low, high


@kernel
def decode(code):
    """(x, z, y, texel) of a pixel's plant."""
    bits = np.int64(code)
    return bits >> 24, (bits >> 16) & WRAP, (bits >> 9) & 127, bits & 511


@kernel
def _bounds(px, pz, py, plane, camera, height, width):
    """Rows and columns of pixels whose middle may see a plane; p is the eye relative to the cell."""
    low_u, high_u, low_v, high_v = FAR, -FAR, FAR, -FAR
    last_r, last_u, last_d = 0.0, 0.0, 0.0
    for k in range(5):  # around the four corners
        x = _LEFT if k in (0, 3, 4) else _LEFT + _WIDE
        z = x if plane == 0 else 1.0 - x
        dx, dy, dz = x - px, (0.0 if k in (0, 1, 4) else 1.0) - py, z - pz
        r = dx * camera[RIGHT] + dy * camera[RIGHT + 1] + dz * camera[RIGHT + 2]
        u = dx * camera[UP] + dy * camera[UP + 1] + dz * camera[UP + 2]
        d = dx * camera[FORWARD] + dy * camera[FORWARD + 1] + dz * camera[FORWARD + 2]
        if k > 0 and (d < _NEAR) != (last_d < _NEAR):
            share = (_NEAR - last_d) / (d - last_d)
            h, v = (last_r + (r - last_r) * share) / _NEAR, (last_u + (u - last_u) * share) / _NEAR
            low_u, high_u, low_v, high_v = min(low_u, h), max(high_u, h), min(low_v, v), max(high_v, v)
        if d >= _NEAR:
            h, v = r / d, u / d
            low_u, high_u, low_v, high_v = min(low_u, h), max(high_u, h), min(low_v, v), max(high_v, v)
        last_r, last_u, last_d = r, u, d
    if low_u > high_u:
        return 0, 0, 0, 0
    # Clamped before they become integers; a pixel more on each side makes up for rounding.
    left = max(min((low_u / camera[TAN] + 1.0) * 0.5 * width - 1.5, width), 0.0)
    right = max(min((high_u / camera[TAN] + 1.0) * 0.5 * width + 1.5, width), 0.0)
    top = max(min((1.0 - high_v / camera[TAN + 1]) * 0.5 * height - 1.5, height), 0.0)
    bottom = max(min((1.0 - low_v / camera[TAN + 1]) * 0.5 * height + 1.5, height), 0.0)
    return np.int64(top), np.int64(bottom), np.int64(left), np.int64(right)


@kernel
def _entered(x, y, z, dx, dy, dz, eye, camera):
    """Distance at which a ray enters a cell, to the bit as the rays find it."""
    near = _F0
    for axis in range(3):
        way = dx if axis == 0 else (dy if axis == 1 else dz)
        cells = (x if axis == 0 else (y if axis == 1 else z)) - eye[axis]
        start = np.float32(camera[EYE + axis] - eye[axis])
        if way <= _F0:
            cells, start = -cells, np.float32(1) - start
        near = max(near, (np.float32(cells) - start) * (np.float32(1) / max(np.abs(way), np.float32(1e-9))))
    return near


@kernel
def _draw(x, y, z, block, deep, careful, paints, camera, eye, height, width, at, code):
    """Draw one plant where it is nearer than those before."""
    _, atlas, _, lod, _ = paints
    px, py, pz = camera[EYE] - x, camera[EYE + 1] - y, camera[EYE + 2] - z
    texture = _FACES[block, 1]
    cell = np.uint32(((((x & WRAP) << 8) | (z & WRAP)) << 16) | y << 9)
    level = min(level_of(deep, lod), 2)
    rx, ry, rz = np.float32(camera[RIGHT]), np.float32(camera[RIGHT + 1]), np.float32(camera[RIGHT + 2])
    first, wide = np.float32(0.5 * (2.0 * camera[TAN] / width) - camera[TAN]), np.float32(2.0 * camera[TAN] / width)
    for plane in range(2):
        gap = (pz - px) if plane == 0 else (1.0 - px - pz)
        top, bottom, left, right = _bounds(px, pz, py, plane, camera, height, width)
        for row in range(top, bottom):
            vx, vy, vz = row_of(row, height, camera)
            for column in range(left, right):
                side = first + wide * np.float32(np.int32(column))
                dx, dy, dz = vx + side * rx, vy + side * ry, vz + side * rz
                slope = np.float64(dx) - dz if plane == 0 else np.float64(dx) + dz
                t = gap / slope
                pixel = row * width + column
                u, v = px + dx * t, py + dy * t
                if not (0.0 <= t < at[pixel] and _LEFT < u < _LEFT + _WIDE and 0.0 <= v < 1.0):
                    continue
                if careful:
                    enters = _entered(x, y, z, dx, dy, dz, eye, camera)
                    level = min(level_of(enters, lod), 2)
                    if enters * np.sqrt(dx * dx + dy * dy + dz * dz) > camera[VIEW]:
                        continue
                spot = texel(texture, level, (u - _LEFT) / _WIDE, 1.0 - v)
                if atlas[texture, spot, 3] > 0:
                    at[pixel], code[pixel] = np.float32(t), cell | np.uint32(spot)


@kernel
def draw_plants(grid, span, paints, camera, eye, width, at, code):  # noqa: D417
    """Find what plant each pixel sees, if nothing else hides it.

    Args:
        grid, span: blocks, and the heights of the plants of each column, see :func:`find`.
        paints, camera, width: see :func:`.cast.draw_blocks`.
        eye: cell of the eye, three integers.
        at: (N,) float32, written: distance to the plant in units of depth, FAR for none.
        code: (N,) uint32, written where there is one: see :func:`decode`.
    """
    at[:] = _FAR
    height, reach = at.shape[0] // width, np.int64(camera[VIEW]) + 2
    lod = paints[3]
    beyond_x = _RADIUS * np.sqrt(1.0 + camera[TAN] * camera[TAN])
    beyond_y = _RADIUS * np.sqrt(1.0 + camera[TAN + 1] * camera[TAN + 1])
    for x in range(eye[0] - reach, eye[0] + reach + 1):
        lows, highs = span[0, x & WRAP], span[1, x & WRAP]
        for z in range(eye[2] - reach, eye[2] + reach + 1):
            for y in range(np.int64(lows[z & WRAP]), np.int64(highs[z & WRAP])):
                block = grid[x & WRAP, z & WRAP, y]
                if _SHAPE[block] != _CROSS:
                    continue
                dx, dy, dz = x + 0.5 - camera[EYE], y + 0.5 - camera[EYE + 1], z + 0.5 - camera[EYE + 2]
                deep = dx * camera[FORWARD] + dy * camera[FORWARD + 1] + dz * camera[FORWARD + 2]
                right = dx * camera[RIGHT] + dy * camera[RIGHT + 1] + dz * camera[RIGHT + 2]
                up = dx * camera[UP] + dy * camera[UP + 1] + dz * camera[UP + 2]
                away = np.sqrt(dx * dx + dy * dy + dz * dz)
                if (
                    deep < -_RADIUS
                    or abs(right) - deep * camera[TAN] > beyond_x
                    or abs(up) - deep * camera[TAN + 1] > beyond_y
                    or away - _RADIUS > camera[VIEW]
                ):
                    continue
                careful = away + _RADIUS > camera[VIEW] or abs(deep - lod[0]) < _RADIUS or abs(deep - lod[1]) < _RADIUS
                _draw(x, y, z, block, deep, careful, paints, camera, eye, height, width, at, code)
