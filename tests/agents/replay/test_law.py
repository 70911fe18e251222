"""The sampling law of both variants against P(i) computed here from the definitions of the paper (section 3.3)."""

import numpy as np
import pytest
from scipy import stats

from papergym.agents.replay.ranks import FallingOrder, RankLaw

BATCH, BATCHES = 32, 3000


def law(variant: str, alpha: float, errors: np.ndarray, epsilon: float) -> np.ndarray:
    if variant == "proportional":
        mass = (np.abs(errors) + epsilon) ** alpha
    else:
        mass = (1.0 + np.argsort(np.argsort(-np.abs(errors)))) ** -alpha
    return mass / mass.sum()


def counts(buffer, batches=BATCHES) -> np.ndarray:
    total = np.zeros(len(buffer))
    for _ in range(batches):
        np.add.at(total, buffer.sample(BATCH).indices, 1)
    return total


@pytest.mark.parametrize("n_envs", [1, 4])
@pytest.mark.parametrize("variant", ["proportional", "rank"])
def test_chi_square(filled, variant, n_envs):
    buffer = filled(60 // n_envs, 60, n_envs, variant=variant, epsilon=1e-2)
    errors = np.random.default_rng(0).normal(size=60) ** 3
    buffer.update_priorities(np.arange(60), errors)
    expected = law(variant, buffer.alpha, errors, 1e-2)
    seen = counts(buffer)
    assert stats.chisquare(seen, expected * seen.sum()).pvalue > 1e-3
    other = law("rank" if variant == "proportional" else "proportional", buffer.alpha, errors, 1e-2)
    assert stats.chisquare(seen, other * seen.sum()).pvalue < 1e-6, "the test must be able to tell the two laws apart"


@pytest.mark.parametrize("variant", ["proportional", "rank"])
def test_one_draw_from_each_equal_share(filled, variant):
    buffer = filled(200, 200, variant=variant)
    errors = np.random.default_rng(1).exponential(size=200)
    buffer.update_priorities(np.arange(200), errors)
    mass = law(variant, buffer.alpha, errors, 1e-6)
    order = np.argsort(-errors) if variant == "rank" else np.arange(200)
    edges = np.concatenate([[0.0], np.cumsum(mass[order])])
    place = np.empty(200, int)
    place[order] = np.arange(200)
    for _ in range(50):
        drawn = place[buffer.sample(BATCH).indices]
        share = np.arange(BATCH)
        assert (edges[drawn] < (share + 1) / BATCH + 1e-9).all()
        assert (edges[drawn + 1] > share / BATCH - 1e-9).all()


@pytest.mark.parametrize("variant", ["proportional", "rank"])
def test_importance_weights(filled, variant):
    buffer = filled(50, 50, variant=variant)
    errors = np.random.default_rng(2).exponential(size=50)
    buffer.update_priorities(np.arange(50), errors)
    buffer.anneal(0.5)
    assert buffer.beta == pytest.approx({"proportional": 0.7, "rank": 0.75}[variant])
    batch = buffer.sample(BATCH)
    direct = (50 * law(variant, buffer.alpha, errors, 1e-6)[batch.indices]) ** -buffer.beta
    np.testing.assert_allclose(batch.weights[:, 0], direct / direct.max(), rtol=1e-5)


def test_weighted_average_is_the_uniform_average(filled):
    """With beta = 1 and no batch normalisation, importance sampling is unbiased: E[w x] = mean of x."""
    buffer = filled(50, 50, beta=1.0)
    errors = np.random.default_rng(3).exponential(size=50)
    buffer.update_priorities(np.arange(50), errors)
    probability = law("proportional", 0.6, errors, 1e-6)
    drawn = np.concatenate([buffer.sample(BATCH).indices for _ in range(2000)])
    estimate = (drawn / (50 * probability[drawn])).mean()
    assert estimate == pytest.approx(24.5, rel=0.02)


def test_alpha_zero_is_uniform(filled):
    buffer = filled(40, 40, alpha=0.0)
    buffer.update_priorities(np.arange(40), np.arange(40.0) ** 4)
    seen = counts(buffer, 500)
    assert stats.chisquare(seen).pvalue > 1e-3


@pytest.mark.parametrize("variant", ["proportional", "rank"])
def test_new_transitions_have_the_largest_priority_so_far(filled, variant):
    buffer = filled(40, 100, variant=variant)
    buffer.update_priorities(np.arange(40), np.full(40, 1e-3))
    buffer.update_priorities(np.array([7]), np.array([50.0]))
    buffer.update_priorities(np.array([7]), np.array([1e-3]))
    filled.extend(buffer, 40)
    seen = counts(buffer, 300)
    assert seen.argmax() == 40
    if variant == "proportional":
        mass = np.append(np.full(40, (1e-3 + 1e-6) ** 0.6), (50 + 1e-6) ** 0.6)
        assert seen[40] / seen.sum() == pytest.approx(mass[40] / mass.sum(), abs=0.02)


@pytest.mark.parametrize("share", (0.01, 0.4, 0.9))  # few changes are merged into the last order, many sorted anew
def test_falling_order(share):
    rng = np.random.default_rng(0)
    values, order = rng.exponential(size=5000), FallingOrder(5000)
    values[::7] = 1.0
    values[3] = 0.0
    for filled in (3000, 3000, 4000, 5000, 5000):
        order.sort(values[:filled])
        np.testing.assert_array_equal(order.slots, np.argsort(-values[:filled].astype(np.float32), kind="stable"))
        changed = rng.integers(0, 5000, int(5000 * share))
        values[changed] = rng.exponential(size=len(changed)).round(2)
        order.touch(changed)
        order.touch(slice(filled, 5000))  # slots that are new at the next sort


@pytest.mark.parametrize("alpha", (0.0, 0.6, 1.0, 2.0))
@pytest.mark.parametrize("capacity", (1, 7, 100_000))
def test_ranks_of_targets(alpha, capacity):
    law, rng = RankLaw(capacity, alpha), np.random.default_rng(1)
    for ranks in {1, (capacity + 1) // 2, capacity}:
        held = law.cumulative[:ranks]
        chosen = rng.choice(held, 300)
        targets = np.concatenate(
            [[0.0], rng.random(3000) * held[-1], chosen, np.nextafter(chosen, 0), np.nextafter(chosen, np.inf)]
        )
        np.testing.assert_array_equal(law.find(targets, ranks), held.searchsorted(targets, side="right"))


@pytest.mark.parametrize("size, n_envs", [(50, 1), (24, 2), (200, 1)])  # full, full of two environments, not yet full
@pytest.mark.parametrize("variant", ["proportional", "rank"])
def test_weights_by_the_largest_of_the_buffer(filled, variant, size, n_envs):
    """In the words of baselines: the weight of every transition held, by brute force, over the largest of them."""
    buffer = filled(50, size, n_envs, variant=variant, largest_weight="buffer", epsilon=1e-3)
    held = len(buffer.priorities.get_state()["leaves" if variant == "proportional" else "priorities"])
    errors = np.random.default_rng(4).exponential(size=held)
    buffer.update_priorities(np.arange(held), errors)
    buffer.anneal(0.5)
    every = (held * law(variant, buffer.alpha, errors, 1e-3)) ** -buffer.beta
    largest = 0.0
    for _ in range(20):
        batch = buffer.sample(8)
        np.testing.assert_allclose(batch.weights[:, 0], every[batch.indices] / every.max(), rtol=1e-5)
        largest = max(largest, batch.weights.max().item())
    assert 0 < largest <= 1
    assert min(buffer.sample(8).weights.max().item() for _ in range(20)) < 1, "no batch tells the two scales apart"
