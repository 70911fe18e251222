"""Motion of bodies: boxes that collide with blocks, at 20 ticks a second, by the rules of the game.

A body is a row of float64; the constants below name its columns. Lengths are blocks, speeds blocks per tick.
"""

import numpy as np
from numba import njit

from papergym.envs.mine.voxel import blocks
from papergym.envs.mine.voxel.terrain import HEIGHT, WRAP

X, Y, Z, VX, VY, VZ, YAW, PITCH = range(8)
GROUND, WALL, WET, FALL, WAIT, SPRINT, WIDTH, TALL = range(8, 16)
LANDED, MOVED, JUMPED, SUNK = range(16, 20)
BODY = 20
"""Columns: position of the feet's centre, speed, view; stands on ground, touches a wall, is in water, height fallen so far,
ticks until the next jump, sprints; width and height; this tick's landing height, distance moved, jump, eye under water."""

EYE_HEIGHT, EYE_SNEAKING = 1.62, 1.54
GRAVITY, DRAG = 0.08, 0.98
SLIP = 0.6 * 0.91  # ground friction per tick
JUMP = 0.42
WALK = 0.1  # acceleration per tick on the ground; sprinting adds 30 %, and the input itself is damped by 0.98
_SOLID, _WATER = blocks.SOLID, blocks.WATER
_EPS = 1e-7


@njit(cache=True, nogil=True)
def solid(grid, x, y, z):
    """Whether cell (x, y, z) stops bodies; below the world it does, above it does not."""
    if y >= HEIGHT:
        return False
    return y < 0 or _SOLID[grid[x & WRAP, z & WRAP, y]]


@njit(cache=True, nogil=True)
def _blocked(grid, x0, x1, y0, y1, z0, z1):
    """Whether any solid cell overlaps a box."""
    for x in range(np.int64(np.floor(x0 + _EPS)), np.int64(np.floor(x1 - _EPS)) + 1):
        for z in range(np.int64(np.floor(z0 + _EPS)), np.int64(np.floor(z1 - _EPS)) + 1):
            for y in range(np.int64(np.floor(y0 + _EPS)), np.int64(np.floor(y1 - _EPS)) + 1):
                if solid(grid, x, y, z):
                    return True
    return False


@njit(cache=True, nogil=True)
def fits(grid, body):
    """Whether the body's box is free of solid cells."""
    half = body[WIDTH] / 2
    x, y, z = body[X], body[Y], body[Z]
    return not _blocked(grid, x - half, x + half, y, y + body[TALL], z - half, z + half)


@njit(cache=True, nogil=True)
def _sweep(grid, body, axis, way):
    """How far of ``way`` the body can go along an axis (0 x, 1 y, 2 z)."""
    if way == 0.0:
        return 0.0
    half = body[WIDTH] / 2
    low = np.array([body[X] - half, body[Y], body[Z] - half])
    high = np.array([body[X] + half, body[Y] + body[TALL], body[Z] + half])
    front = high[axis] if way > 0 else low[axis]
    first = np.int64(np.floor(front - _EPS)) + 1 if way > 0 else np.int64(np.floor(front + _EPS)) - 1
    last = np.int64(np.floor(front + way - _EPS)) if way > 0 else np.int64(np.floor(front + way + _EPS))
    step = 1 if way > 0 else -1
    cell = first
    while (cell - last) * step <= 0:
        low[axis], high[axis] = cell, cell + 1.0
        if _blocked(grid, low[0], high[0], low[1], high[1], low[2], high[2]):
            return (cell if way > 0 else cell + 1.0) - front
        cell += step
    return way


@njit(cache=True, nogil=True)
def _over_edge(grid, body, dx, dz):
    half, x, y, z = body[WIDTH] / 2, body[X] + dx, body[Y], body[Z] + dz
    return not _blocked(grid, x - half, x + half, y - 1.0, y, z - half, z + half)


@njit(cache=True, nogil=True)
def _shorter(way):
    """A distance, 0.05 shorter."""
    return 0.0 if abs(way) < 0.05 else way - 0.05 * np.sign(way)


@njit(cache=True, nogil=True)
def _stay_on_edge(grid, body, dx, dz):
    """A sneaking body's way, shortened so that it does not step off an edge."""
    while dx != 0.0 and _over_edge(grid, body, dx, 0.0):
        dx = _shorter(dx)
    while dz != 0.0 and _over_edge(grid, body, 0.0, dz):
        dz = _shorter(dz)
    while dx != 0.0 and dz != 0.0 and _over_edge(grid, body, dx, dz):
        dx, dz = _shorter(dx), _shorter(dz)
    return dx, dz


@njit(cache=True, nogil=True)
def move(grid, body, sneak):
    """Move by the body's speed until it touches something: first up or down, then along x, then along z."""
    dx, dy, dz = body[VX], body[VY], body[VZ]
    if sneak and body[GROUND] > 0:
        dx, dz = _stay_on_edge(grid, body, dx, dz)
    gone_y = _sweep(grid, body, 1, dy)
    body[Y] += gone_y
    gone_x = _sweep(grid, body, 0, dx)
    body[X] += gone_x
    gone_z = _sweep(grid, body, 2, dz)
    body[Z] += gone_z
    body[WALL] = 1.0 if abs(gone_x - dx) > 1e-9 or abs(gone_z - dz) > 1e-9 else 0.0
    body[GROUND] = 1.0 if dy < 0 and abs(gone_y - dy) > 1e-9 else 0.0
    body[MOVED] = np.sqrt(gone_x * gone_x + gone_z * gone_z)
    body[LANDED] = 0.0
    if body[GROUND] > 0:
        body[LANDED], body[FALL] = body[FALL] - gone_y, 0.0
    elif gone_y < 0:
        body[FALL] -= gone_y
    if abs(gone_x - dx) > 1e-9:
        body[VX] = 0.0
    if abs(gone_z - dz) > 1e-9:
        body[VZ] = 0.0
    if abs(gone_y - dy) > 1e-9:
        body[VY] = 0.0


@njit(cache=True, nogil=True)
def water_at(grid, x, y, z):
    """Whether the point lies in water; the surface is 7/8 up in the highest cell."""
    cy = np.int64(np.floor(y))
    if cy < 0 or cy >= HEIGHT:
        return False
    cx, cz = np.int64(np.floor(x)) & WRAP, np.int64(np.floor(z)) & WRAP
    if grid[cx, cz, cy] != _WATER:
        return False
    return y - cy < 0.875 or (cy + 1 < HEIGHT and grid[cx, cz, cy + 1] == _WATER)


@njit(cache=True, nogil=True)
def _in_water(grid, body):
    """Whether water touches the body between 0.4 above its feet and 0.4 below its top."""
    half = body[WIDTH] / 2 - 0.001
    low, high = body[Y] + min(0.4, body[TALL] * 0.4), body[Y] + body[TALL] - min(0.4, body[TALL] * 0.4)
    for cy in range(np.int64(np.floor(low)), np.int64(np.floor(high)) + 1):
        if cy < 0 or cy >= HEIGHT:
            continue
        for cx in range(np.int64(np.floor(body[X] - half)), np.int64(np.floor(body[X] + half)) + 1):
            for cz in range(np.int64(np.floor(body[Z] - half)), np.int64(np.floor(body[Z] + half)) + 1):
                if grid[cx & WRAP, cz & WRAP, cy] == _WATER:
                    return True
    return False


@njit(cache=True, nogil=True)
def _push(body, forward, strafe, amount):
    """Speed up by ``amount`` in the direction of the input, relative to the yaw."""
    size = forward * forward + strafe * strafe
    if size < 1e-4:
        return
    scale = amount / max(np.sqrt(size), 1.0)
    a = np.deg2rad(body[YAW])
    sin, cos = np.sin(a), np.cos(a)
    body[VX] += (strafe * cos - forward * sin) * scale
    body[VZ] += (forward * cos + strafe * sin) * scale


@njit(cache=True, nogil=True)
def advance(grid, body, forward, strafe, jump, sneak, ground_push, air_push):
    """One tick of a living body.

    Args:
        grid: blocks.
        body: (BODY,) float64, changed.
        forward: input in -1..1.
        strafe: input in -1..1, positive to the left.
        jump: wants to jump, or to swim up.
        sneak: keeps to edges.
        ground_push: acceleration on the ground.
        air_push: acceleration in the air.
    """
    for axis in range(VX, VZ + 1):
        if abs(body[axis]) < 0.003:
            body[axis] = 0.0
    body[JUMPED] = 0.0
    body[WET] = 1.0 if _in_water(grid, body) else 0.0
    if body[WET] > 0:
        body[FALL] = 0.0
    if not jump:
        body[WAIT] = 0.0
    elif body[WET] > 0:
        body[VY] += 0.04
    elif body[GROUND] > 0 and body[WAIT] == 0:
        body[VY], body[WAIT], body[JUMPED] = JUMP, 10.0, 1.0
        if body[SPRINT] > 0:
            a = np.deg2rad(body[YAW])
            body[VX] -= np.sin(a) * 0.2
            body[VZ] += np.cos(a) * 0.2
    if body[WAIT] > 0:
        body[WAIT] -= 1.0
    forward, strafe = forward * 0.98, strafe * 0.98
    if body[WET] > 0:
        _swim(grid, body, forward, strafe, sneak)
    else:
        slip = SLIP if body[GROUND] > 0 else 0.91
        _push(body, forward, strafe, ground_push * 0.16277136 / slip**3 if body[GROUND] > 0 else air_push)
        move(grid, body, sneak)
        body[VY] = (body[VY] - GRAVITY) * DRAG
        body[VX] *= slip
        body[VZ] *= slip
    body[WET] = 1.0 if _in_water(grid, body) else 0.0


@njit(cache=True, nogil=True)
def _swim(grid, body, forward, strafe, sneak):
    start = body[Y]
    _push(body, forward, strafe, 0.02)
    move(grid, body, sneak)
    body[FALL], body[LANDED] = 0.0, 0.0
    for axis in range(VX, VZ + 1):
        body[axis] *= 0.8
    body[VY] -= 0.02
    if body[WALL] > 0:  # climb out where there is room 0.6 above
        half, lift = body[WIDTH] / 2, start - body[Y] + 0.6 + body[VY]
        x, y, z = body[X] + body[VX], body[Y] + lift, body[Z] + body[VZ]
        if not _blocked(grid, x - half, x + half, y, y + body[TALL], z - half, z + half):
            body[VY] = 0.3


@njit(cache=True, nogil=True)
def fly(grid, body, pull, drag):
    """One tick of a body without input, such as an item: it falls, slides and floats."""
    wet = _in_water(grid, body)
    body[VY] = body[VY] + 0.02 if wet and body[VY] < 0.06 else body[VY] - pull
    move(grid, body, False)
    slip = SLIP if body[GROUND] > 0 else drag
    body[VX] *= slip
    body[VY] *= drag
    body[VZ] *= slip


@njit(cache=True, nogil=True)
def step_player(grid, body, forward, strafe, jump, sneak, sprint, can_sprint):
    """One tick of the player: ``advance`` with the player's rules for sneaking and sprinting."""
    if sprint and forward > 0 and can_sprint:
        body[SPRINT] = 1.0
    if forward <= 0 or sneak or not can_sprint or body[WALL] > 0:
        body[SPRINT] = 0.0
    slow = 0.3 if sneak else 1.0
    fast = 1.3 if body[SPRINT] > 0 else 1.0
    advance(grid, body, forward * slow, strafe * slow, jump, sneak, WALK * fast, 0.02 * fast)
    eye = EYE_SNEAKING if sneak else EYE_HEIGHT
    body[SUNK] = 1.0 if water_at(grid, body[X], body[Y] + eye, body[Z]) else 0.0
