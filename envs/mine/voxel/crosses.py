"""Plants and torches: two crossed planes each.

They are drawn before the rays are cast. A ray passes their cells as air, and ends where one of them covers its pixel.
"""

from typing import NamedTuple

import numpy as np

from papergym.envs.mine.voxel import blocks, textures
from papergym.envs.mine.voxel.kernel import entry_point, kernel
from papergym.envs.mine.voxel.march import EYE, FAR, FORWARD, RIGHT, TAN, UP, VIEW, off_image, row_of
from papergym.envs.mine.voxel.raycast import level_of, texel
from papergym.envs.mine.voxel.terrain import HEIGHT, SIZE, WRAP

_SHAPE, _CROSS, _FACES = blocks.SHAPE, blocks.SHAPE_CROSS, textures.FACES
_LEFT, _WIDE = 0.08, 0.84
"""Where the planes begin along x in their cell, and how far they go."""
_RUNS = tuple((np.uint8(first), np.uint8(count)) for first, count in blocks.runs(_CROSS))
_NONE, _ONE, _TOP = np.uint8(0), np.uint8(1), np.uint8(HEIGHT)
FARTHEST = 1024.0
"""Plants farther away, which are smaller than a pixel, are not drawn."""
_RADIUS = 0.87  # a cell lies within this distance of its centre
_NEAR, _SLACK = 0.01, 0.01  # depth at which planes are cut off, in blocks; what rounding may move an edge, in pixels
_FAR, _F0 = np.float32(FAR), np.float32(0)


class Index(NamedTuple):
    """Where the plants of a world are.

    Attributes:
        span: (2, SIZE, SIZE) uint8, height of the lowest plant of each column, and of the cell above its highest one; in
            columns without plants, the second is not above the first.
        columns: (SIZE, SIZE) uint8; row x begins with the z of the columns that have plants.
        count: (SIZE,) int64, how many those are.
    """

    span: np.ndarray
    columns: np.ndarray
    count: np.ndarray


def empty() -> Index:
    """Index of a world without plants."""
    return Index(np.zeros((2, SIZE, SIZE), np.uint8), np.zeros((SIZE, SIZE), np.uint8), np.zeros(SIZE, np.int64))


@kernel
def _measure(grid, index, x, z):
    """Find the plants of a column."""
    cells, low, high, any_there = grid[x, z], _TOP, _NONE, _NONE
    for first, count in _RUNS:
        for j in range(HEIGHT):
            any_there |= _ONE if np.uint8(cells[j] - first) < count else _NONE
    if any_there:
        for j in range(HEIGHT):
            if _SHAPE[cells[j]] == _CROSS:
                low, high = min(low, np.uint8(j)), np.uint8(j + 1)
    index.span[0, x, z], index.span[1, x, z] = low, high


@kernel
def _list(index, x):
    """List the columns of a row that have plants."""
    found = 0
    for z in range(SIZE):
        if index.span[1, x, z] > index.span[0, x, z]:
            index.columns[x, found] = z
            found += 1
    index.count[x] = found


@entry_point
def find_all(grid, index):
    """Index the plants of a world."""
    for x in range(SIZE):
        for z in range(SIZE):
            _measure(grid, index, x, z)
        _list(index, x)


@entry_point
def find_near(grid, index, x, z):
    """Index the plants of a column anew."""
    low, high = index.span[0, x, z], index.span[1, x, z]
    _measure(grid, index, x, z)
    if low != index.span[0, x, z] or high != index.span[1, x, z]:
        _list(index, x)


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
    # Clamped before they become integers, which must not overflow.
    left = max(min((low_u / camera[TAN] + 1.0) * 0.5 * width + 0.5 - _SLACK, width), 0.0)
    right = max(min((high_u / camera[TAN] + 1.0) * 0.5 * width + 0.5 + _SLACK, width), 0.0)
    top = max(min((1.0 - high_v / camera[TAN + 1]) * 0.5 * height + 0.5 - _SLACK, height), 0.0)
    bottom = max(min((1.0 - low_v / camera[TAN + 1]) * 0.5 * height + 0.5 + _SLACK, height), 0.0)
    return np.int64(top), np.int64(bottom), np.int64(left), np.int64(right)


@kernel
def _within(ends, vx, vz, gap, plane, camera, width, left, right):
    """Narrow ``left`` and ``right`` to where the ends of a plane, if it were infinitely high, cross a row of pixels."""
    a, b = (vx - vz, camera[RIGHT] - camera[RIGHT + 2]) if plane == 0 else (vx + vz, camera[RIGHT] + camera[RIGHT + 2])
    h, g = (ends[0] * a - gap * vx) * ends[2], (ends[1] * a - gap * vx) * ends[3]
    if not (gap * (a + h * b) > 0.0 and gap * (a + g * b) > 0.0):  # one end is behind the eye
        return left, right
    scale, middle = 0.5 * width / camera[TAN], 0.5 * width + 0.5
    low, high = min(h, g) * scale + middle - _SLACK, max(h, g) * scale + middle + _SLACK
    return max(left, np.int64(max(min(low, width), 0.0))), min(right, np.int64(max(min(high, width), 0.0)))


@kernel
def _ends(px, gap, plane, camera):
    """What :func:`_within` needs of a plane: its ends along x from the eye, and their factors."""
    first, last, rx = _LEFT - px, _LEFT + _WIDE - px, camera[RIGHT]
    b = rx - camera[RIGHT + 2] if plane == 0 else rx + camera[RIGHT + 2]
    return first, last, 1.0 / (gap * rx - first * b), 1.0 / (gap * rx - last * b)


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
        ends = _ends(px, gap, plane, camera)
        for row in range(top, bottom):
            vx, vy, vz = row_of(row, height, camera)
            start, stop = _within(ends, np.float64(vx), np.float64(vz), gap, plane, camera, width, left, right)
            for column in range(start, stop):
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
                there = atlas[texture, spot, 3] > 0  # chosen without a branch, which would be guessed wrong half the time
                at[pixel] = np.float32(t) if there else at[pixel]
                code[pixel] = cell | np.uint32(spot) if there else code[pixel]


@kernel
def draw_plants(grid, index, paints, camera, eye, width, at, code):  # noqa: D417
    """Find what plant each pixel sees, if no block hides it.

    Args:
        grid, index: blocks and plants of :class:`.grid.Grid`.
        paints, camera, width: see :func:`.cast.draw_blocks`.
        eye: cell of the eye, three integers.
        at: (N,) float32, written: distance to the plant in units of depth, FAR for none.
        code: (N,) uint32, written where there is one: see :func:`decode`.
    """
    at[:] = _FAR
    height, reach, lod = at.shape[0] // width, np.int64(min(camera[VIEW], FARTHEST)) + 2, paints[3]
    for x in range(eye[0] - reach, eye[0] + reach + 1):
        row = x & WRAP
        for n in range(index.count[row]):
            column = np.int64(index.columns[row, n])
            bottom, top = np.int64(index.span[0, row, column]), np.int64(index.span[1, row, column])
            first = eye[2] - reach
            for z in range(first + ((column - first) & WRAP), eye[2] + reach + 1, SIZE):
                for y in range(bottom, top):
                    block = grid[row, column, y]
                    dx, dy, dz = x + 0.5 - camera[EYE], y + 0.5 - camera[EYE + 1], z + 0.5 - camera[EYE + 2]
                    away = np.sqrt(dx * dx + dy * dy + dz * dz)
                    if (
                        _SHAPE[block] != _CROSS
                        or away - _RADIUS > camera[VIEW]
                        or off_image(camera, x + 0.5, y + 0.5, z + 0.5, _RADIUS)
                    ):
                        continue
                    deep = dx * camera[FORWARD] + dy * camera[FORWARD + 1] + dz * camera[FORWARD + 2]
                    careful = away + _RADIUS > camera[VIEW] or abs(deep - lod[0]) < _RADIUS or abs(deep - lod[1]) < _RADIUS
                    _draw(x, y, z, block, deep, careful, paints, camera, eye, height, width, at, code)
