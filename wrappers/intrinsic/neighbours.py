"""Exact k nearest neighbours of a few queries in a bounded float32 memory, on one CPU thread.

Few queries go through fused loops. Many queries go through matrix products in tiles (``|x|^2 - 2xy + |y|^2``), which only
*select* candidates: the candidates are scored again from their differences, and a rounding bound proves that no row left
out could be nearer. A query without such a proof (far from the origin, or full of ties) goes through the loops.
"""

import numba
import numpy as np

from papergym.envs import compiled as compiled  # before the first function is compiled

LOOP_QUERIES, CACHED_LOOP_QUERIES, CACHED_ROWS = 3, 8, 8192
"""Up to 3 queries the fused loops are faster than a matrix product, up to 8 where a memory of so few rows stays cached."""
TILE = 512
"""Memory rows per matrix product: the product of a tile stays in the cache while candidates are selected from it."""
SPARE = 6
"""Candidates selected beyond k, so that near ties are settled by exact distances."""
_UNIT = np.finfo(np.float32).eps


def nearest(queries: np.ndarray, memory: np.ndarray, squares: np.ndarray, k: int, *, skip_self: bool = False) -> np.ndarray:
    """Euclidean distances to the k nearest rows of a memory.

    Args:
        queries: (n, d) float32, contiguous.
        memory: (m, d) float32, contiguous, m >= k (m > k with ``skip_self``).
        squares: (m,) float32, squared norm of each memory row.
        k: number of neighbours.
        skip_self: leave out row i of the memory for query i.

    Returns:
        (n, k) float32, ascending along the second axis.
    """
    few = CACHED_LOOP_QUERIES if len(memory) <= CACHED_ROWS else LOOP_QUERIES
    if len(queries) <= few or k + SPARE >= len(memory) - skip_self:
        return _loops(queries, memory, k, skip_self)
    approximate = np.full((len(queries), k + SPARE), np.inf, np.float32)
    rows = np.full((len(queries), k + SPARE), -1, np.int64)
    product = np.empty((len(queries), min(TILE, len(memory))), np.float32)
    for start in range(0, len(memory), TILE):
        tile = memory[start : start + TILE]
        out = product[:, : len(tile)] if len(tile) == product.shape[1] else np.empty((len(queries), len(tile)), np.float32)
        np.matmul(queries, tile.T, out=out)
        _select(out, squares[start : start + TILE], start, skip_self, approximate, rows)
    bound = (memory.shape[1] + 8) * _UNIT  # twice the rounding error of a float32 dot product, per (|x| + |y|)^2
    return _rescore(queries, memory, approximate, rows, k, bound, float(squares.max()), skip_self)


@numba.njit(cache=True, fastmath={"reassoc", "contract", "nsz", "arcp"})
def _squared(x, y):
    total = np.float32(0.0)
    for j in range(x.shape[0]):
        difference = x[j] - y[j]
        total += difference * difference
    return total


@numba.njit(cache=True)
def _insert(best, value):
    """Put a value below the largest into an ascending row; the largest falls out."""
    place = best.shape[0] - 1
    while place > 0 and best[place - 1] > value:
        best[place] = best[place - 1]
        place -= 1
    best[place] = value


@numba.njit(cache=True)
def _one(query, memory, k, skip, best):
    for j in range(k):
        best[j] = np.inf
    for row in range(memory.shape[0]):
        distance = _squared(query, memory[row])
        if distance < best[k - 1] and row != skip:
            _insert(best, distance)
    for j in range(k):
        best[j] = np.sqrt(best[j])


@numba.njit(cache=True)
def _loops(queries, memory, k, skip_self):
    out = np.empty((queries.shape[0], k), np.float32)
    for i in range(queries.shape[0]):
        _one(queries[i], memory, k, i if skip_self else -1, out[i])
    return out


@numba.njit(cache=True)
def _select(product, squares, start, skip_self, best, rows):
    """Keep the smallest ``|y|^2 - 2xy`` of a tile, per query, with their row numbers."""
    last = best.shape[1] - 1
    for i in range(product.shape[0]):
        worst = best[i, last]
        for j in range(product.shape[1]):
            value = squares[j] - np.float32(2.0) * product[i, j]
            if value < worst and not (skip_self and start + j == i):
                place = last
                while place > 0 and best[i, place - 1] > value:
                    best[i, place] = best[i, place - 1]
                    rows[i, place] = rows[i, place - 1]
                    place -= 1
                best[i, place] = value
                rows[i, place] = start + j
                worst = best[i, last]


@numba.njit(cache=True)
def _rescore(queries, memory, approximate, rows, k, bound, largest, skip_self):
    out = np.empty((queries.shape[0], k), np.float32)
    for i in range(queries.shape[0]):
        best = np.full(k, np.inf, np.float32)
        for j in range(rows.shape[1]):
            distance = _squared(queries[i], memory[rows[i, j]])
            if distance < best[k - 1]:
                _insert(best, distance)
        square = np.float64(0.0)
        for j in range(queries.shape[1]):
            square += np.float64(queries[i, j]) ** 2
        error = bound * (np.sqrt(square) + np.sqrt(largest)) ** 2
        if best[k - 1] == 0 or best[k - 1] < approximate[i, rows.shape[1] - 1] + square - error:
            for j in range(k):
                out[i, j] = np.sqrt(best[j])
        else:
            _one(queries[i], memory, k, i if skip_self else -1, out[i])
    return out


@numba.njit(cache=True)
def nearest_in_slots(queries, slots, memory, counts, k):
    """Distances to the k nearest rows of each query's own slot; ``inf`` where a slot holds fewer than k.

    Args:
        queries: (n, d) float32.
        slots: (n,) int64, slot of each query.
        memory: (slots, capacity, d) float32.
        counts: (slots,) int64, rows filled in each slot.
        k: number of neighbours.

    Returns:
        (n, k) float32, ascending.
    """
    out = np.empty((queries.shape[0], k), np.float32)
    for i in range(queries.shape[0]):
        _one(queries[i], memory[slots[i], : counts[slots[i]]], k, -1, out[i])
    return out
