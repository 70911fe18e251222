import numpy as np
import pytest
import torch
import torch.nn.functional as F

from papergym.wrappers.intrinsic.candidates import CandidateQueue


def unit(rows, dim=8, seed=0):
    return F.normalize(torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed)), dim=1)


def gumbel(prototypes, batch, seed=1):
    uniform = np.random.default_rng(seed).uniform(1e-9, 1, (prototypes, batch))
    return torch.tensor(-np.log(-np.log(uniform)), dtype=torch.float32)


def kth_distance(z, rows, k):
    """Every distance in float64, sorted."""
    distance = np.linalg.norm(z[:, None].astype(np.float64) - rows[None].astype(np.float64), axis=2)
    return np.sort(distance, axis=1)[:, k - 1 : k]


def test_ring_holds_last_batches_in_order():
    queue, expected = CandidateQueue(4, 8, size=12), np.zeros((12, 8), np.float32)
    for step in range(8):
        z, noise = unit(10, seed=step), gumbel(4, 10, seed=step)
        similarity = z @ unit(4, seed=99).T
        queue.observe(z, similarity, noise)
        chosen = (similarity.T + noise).argmax(dim=1)
        start = step * 4 % 12
        expected[start : start + 4] = z[chosen]
        np.testing.assert_array_equal(queue.rows, expected)


def test_candidates_follow_softmax_over_the_batch():
    queue, z = CandidateQueue(2, 8, size=6, temperature=0.5), unit(6)
    similarity = z @ unit(2, seed=5).T
    counts, draws = np.zeros((2, 6)), 20_000
    noise = gumbel(2 * draws, 6, seed=2).reshape(draws, 2, 6)
    for one in noise:
        queue.observe(z, similarity, one)
        counts[np.arange(2), queue.owners[queue.owners >= 0]] += 1
    np.testing.assert_allclose(counts / draws, torch.softmax(similarity.T / 0.5, dim=1), atol=0.015)


@pytest.mark.parametrize("k", [1, 3, 7])
def test_score_is_distance_to_kth_row(k):
    queue = CandidateQueue(16, 8, size=64, k=k)
    queue.rows.copy_(unit(64, seed=3))
    z = unit(50, seed=4)
    np.testing.assert_allclose(queue.score(z), kth_distance(z.numpy(), queue.rows.numpy(), k), rtol=1e-5)


def test_near_duplicates_are_scored_exactly():
    """Distances of 1e-3 among many: sqrt(2 - 2 cos) would be off by a quarter of them."""
    queue, base = CandidateQueue(16, 128, size=64, k=3), unit(1, 128)
    queue.rows.copy_(F.normalize(base + 1e-4 * torch.randn(64, 128, generator=torch.Generator().manual_seed(1)), dim=1))
    z = F.normalize(base + 1e-4 * unit(30, 128, seed=2), dim=1)
    np.testing.assert_allclose(queue.score(z), kth_distance(z.numpy(), queue.rows.numpy(), 3), rtol=2e-2)


def test_official_order_meets_itself_and_options_avoid_it():
    z, prototypes = unit(32), 32
    similarity, noise = z @ unit(prototypes, seed=7).T, gumbel(prototypes, 32)
    chosen = (similarity.T + noise).argmax(dim=1).bincount(minlength=32)
    official = CandidateQueue(prototypes, 8, size=128).reward(z, similarity, noise)[:, 0]
    np.testing.assert_array_equal((official == 0).numpy(), (chosen >= 3).numpy())
    assert (official == 0).any()

    masked = CandidateQueue(prototypes, 8, size=128, mask_self=True)
    reward = masked.reward(z, similarity, noise)[:, 0]
    rows = masked.rows.numpy()
    for index in range(32):
        others = rows[(masked.owners != index).numpy()]
        assert reward[index] == pytest.approx(kth_distance(z[index : index + 1].numpy(), others, 3).item(), rel=1e-5)

    first = CandidateQueue(prototypes, 8, size=128, enqueue_before_score=False)
    np.testing.assert_allclose(first.reward(z, similarity, noise), 1, rtol=1e-6)  # an empty queue: zeros at distance 1
    np.testing.assert_array_equal(first.rows[:32], masked.rows[:32])


def test_empty_rows_masked():
    z = unit(16)
    similarity, noise = z @ unit(4, seed=7).T, gumbel(4, 16)
    queue = CandidateQueue(4, 8, size=64, mask_empty=True)
    reward = queue.reward(z, similarity, noise)
    np.testing.assert_allclose(reward, kth_distance(z.numpy(), queue.rows[:4].numpy(), 3), rtol=1e-5, atol=1e-7)
    nothing = CandidateQueue(4, 8, size=64, mask_empty=True).score(z)
    np.testing.assert_array_equal(nothing, 2)


def test_urlb_pointer_overwrites_the_same_rows():
    queue = CandidateQueue(4, 8, size=16, advance=False)
    for step in range(5):
        queue.observe(unit(10, seed=step), torch.zeros(10, 4), gumbel(4, 10, seed=step))
    assert queue.rows[:4].norm() > 0 and queue.rows[4:].norm() == 0


@pytest.mark.parametrize("size", [10, 2])
def test_sizes_that_do_not_fit(size):
    with pytest.raises(ValueError, match="multiple"):
        CandidateQueue(4 if size == 10 else 2, 8, size=size, k=3)
