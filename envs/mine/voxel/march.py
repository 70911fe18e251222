"""Rays in batches: many advance through the grid together, so that one instruction moves several of them.

A ray's coordinates are mirrored along the axes that it runs down, so that each only grows; its cell counts from that of the
eye. Distances along a ray are in units of depth (blocks along the view axis), since directions reach the plane one block
ahead. No fastmath: the same state gives the same image in every process.
"""

import numpy as np

from papergym.envs.mine.voxel.kernel import kernel
from papergym.envs.mine.voxel.room import END, FALLING, IN_WATER, OPEN, X_SHIFT, Z_SHIFT
from papergym.envs.mine.voxel.room import REACH as WIDEST
from papergym.envs.mine.voxel.terrain import HEIGHT, WRAP

FAR = 1e9
BATCH = 256
"""Most rays of a batch."""
ABREAST = 32
"""Rays that walk in step; fewer leave parts of the processor idle, more wait for the slowest."""

EYE, FORWARD, RIGHT, UP, TAN, VIEW, CAMERA = 0, 3, 6, 9, 12, 14, 15
"""Columns of the camera array."""

# Columns of a batch, of BATCH values each. Their places are unsigned: every access would look for negative indices otherwise.
FLOATS, INTS = 25, 18
_KEPT_FLOATS, _KEPT_INTS = 20, 8
WAY_X, WAY_Y, WAY_Z, INV_X, INV_Y, INV_Z, START_X, START_Y, START_Z, CELL_X, CELL_Y, CELL_Z, LENGTH, REACH = (
    np.uint64(BATCH * k) for k in range(14)
)
"""Size of the direction and its inverse, start within the first cell, cell, length of the direction, largest distance."""
WET_AT, WET_LENGTH, ENTERED, RED, GREEN, BLUE = (np.uint64(BATCH * k) for k in range(14, 20))
"""Where the ray first met water, its length in water, where it entered it last, and the colour of the water."""
ENTRY, SHADE, TINT, TINT_GREEN, TINT_BLUE = (np.uint64(BATCH * k) for k in range(20, FLOATS))
"""Where the ray entered its cell, brightness of what it shows there, and the tint of the biome."""
SIDE_X, SIDE_Y, SIDE_Z, HIGHEST, ABOVE, KIND, PLACE, PIXEL = (np.uint64(BATCH * k) for k in range(8))
"""Mirrors (0 or -1), highest cell of interest and the place that stands for those above it, IN_WATER or 0, place in ``room``,
number of the pixel."""
BOX, STATE, HERE, FRONT, SIDE, TEXEL, RED_OUT, GREEN_OUT, BLUE_OUT, BLOCK = (np.uint64(BATCH * k) for k in range(8, INTS))
"""Box of the cell; for :mod:`.first` state, number of the cell and of that before it, face, texel, colour, block."""

_F0, _F1, _TINY = np.float32(0), np.float32(1), np.float32(1e-9)
_NO, _YES, _END, _OPEN, _TOP, _WRAP, _WET = (np.int32(n) for n in (0, -1, END, OPEN, HEIGHT - 1, WRAP, IN_WATER))
_X, _Z, _FALLING, _WIDEST, _BITS, _1 = (np.int32(n) for n in (X_SHIFT, Z_SHIFT, FALLING, WIDEST, 4, 1))


@kernel
def row_of(row, height, camera):
    """Direction at the middle of a row of pixels, reaching the plane one block ahead: three float32."""
    v = (1.0 - 2.0 * (row + 0.5) / height) * camera[TAN + 1]
    return (
        np.float32(camera[FORWARD] + v * camera[UP]),
        np.float32(camera[FORWARD + 1] + v * camera[UP + 1]),
        np.float32(camera[FORWARD + 2] + v * camera[UP + 2]),
    )


@kernel
def off_image(camera, x, y, z, radius):
    """Whether no pixel shows a ball about a point."""
    dx, dy, dz = x - camera[EYE], y - camera[EYE + 1], z - camera[EYE + 2]
    deep = dx * camera[FORWARD] + dy * camera[FORWARD + 1] + dz * camera[FORWARD + 2]
    right = abs(dx * camera[RIGHT] + dy * camera[RIGHT + 1] + dz * camera[RIGHT + 2]) - deep * camera[TAN]
    up = abs(dx * camera[UP] + dy * camera[UP + 1] + dz * camera[UP + 2]) - deep * camera[TAN + 1]
    return (
        deep < -radius
        or right > radius * np.sqrt(1.0 + camera[TAN] * camera[TAN])
        or up > radius * np.sqrt(1.0 + camera[TAN + 1] * camera[TAN + 1])
    )


@kernel
def set_out(rays, marks, first, count, pixel, camera, view, h, width, eye, ceiling, place, at):  # noqa: D417
    """Start ``count`` rays of a row of pixels.

    Args:
        rays: (FLOATS * BATCH,) float32; marks: (INTS * BATCH,) int32.
        first: index of the first ray in the batch; count: uint64 both.
        pixel: number of its pixel.
        camera: (CAMERA,) float64.
        view: (3,) float32, direction at the middle of the row.
        h: offset of the first pixel from there in the plane one block ahead; width: that of a pixel; float32.
        eye: cell of the eye, three int32.
        ceiling: highest cell that a rising ray need see.
        place: places of the eye's cell in ``room``, for a ray that rises and for one that falls.
        at: float32 distance of each pixel at which its ray ends at the latest.
    """
    fx, fy, fz = np.float32(camera[EYE] - eye[0]), np.float32(camera[EYE + 1] - eye[1]), np.float32(camera[EYE + 2] - eye[2])
    rx, ry, rz = np.float32(camera[RIGHT]), np.float32(camera[RIGHT + 1]), np.float32(camera[RIGHT + 2])
    ax, ay, az, reach = view[0], view[1], view[2], np.float32(camera[VIEW])
    for k in range(count):
        i, side = first + k, h + width * np.float32(np.int32(k))
        dx, dy, dz = ax + side * rx, ay + side * ry, az + side * rz
        x, y, z = max(np.abs(dx), _TINY), max(np.abs(dy), _TINY), max(np.abs(dz), _TINY)
        length = np.sqrt(x * x + y * y + z * z)
        rays[WAY_X + i], rays[WAY_Y + i], rays[WAY_Z + i] = x, y, z
        rays[INV_X + i], rays[INV_Y + i], rays[INV_Z + i] = _F1 / x, _F1 / y, _F1 / z
        rays[START_X + i] = fx if dx > _F0 else _F1 - fx
        rays[START_Y + i] = fy if dy > _F0 else _F1 - fy
        rays[START_Z + i] = fz if dz > _F0 else _F1 - fz
        rays[CELL_X + i], rays[CELL_Y + i], rays[CELL_Z + i] = _F0, _F0, _F0
        rays[LENGTH + i], rays[REACH + i] = length, min(reach / length, at[np.uint64(pixel) + k])
        rays[WET_AT + i], rays[WET_LENGTH + i] = np.float32(FAR), _F0
        marks[SIDE_X + i] = _NO if dx > _F0 else _YES
        marks[SIDE_Y + i] = _NO if dy > _F0 else _YES
        marks[SIDE_Z + i] = _NO if dz > _F0 else _YES
        marks[HIGHEST + i] = ceiling if dy > _F0 else _TOP
        marks[ABOVE + i] = _END if dy > _F0 else _OPEN
        marks[PLACE + i] = place[0] if dy > _F0 else place[1]
        marks[KIND + i], marks[PIXEL + i] = _NO, pixel + np.int32(k)


@kernel
def _look(room, rays, marks, first, last):
    """Read the box of each ray's cell: 0 where its water or air ends; returns 0 if no ray has any."""
    alive = np.int32(0)
    for i in range(first, last):
        found = np.int32(room[np.uint64(marks[PLACE + i])]) ^ marks[KIND + i]
        found = found if found < _WET else _NO
        marks[BOX + i] = found
        alive |= found
    return alive


@kernel
def _leap(rays, marks, first, last, x0, y0, z0):
    """Move each ray to the cell beyond the box of its own; those without one stay."""
    for i in range(first, last):
        box, x, y, z = marks[BOX + i], rays[CELL_X + i], rays[CELL_Y + i], rays[CELL_Z + i]
        # Without the casts whole numbers would take 64 bits, and half as many fit a register.
        wide, high = np.float32(np.int32(box & _WIDEST)), np.float32(np.int32((box >> _BITS) + _1))
        bx, by, bz = x + wide, y + high, z + wide
        tx, ty, tz = (
            (bx - rays[START_X + i]) * rays[INV_X + i],
            (by - rays[START_Y + i]) * rays[INV_Y + i],
            (bz - rays[START_Z + i]) * rays[INV_Z + i],
        )
        t = min(tx, min(ty, tz))
        # Rounding must neither carry a ray back nor out of the box.
        px = max(min(np.floor(rays[START_X + i] + rays[WAY_X + i] * t), bx - _F1), x)
        py = max(min(np.floor(rays[START_Y + i] + rays[WAY_Y + i] * t), by - _F1), y)
        pz = max(min(np.floor(rays[START_Z + i] + rays[WAY_Z + i] * t), bz - _F1), z)
        px, py, pz = (bx if tx <= t else px), (by if ty <= t else py), (bz if tz <= t else pz)
        rays[CELL_X + i], rays[CELL_Y + i], rays[CELL_Z + i] = px, py, pz
        cx = np.int32((np.int32(px) ^ marks[SIDE_X + i]) - marks[SIDE_X + i] + x0)
        cy = np.int32((np.int32(py) ^ marks[SIDE_Y + i]) - marks[SIDE_Y + i] + y0)
        cz = np.int32((np.int32(pz) ^ marks[SIDE_Z + i]) - marks[SIDE_Z + i] + z0)
        place = np.int32(((cx & _WRAP) << _X) | ((cz & _WRAP) << _Z) | cy | (marks[SIDE_Y + i] & _FALLING))
        place = marks[ABOVE + i] if cy > marks[HIGHEST + i] else place
        place = _END if (cy < _NO) | (t > rays[REACH + i]) else place
        marks[PLACE + i] = place if box > _NO else marks[PLACE + i]


@kernel
def march(room, rays, marks, count, eye):
    """Walk the first ``count`` rays through air, or those in water through water, each to a cell of another kind or to END."""
    x0, y0, z0 = eye
    for i in range(count, (count + ABREAST - 1) // ABREAST * ABREAST):
        marks[np.uint64(PLACE) + np.uint64(i)] = _END
    for first in range(np.uint64(0), np.uint64(count), np.uint64(ABREAST)):
        last = first + np.uint64(ABREAST)
        while _look(room, rays, marks, first, last):
            _leap(rays, marks, first, last, x0, y0, z0)


@kernel
def step(rays, marks, i, eye):
    """Move one ray to the next cell."""
    tx = (rays[CELL_X + i] + _F1 - rays[START_X + i]) * rays[INV_X + i]
    ty = (rays[CELL_Y + i] + _F1 - rays[START_Y + i]) * rays[INV_Y + i]
    tz = (rays[CELL_Z + i] + _F1 - rays[START_Z + i]) * rays[INV_Z + i]
    axis = CELL_X if (tx <= ty) & (tx <= tz) else (CELL_Y if ty <= tz else CELL_Z)
    rays[axis + i] += _F1
    x, y, z = cell_of(rays, marks, i, eye)
    place = ((x & _WRAP) << _X) | ((z & _WRAP) << _Z) | y | (marks[SIDE_Y + i] & _FALLING)
    if y > marks[HIGHEST + i]:
        place = marks[ABOVE + i]
    marks[PLACE + i] = _END if y < 0 or min(tx, min(ty, tz)) > rays[REACH + i] else place


@kernel
def cell_of(rays, marks, i, eye):
    """Cell of one ray in the world: three integers."""
    return (
        (np.int32(rays[CELL_X + i]) ^ marks[SIDE_X + i]) - marks[SIDE_X + i] + eye[0],
        (np.int32(rays[CELL_Y + i]) ^ marks[SIDE_Y + i]) - marks[SIDE_Y + i] + eye[1],
        (np.int32(rays[CELL_Z + i]) ^ marks[SIDE_Z + i]) - marks[SIDE_Z + i] + eye[2],
    )


@kernel
def keep(rays, marks, i, to):
    """Move a ray to another place of the batch."""
    if to == i:
        return
    for k in range(np.uint64(0), np.uint64(_KEPT_FLOATS * BATCH), np.uint64(BATCH)):
        rays[k + to] = rays[k + i]
    for k in range(np.uint64(0), np.uint64(_KEPT_INTS * BATCH), np.uint64(BATCH)):
        marks[k + to] = marks[k + i]
