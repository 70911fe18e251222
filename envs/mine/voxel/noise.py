"""Seeded randomness for compiled code: a splitmix64 stream, and gradient noise on a lattice that repeats.

The streams are arrays of one uint64, so a world's random state is plain data and draws are the same on every machine.
"""

import numpy as np
from numba import njit

_SLOPES2 = np.array([(1, 1), (-1, 1), (1, -1), (-1, -1), (1.414, 0), (-1.414, 0), (1.414, 0), (-1.414, 0)] * 2, np.float64)
_SLOPES2[12:] = (0, 1.414), (0, 1.414), (0, -1.414), (0, -1.414)
_SLOPES3 = np.zeros((16, 3))
_SLOPES3[:8] = (1, 1, 0), (-1, 1, 0), (1, -1, 0), (-1, -1, 0), (1, 0, 1), (-1, 0, 1), (1, 0, -1), (-1, 0, -1)
_SLOPES3[8:] = (0, 2, 0), (0, 0, 0), (0, 0, 0), (0, -2, 0), (1, 1, 0), (0, -1, 1), (-1, 1, 0), (0, -1, -1)
"""Slopes of the lattice points by the low four bits of their hash; a table, since branches on random bits are guessed wrong."""


@njit(cache=True, nogil=True)
def next_u64(stream):
    """Next 64 random bits of ``stream``, a (1,) uint64 array (splitmix64)."""
    stream[0] += np.uint64(0x9E3779B97F4A7C15)
    z = stream[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def uniform(stream):
    """Float in [0, 1)."""
    return np.float64(next_u64(stream) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(cache=True, nogil=True)
def below(stream, n):
    """Integer in 0 .. n-1."""
    return np.int64(uniform(stream) * n)


@njit(cache=True, nogil=True)
def permutation(stream):
    """(512,) int64: a shuffled 0 .. 255, twice."""
    table = np.arange(512)
    for i in range(255, 0, -1):
        j = below(stream, i + 1)
        table[i], table[j] = table[j], table[i]
    for i in range(256):
        table[256 + i] = table[i]
    return table


@njit(cache=True, nogil=True)
def _fade(t):
    return t * t * t * (t * (t * 6.0 - 15.0) + 10.0)


@njit(cache=True, nogil=True)
def _dot2(h, x, y):
    slope = np.uint64(h & 15)
    return _SLOPES2[slope, 0] * x + _SLOPES2[slope, 1] * y


@njit(cache=True, nogil=True)
def noise2(perm, x, y, period):
    """Gradient noise in about [-1, 1]; repeats every ``period`` lattice cells, a power of two, along both axes."""
    fx, fy, wrap = np.floor(x), np.floor(y), np.int64(period) - 1
    x0, y0 = np.int64(fx) & wrap, np.int64(fy) & wrap
    x1, y1 = (x0 + 1) & wrap, (y0 + 1) & wrap
    dx, dy = x - fx, y - fy
    u, v = _fade(dx), _fade(dy)
    a = _dot2(perm[perm[x0] + y0], dx, dy)
    b = _dot2(perm[perm[x1] + y0], dx - 1.0, dy)
    c = _dot2(perm[perm[x0] + y1], dx, dy - 1.0)
    d = _dot2(perm[perm[x1] + y1], dx - 1.0, dy - 1.0)
    bottom, top = a + u * (b - a), c + u * (d - c)
    return bottom + v * (top - bottom)


@njit(cache=True, nogil=True)
def fractal2(perm, x, y, cell, octaves, size):
    """Sum of ``octaves`` of noise2, the first with cells of ``cell`` blocks, on a map that repeats every ``size`` blocks."""
    total, weight = 0.0, 1.0
    for octave in range(octaves):
        total += weight * noise2(perm, x / cell + 0.37 * octave, y / cell + 0.71 * octave, size // cell)
        weight *= 0.5
        cell = max(cell // 2, 1)
    return total


@njit(cache=True, nogil=True)
def _dot3(h, x, y, z):
    slope = np.uint64(h & 15)
    return _SLOPES3[slope, 0] * x + _SLOPES3[slope, 1] * y + _SLOPES3[slope, 2] * z


@njit(cache=True, nogil=True)
def noise3(perm, x, y, z, period):
    """Gradient noise in about [-1, 1]; x and z repeat every ``period`` cells, a power of two, y every 256."""
    fx, fy, fz, wrap = np.floor(x), np.floor(y), np.floor(z), np.int64(period) - 1
    x0, y0, z0 = np.int64(fx) & wrap, np.int64(fy) & 255, np.int64(fz) & wrap
    x1, z1 = (x0 + 1) & wrap, (z0 + 1) & wrap
    dx, dy, dz = x - fx, y - fy, z - fz
    u, v, w = _fade(dx), _fade(dy), _fade(dz)
    total = 0.0
    for i in range(2):
        column = perm[x1 if i else x0]
        for k in range(2):
            row = perm[column + (z1 if k else z0)]
            near = _dot3(perm[row + y0], dx - i, dy, dz - k)
            far = _dot3(perm[row + ((y0 + 1) & 255)], dx - i, dy - 1.0, dz - k)
            total += (u if i else 1.0 - u) * (w if k else 1.0 - w) * (near + v * (far - near))
    return total
