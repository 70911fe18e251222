"""Animals, which wander and flee, and zombies, which hunt at night. A mob is a body with further columns."""

import numpy as np
from numba import njit

from papergym.envs.mine.voxel import blocks
from papergym.envs.mine.voxel.noise import below, uniform
from papergym.envs.mine.voxel.physics import BODY, GROUND, TALL, VX, VY, VZ, WALL, WET, WIDTH, YAW, X, Y, Z, advance, solid
from papergym.envs.mine.voxel.terrain import HEIGHT, SIZE, WRAP

KIND, HEALTH, HURT, GOAL_X, GOAL_Z, GOAL, PANIC, COLOUR, SHORN, COOL, AGE, PHASE, FIRE, MOB = range(BODY, BODY + 14)
"""Further columns: index into KINDS, health, ticks of the hurt flash, walking goal and whether there is one, ticks of panic,
fleece colour (wool metadata), shorn, ticks until the next blow, age, distance walked, burning ticks, and the row's width."""
KINDS = tuple(blocks.TABLE["mobs"])
ROOM = 96
"""Mobs that a world holds at most."""
ZOMBIE = KINDS.index("zombie")
SHEEP = KINDS.index("sheep")
_WIDTH = np.array([blocks.TABLE["mobs"][kind]["size"][0] for kind in KINDS])
_TALL = np.array([blocks.TABLE["mobs"][kind]["size"][1] for kind in KINDS])
_HEALTH = np.array([float(blocks.TABLE["mobs"][kind]["health"]) for kind in KINDS])
_SPEED = np.array([blocks.TABLE["mobs"][kind]["speed"] for kind in KINDS])
_COLOURS = np.array(blocks.TABLE["sheep"]["colours"], np.int64)
ACTIVE = 48.0
"""Mobs farther from the player than this stand still."""
_GRASS, _WATER = blocks.GRASS, blocks.WATER


@njit(cache=True, nogil=True)
def new_mob(stream, row, kind, x, y, z):
    """Fill a row with a healthy mob at a position; a sheep's colour is drawn by the natural shares."""
    row[:] = 0.0
    row[X], row[Y], row[Z], row[KIND] = x, y, z, kind
    row[WIDTH], row[TALL], row[HEALTH] = _WIDTH[kind], _TALL[kind], _HEALTH[kind]
    row[YAW] = uniform(stream) * 360.0 - 180.0
    if kind == SHEEP:
        dice = below(stream, 1000)
        for i in range(_COLOURS.shape[0]):
            row[COLOUR] = _COLOURS[i, 0]
            if dice < _COLOURS[i, 1]:
                break
            dice -= _COLOURS[i, 1]


@njit(cache=True, nogil=True)
def settle_animals(stream, grid, roof, mobs, packs):
    """Put packs of animals on grass; returns their number."""
    count = 0
    for _ in range(packs):
        kind, x, z = below(stream, 4), below(stream, SIZE), below(stream, SIZE)
        for _ in range(2 + below(stream, 3)):
            px, pz = (x + below(stream, 9) - 4) & WRAP, (z + below(stream, 9) - 4) & WRAP
            y = np.int64(roof[px, pz])
            if count < mobs.shape[0] and 0 < y < HEIGHT - 3 and grid[px, pz, y - 1] == _GRASS:
                new_mob(stream, mobs[count], kind, px + 0.5, y, pz + 0.5)
                count += 1
    return count


@njit(cache=True, nogil=True)
def _turn(row, yaw, most):
    """Turn towards a yaw by at most ``most`` degrees."""
    gap = (yaw - row[YAW] + 180.0) % 360.0 - 180.0
    row[YAW] = (row[YAW] + min(max(gap, -most), most) + 180.0) % 360.0 - 180.0


@njit(cache=True, nogil=True)
def _choose_goal(stream, row, player):
    """Wander now and then; run when in panic; a zombie walks to a player that is near."""
    dx, dz = player[X] - row[X], player[Z] - row[Z]
    if row[KIND] == ZOMBIE and dx * dx + dz * dz < 35.0 * 35.0:
        row[GOAL_X], row[GOAL_Z], row[GOAL] = player[X], player[Z], 1.0
    elif row[PANIC] > 0 and row[GOAL] == 0:
        row[GOAL_X], row[GOAL_Z] = row[X] + uniform(stream) * 12 - 6, row[Z] + uniform(stream) * 12 - 6
        row[GOAL] = 1.0
    elif row[GOAL] == 0 and below(stream, 120) == 0:
        row[GOAL_X], row[GOAL_Z] = row[X] + uniform(stream) * 20 - 10, row[Z] + uniform(stream) * 20 - 10
        row[GOAL] = 1.0


@njit(cache=True, nogil=True)
def _cliff(grid, row):
    """Whether the ground ahead lies more than three blocks lower."""
    a = np.deg2rad(row[YAW])
    x, z = np.int64(np.floor(row[X] - np.sin(a) * 0.8)), np.int64(np.floor(row[Z] + np.cos(a) * 0.8))
    y = np.int64(np.floor(row[Y]))
    for drop in range(1, 5):
        if solid(grid, x, y - drop, z) or (0 <= y - drop < HEIGHT and grid[x & WRAP, z & WRAP, y - drop] == _WATER):
            return False
    return not solid(grid, x, y, z)


@njit(cache=True, nogil=True)
def _walk(stream, grid, row, player):
    """One tick of a mob's decisions and steps."""
    _choose_goal(stream, row, player)
    forward, jump = 0.0, row[WET] > 0
    push = _SPEED[np.int64(row[KIND])] * (1.6 if row[PANIC] > 0 else 1.0)
    if row[GOAL] > 0:
        dx, dz = row[GOAL_X] - row[X], row[GOAL_Z] - row[Z]
        near = 0.25 if row[KIND] == ZOMBIE else 1.0
        if dx * dx + dz * dz < near or (row[KIND] != ZOMBIE and below(stream, 200) == 0):
            row[GOAL] = 0.0
        else:
            _turn(row, np.rad2deg(np.arctan2(-dx, dz)), 30.0)
            if _cliff(grid, row) and row[GROUND] > 0:
                row[GOAL] = 0.0
            else:
                forward = push
                jump = jump or row[WALL] > 0
    elif below(stream, 80) == 0:
        _turn(row, row[YAW] + uniform(stream) * 120 - 60, 60.0)
    before_x, before_z = row[X], row[Z]
    advance(grid, row, forward, 0.0, jump, False, push, 0.02)
    if row[KIND] == 3 and row[VY] < 0:
        row[VY] *= 0.6  # chickens flutter
    row[PHASE] += np.sqrt((row[X] - before_x) ** 2 + (row[Z] - before_z) ** 2)


@njit(cache=True, nogil=True)
def step_mobs(stream, grid, light, mobs, count, player, day):
    """One tick of every mob near the player; removes the dead and returns what they did.

    Args:
        stream: (1,) uint64 of the mobs.
        grid: blocks.
        light: light of the grid.
        mobs: (ROOM, MOB) float64, changed.
        count: mobs alive.
        player: the player's body.
        day: whether the sun burns zombies.

    Returns:
        (mobs alive, damage that zombies deal to the player, index of the last attacker).
    """
    damage, attacker, i = 0.0, -1, 0
    while i < count:
        row = mobs[i]
        row[X] += SIZE * np.round((player[X] - row[X]) / SIZE)  # the image of the torus nearest to the player
        row[Z] += SIZE * np.round((player[Z] - row[Z]) / SIZE)
        row[AGE] += 1.0
        dx, dy, dz = player[X] - row[X], player[Y] - row[Y], player[Z] - row[Z]
        far = dx * dx + dz * dz
        if far < ACTIVE * ACTIVE:
            for timer in (HURT, PANIC, COOL):
                row[timer] = max(row[timer] - 1.0, 0.0)
            _walk(stream, grid, row, player)
            if row[KIND] == ZOMBIE:
                if far < 1.6 and abs(dy) < 2.0 and row[COOL] == 0:
                    damage, attacker, row[COOL] = damage + 3.0, i, 20.0
                _burn(grid, light, row, day)
            elif row[SHORN] > 0 and below(stream, 1000) == 0:
                _graze(grid, row)
        hopeless = row[KIND] == ZOMBIE and far > 96.0 * 96.0
        if row[HEALTH] <= -1000.0 or hopeless or row[Y] < -8.0:
            count -= 1
            mobs[i] = mobs[count]
        else:
            i += 1
    return count, damage, attacker


@njit(cache=True, nogil=True)
def _graze(grid, row):
    """A shorn sheep on grass grows its fleece again."""
    y = np.int64(np.floor(row[Y])) - 1
    if 0 <= y < HEIGHT and grid[np.int64(np.floor(row[X])) & WRAP, np.int64(np.floor(row[Z])) & WRAP, y] == _GRASS:
        row[SHORN] = 0.0


@njit(cache=True, nogil=True)
def _burn(grid, light, row, day):
    """A zombie in the sun loses one point a second and vanishes."""
    x, z = np.int64(np.floor(row[X])) & WRAP, np.int64(np.floor(row[Z])) & WRAP
    y = min(max(np.int64(np.floor(row[Y])) + 1, 0), HEIGHT - 1)
    if day and light[x, z, y] & 15 == 15 and row[WET] == 0:
        row[FIRE] += 1.0
        if row[FIRE] % 20 == 0:
            row[HEALTH] -= 1.0
            row[HURT] = 10.0
            if row[HEALTH] <= 0:
                row[HEALTH] = -1000.0


@njit(cache=True, nogil=True)
def spawn_zombie(stream, grid, light, mobs, count, player):
    """Try one place 24 to 44 blocks away that no torch lights; returns the number of mobs."""
    angle, far = uniform(stream) * 2 * np.pi, 24.0 + 20.0 * uniform(stream)
    fx, fz = player[X] + np.cos(angle) * far, player[Z] + np.sin(angle) * far
    x, z = np.int64(np.floor(fx)), np.int64(np.floor(fz))
    y = np.int64(np.floor(player[Y])) + below(stream, 17) - 8
    for _ in range(12):
        if y < 2 or y > HEIGHT - 4 or count >= mobs.shape[0]:
            return count
        free = not solid(grid, x, y, z) and not solid(grid, x, y + 1, z) and grid[x & WRAP, z & WRAP, y] != _WATER
        if free and solid(grid, x, y - 1, z) and light[x & WRAP, z & WRAP, y] >> 4 < 8:
            new_mob(stream, mobs[count], ZOMBIE, x + 0.5, y, z + 0.5)
            return count + 1
        y += 1 if solid(grid, x, y, z) else -1
    return count


@njit(cache=True, nogil=True)
def knock(row, from_x, from_z, damage):
    """A blow: damage, a push of 0.4 away from its source, panic. Returns whether the mob died."""
    dx, dz = row[X] - from_x, row[Z] - from_z
    far = max(np.sqrt(dx * dx + dz * dz), 1e-6)
    row[VX] = row[VX] / 2 + dx / far * 0.4
    row[VZ] = row[VZ] / 2 + dz / far * 0.4
    row[VY] = min(row[VY] / 2 + 0.4, 0.4)
    row[HEALTH] -= damage
    row[HURT], row[GOAL] = 10.0, 0.0
    if row[KIND] != ZOMBIE:
        row[PANIC] = 100.0
    return row[HEALTH] <= 0
