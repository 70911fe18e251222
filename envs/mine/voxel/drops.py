"""Items on the ground. An item is a row of a body with further columns."""

import numpy as np
from numba import njit

from papergym.envs.mine.voxel.noise import uniform
from papergym.envs.mine.voxel.physics import BODY, TALL, VX, VY, VZ, WIDTH, X, Y, Z, fly
from papergym.envs.mine.voxel.terrain import SIZE

ITEM, PIECES, VARIANT, WEAR, DELAY, LIFE, DROP = range(BODY, BODY + 7)
"""Further columns: item id, pieces, metadata, wear, ticks until it can be picked up, age, and the row's width."""
ROOM = 128
_END = 6000  # ticks after which an item vanishes


@njit(cache=True, nogil=True)
def new_drop(stream, rows, count, x, y, z, item, pieces, variant, wear, delay):
    """Put an item at a position with a small random speed; the oldest one is removed if there is no room. Returns the count."""
    if count == rows.shape[0]:
        for i in range(count - 1):
            rows[i] = rows[i + 1]
        count -= 1
    row = rows[count]
    row[:] = 0.0
    row[X], row[Y], row[Z], row[WIDTH], row[TALL] = x, y, z, 0.25, 0.25
    row[VX], row[VY], row[VZ] = uniform(stream) * 0.2 - 0.1, 0.2, uniform(stream) * 0.2 - 0.1
    row[ITEM], row[PIECES], row[VARIANT], row[WEAR], row[DELAY] = item, pieces, variant, wear, delay
    return count + 1


@njit(cache=True, nogil=True)
def step_drops(grid, rows, count, player, touched):
    """One tick of all items.

    Args:
        grid: blocks.
        rows: (ROOM, DROP) float64, changed.
        count: items on the ground.
        player: the player's body.
        touched: (ROOM,) bool, receives which items the player can pick up now: box one wider, half a block taller.

    Returns:
        Items left after the oldest vanished.
    """
    i = 0
    while i < count:
        row = rows[i]
        row[X] += SIZE * np.round((player[X] - row[X]) / SIZE)
        row[Z] += SIZE * np.round((player[Z] - row[Z]) / SIZE)
        row[LIFE] += 1.0
        row[DELAY] = max(row[DELAY] - 1.0, 0.0)
        dx, dy, dz = row[X] - player[X], row[Y] - player[Y], row[Z] - player[Z]
        if dx * dx + dz * dz < 64.0 * 64.0:
            fly(grid, row, 0.04, 0.98)
        reach = player[WIDTH] / 2 + 1.0 + 0.125
        touched[i] = row[DELAY] == 0 and abs(dx) < reach and abs(dz) < reach and -0.75 < dy < player[TALL] + 0.5
        if row[LIFE] > _END or row[Y] < -8.0:
            count -= 1
            rows[i] = rows[count]
        else:
            i += 1
    return count


@njit(cache=True, nogil=True)
def remove_drop(rows, count, index):
    """Take an item away, keeping the order of the others; returns the count."""
    for i in range(index, count - 1):
        rows[i] = rows[i + 1]
    return count - 1
