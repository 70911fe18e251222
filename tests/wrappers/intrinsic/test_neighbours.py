"""The k-NN search against float64 distances sorted in full, where it is easy and where float32 products go wrong."""

import numpy as np
import pytest

from papergym.wrappers.intrinsic.memory import EpisodicMemory, RingMemory
from papergym.wrappers.intrinsic.neighbours import nearest, nearest_in_slots
from papergym.wrappers.intrinsic.neighbours_torch import DeviceRing, nearest_on

SEARCHES = {"numpy": nearest, "torch": lambda *arguments, **options: nearest_on("cpu", *arguments, **options)}


def brute(queries, memory, k, skip_self=False):
    squares = ((queries[:, None].astype(np.float64) - memory[None].astype(np.float64)) ** 2).sum(-1)
    if skip_self:
        squares[np.arange(len(queries)), np.arange(len(queries))] = np.inf
    return np.sqrt(np.sort(squares, axis=1)[:, :k])


def world(kind, rng, m, d):
    rows = rng.standard_normal((m, d))
    if kind == "far":  # |x| is 3e4 times the distances: float32 products cannot order these
        rows = rows * 0.01 + 300.0
    if kind == "clusters":
        rows = rows[rng.integers(min(5, m), size=m)] + 1e-3 * rows
    if kind == "ties":
        rows = np.round(rows)
    return rows.astype(np.float32)


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("kind", ["normal", "far", "clusters", "ties"])
@pytest.mark.parametrize(
    ("n", "m", "d", "k"), [(1, 700, 3, 1), (3, 40, 64, 10), (9, 1500, 17, 3), (70, 2048, 128, 12), (16, 12, 5, 12)]
)
def test_distances_are_exact(search, kind, n, m, d, k):
    rng = np.random.default_rng(n * m)
    memory = world(kind, rng, m, d)
    queries = world(kind, rng, n, d)
    if kind == "ties":
        queries[0] = memory[-1]
    if kind == "clusters":
        queries = (memory[rng.integers(m, size=n)] + 1e-4 * queries).astype(np.float32)
    found = SEARCHES[search](queries, memory, np.einsum("ij,ij->i", memory, memory), k)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, brute(queries, memory, k), rtol=2e-6, atol=1e-12)


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("n", [3, 5, 40, 900])
def test_a_row_is_not_its_own_neighbour(search, n):
    rows = np.random.default_rng(n).standard_normal((n, 6)).astype(np.float32)
    squares = np.einsum("ij,ij->i", rows, rows)
    found = SEARCHES[search](rows, rows, squares, 2, skip_self=True)
    np.testing.assert_allclose(found, brute(rows, rows, 2, skip_self=True), rtol=2e-6)


def test_slots_search_their_own_rows_only():
    rng = np.random.default_rng(0)
    memory, counts = rng.standard_normal((3, 50, 4)).astype(np.float32), np.array([50, 0, 2])
    queries, slots = rng.standard_normal((3, 4)).astype(np.float32), np.array([2, 0, 1])
    found = nearest_in_slots(queries, slots, memory, counts, 3)
    np.testing.assert_allclose(found[0, :2], brute(queries[:1], memory[2, :2], 2)[0], rtol=2e-6)
    np.testing.assert_allclose(found[1], brute(queries[1:2], memory[0], 3)[0], rtol=2e-6)
    assert np.isinf(found[2]).all()
    assert np.isinf(found[0, 2])


def test_ring_keeps_the_latest_rows():
    ring, stream = RingMemory(5, 2), np.random.default_rng(0).standard_normal((40, 2)).astype(np.float32)
    at = 0
    for n in (1, 3, 2, 7, 1, 5, 11, 10):
        ring.add(stream[at : at + n])
        at += n
        expected = stream[max(0, at - 5) : at]
        assert sorted(map(tuple, ring.rows[: len(ring)])) == sorted(map(tuple, expected))
        np.testing.assert_allclose(ring.squares[: len(ring)], (ring.rows[: len(ring)] ** 2).sum(1), rtol=1e-6)


def test_episode_memory_grows_wraps_and_clears():
    memory, rng = EpisodicMemory(100, 2), np.random.default_rng(0)
    told = {0: [], 3: []}
    for t in range(250):
        rows = rng.standard_normal((2, 2)).astype(np.float32)
        memory.add(np.array([3, 0]), rows)
        told[3], told[0] = [*told[3], tuple(rows[0])][-100:], [*told[0], tuple(rows[1])][-100:]
        if t == 120:
            memory.clear(np.array([0]))
            told[0] = []
    assert memory.counts.tolist() == [100, 0, 0, 100]
    for slot, rows in told.items():
        assert sorted(map(tuple, memory.rows[slot, : memory.counts[slot]])) == sorted(rows)
    twin = EpisodicMemory(100, 2)
    twin.load_state_dict(memory.state_dict())
    assert twin.counts.tolist() == memory.counts.tolist()
    np.testing.assert_array_equal(twin.rows[3, :100], memory.rows[3, :100])
    with pytest.raises(ValueError, match="one transition per environment"):
        memory.add(np.array([1, 1]), rows=np.zeros((2, 2), np.float32))


@pytest.mark.parametrize("zeros", [False, True])
def test_a_ring_on_a_device_is_the_ring(zeros):
    """The same rows, searched where they lie, after single rows, batches, wraps, more rows than fit, and a loaded state."""
    rng = np.random.default_rng(4)
    plain, ring = RingMemory(60, 5, zeros=zeros), DeviceRing("cpu", 60, 5, zeros=zeros)
    queries = rng.standard_normal((7, 5)).astype(np.float32)
    for count in (1, 1, 20, 30, 25, 150, 60, 1, 0, 3):
        rows = rng.standard_normal((count, 5)).astype(np.float32)
        plain.add(rows)
        ring.add(rows)
        k = min(4, len(plain))
        np.testing.assert_allclose(ring.nearest(queries, k), brute(queries, plain.held[0], k), rtol=2e-6)
        np.testing.assert_array_equal(ring.held[0], plain.held[0])
    again = DeviceRing("cpu", 60, 5, zeros=zeros)
    again.load_state_dict(ring.state_dict())
    again.add(queries)
    plain.add(queries)
    np.testing.assert_allclose(again.nearest(queries[:, ::-1].copy(), 4), brute(queries[:, ::-1], plain.held[0], 4), rtol=2e-6)
