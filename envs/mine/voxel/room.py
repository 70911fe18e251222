"""Free boxes: how far a ray may leap from each cell.

There are three kinds of cells: air, water, and everything else; plants count as air, see :mod:`.crosses`. Each cell has two
boxes of its kind. Both reach equally far to all four sides. One goes down, for rays that fall, and one goes up, for rays that
rise. A ray crosses its box in one leap. Boxes depend on the blocks alone, so a restored world draws the same image.

A byte of ``room`` holds a box: in the low four bits its reach to the sides, 1 to REACH, in the next three its height less one,
and IN_WATER. It is 0 for a filled cell. A box is 2 reach - 1 cells wide and deep. Of the heights up to TALLEST, it has the one
for which the lesser of reach and STEEP times height is largest, because most rays are flat.
"""

import threading

import numpy as np

from papergym.envs.mine.voxel import blocks
from papergym.envs.mine.voxel.kernel import entry_point, kernel
from papergym.envs.mine.voxel.terrain import HEIGHT, SIZE, WRAP

REACH, TALLEST, STEEP = 15, 4, 3
IN_WATER = 128
X_SHIFT, Z_SHIFT, TALL, FALLING = 16, 8, 128, 128
"""The box of a cell is at ``x << X_SHIFT | z << Z_SHIFT | y``, plus FALLING for rays that fall. Some places are not used."""
END = SIZE << X_SHIFT
OPEN = END + 1
"""Places of two more cells: a filled one where rays end, and an open one that stands for all that is above the world."""
_WATER, _NOTHING = np.uint8(blocks.WATER), np.uint8(blocks.AIR)
_PLANTS = tuple((np.uint8(first), np.uint8(count)) for first, count in blocks.runs(blocks.SHAPE_CROSS))
_AIR, _FILLED, _WET = np.uint8(1), np.uint8(2), np.uint8(IN_WATER)  # bits of the kinds
_NONE, _ONE, _FREE = np.uint8(0), np.uint8(1), np.uint8(REACH)
_PAD, _BEST = TALLEST - 1, np.uint64(TALL)
_TILE, _MARGIN = 64, REACH
_EDGE = 2 * REACH - 1
"""Width of the square of columns whose boxes a change may touch."""
_LOCAL = threading.local()


def work() -> tuple[np.ndarray, ...]:
    """Room to work in, one for each thread; what it holds between two calls means nothing."""
    if not hasattr(_LOCAL, "work"):
        n, edge = _TILE + 2 * _MARGIN, _EDGE + 2 * _MARGIN
        shapes = ((3, n, n, HEIGHT), (3, edge, edge, 1), (TALL + 2 * _PAD,), (2 * TALL,))
        _LOCAL.work = tuple(np.empty(shape, np.uint8) for shape in shapes)
    return _LOCAL.work


def empty() -> tuple[np.ndarray, np.ndarray]:
    """(room, flat) of an empty world; ``flat`` (SIZE, SIZE, HEIGHT) uint8 holds boxes as high as their cell."""
    room = np.full(END + 2, REACH | _PAD << 4, np.uint8)
    room[END], room[OPEN] = 0, REACH
    return room, np.full((SIZE, SIZE, HEIGHT), REACH, np.uint8)


@kernel
def _kinds(column, to, count):
    """A bit for the kind of each cell of a column."""
    for j in range(count):
        kind = _FILLED if column[j] != _WATER else _WET
        to[j] = kind if column[j] != _NOTHING else _AIR
    for first, many in _PLANTS:
        for j in range(count):
            to[j] = _AIR if np.uint8(column[j] - first) < many else to[j]


@kernel
def _mingle(own, before, after, to, count):
    """The bits of each cell and of its two neighbours."""
    for j in range(count):
        to[j] = own[j] | before[j] | after[j]


@kernel
def _lower(own, a, b, c, d, count):
    """No cell is farther from the next other kind than its neighbours by more than one."""
    for j in range(count):
        own[j] = min(own[j], np.uint8(min(min(a[j], b[j]), min(c[j], d[j])) + _ONE))


@kernel
def _reach(work, n, count):
    """From the kinds in ``work[0]``, (n, n, count), to the reach within each layer in ``work[1]``, exact from _MARGIN on."""
    kind, reach, bits = work[0], work[1], work[2]
    for i in range(n):
        for k in range(1, n - 1):
            _mingle(kind[i, k], kind[i, k - 1], kind[i, k + 1], bits[i, k], count)
    for i in range(1, n - 1):
        for k in range(1, n - 1):
            own, to, a, b, c = kind[i, k], reach[i, k], bits[i - 1, k], bits[i, k], bits[i + 1, k]
            for j in range(count):
                to[j] = _FREE if (a[j] | b[j] | c[j]) == own[j] else _ONE
    # Two passes give the exact distance on a grid with diagonal steps.
    for i in range(2, n - 1):
        for k in range(2, n - 2):
            _lower(reach[i, k], reach[i, k - 1], reach[i - 1, k - 1], reach[i - 1, k], reach[i - 1, k + 1], count)
    for i in range(n - 3, _MARGIN - 1, -1):
        for k in range(n - 3, 1, -1):
            _lower(reach[i, k], reach[i, k + 1], reach[i + 1, k - 1], reach[i + 1, k], reach[i + 1, k + 1], count)


@kernel
def _flat(kind, reach):
    """The byte of a box as high as its cell."""
    return _NONE if kind == _FILLED else np.uint8(reach | (kind & _WET))


@kernel
def _choose(column, line, room, place, count, way):
    """Choose the boxes of ``count`` cells above each other, up (way 1) or down (-1).

    Their flat boxes are in ``column``, with _PAD more cells at both ends.
    """
    # Few arrays: the compiler makes vector code only where it needs few tests that they do not overlap.
    own, out = column[_PAD : _PAD + count], room[place : place + count]
    for j in range(np.uint64(count)):
        least = own[j] & _FREE
        line[j], line[_BEST + j], out[j] = least, min(least, np.uint8(STEEP)), own[j]
    for more in range(1, TALLEST):
        other, worth, mark = column[_PAD + way * more :][:count], np.uint8(STEEP * (more + 1)), np.uint8(more << 4)
        for j in range(np.uint64(count)):
            wet = own[j] & _WET
            there = np.uint8(other[j] ^ wet)  # above _FREE for another kind
            least = min(line[j], there if there <= _FREE else _NONE)
            value, best = min(least, worth), line[_BEST + j]
            out[j] = np.uint8(least | mark | wet) if value > best else out[j]
            line[j], line[_BEST + j] = least, max(best, value)


@kernel
def _raise(flat, room, column, line, x, z, bottom, top):
    """Choose the boxes of a column from ``bottom`` to ``top`` anew."""
    low, high = max(bottom - _PAD, 0), min(top + _PAD, HEIGHT)
    column[: low - bottom + _PAD] = _NONE
    from_grid, own = flat[x, z, low:high], column[low - bottom + _PAD :][: high - low]
    for j in range(high - low):
        own[j] = from_grid[j]
    column[high - bottom + _PAD : top - bottom + 2 * _PAD] = _FREE
    place = (x << X_SHIFT) | (z << Z_SHIFT) | bottom
    _choose(column, line, room, place, top - bottom, 1)
    _choose(column, line, room, place + FALLING, top - bottom, -1)


@kernel
def _ceiling(grid):
    """Highest cell that is not air."""
    ceiling = 0
    for x in range(SIZE):
        for z in range(SIZE):
            y = HEIGHT - 1
            while y > ceiling and grid[x, z, y] == _NOTHING:
                y -= 1
            ceiling = max(ceiling, y)
    return ceiling


@entry_point
def fit_all(grid, room, flat, work, _, column, line):  # noqa: D417
    """Measure the whole world; returns the highest cell that is not air.

    Args:
        grid: blocks of :class:`.grid.Grid`.
        room, flat: written, see :func:`empty`.
        work, column, line: of :func:`work`.
    """
    cells, reach, n = work[0], work[1], _TILE + 2 * _MARGIN
    for x0 in range(0, SIZE, _TILE):
        for z0 in range(0, SIZE, _TILE):
            for i in range(n):
                for k in range(n):
                    _kinds(grid[(x0 + i - _MARGIN) & WRAP, (z0 + k - _MARGIN) & WRAP], cells[i, k], HEIGHT)
            _reach(work, n, HEIGHT)
            for i in range(_TILE):
                for k in range(_TILE):
                    own, far, to = cells[i + _MARGIN, k + _MARGIN], reach[i + _MARGIN, k + _MARGIN], flat[x0 + i, z0 + k]
                    for j in range(HEIGHT):
                        to[j] = _flat(own[j], far[j])
    for x in range(SIZE):
        for z in range(SIZE):
            _raise(flat, room, column, line, x, z, 0, TALL)
    return _ceiling(grid)


@entry_point
def fit_near(grid, room, flat, x, z, y, _, plane, column, line):
    """Measure again what a change of the cell (x, z, y) may have touched. Other arguments as for :func:`fit_all`."""
    _kinds(grid[x, z][y:], column, 1)
    kind, old = column[0], flat[x, z, y]
    if kind == (_FILLED if old == _NONE else (_WET if old >= _WET else _AIR)):
        return
    n = _EDGE + 2 * _MARGIN
    for i in range(n):
        for k in range(n):
            value = flat[(x + i - n // 2) & WRAP, (z + k - n // 2) & WRAP, y]
            plane[0, i, k, 0] = _FILLED if value == _NONE else (_WET if value >= _WET else _AIR)
    plane[0, n // 2, n // 2, 0] = kind
    _reach(plane, n, 1)
    bottom, top = max(y - _PAD, 0), min(y + TALLEST, HEIGHT)
    for i in range(_MARGIN, _MARGIN + _EDGE):
        for k in range(_MARGIN, _MARGIN + _EDGE):
            px, pz, value = (x + i - n // 2) & WRAP, (z + k - n // 2) & WRAP, _flat(plane[0, i, k, 0], plane[1, i, k, 0])
            if flat[px, pz, y] != value:
                flat[px, pz, y] = value
                _raise(flat, room, column, line, px, pz, bottom, top)
