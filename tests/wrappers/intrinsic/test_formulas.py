"""Bonuses on random streams with episode ends against float64 brute force from their formulas."""

import numpy as np
import pytest
import torch

from papergym.wrappers.intrinsic import APT, RE3, CountBonus, EpisodicNovelty, KNNNovelty, PrototypeNovelty, Transitions
from papergym.wrappers.intrinsic.candidates import CandidateQueue

KNN = {
    "proto-like": {"k": 3, "size": 50},
    "mean": {"k": 4, "size": 30, "aggregate": "mean", "transform": "log1p"},
    "running mean": {"k": 5, "size": 40, "aggregate": "mean", "scaling": "mean", "clip": 0.05, "transform": "log1p"},
    "running std": {"k": 1, "size": 7, "scaling": "std"},
    "running variance": {"k": 2, "size": 20, "scaling": "var"},
    "sphere": {"k": 3, "size": 64, "unit": True},
    "episodic": {"k": 3, "size": 6, "memory": "episodic"},
    "episodic mean": {"k": 3, "size": 60, "memory": "episodic", "aggregate": "mean"},
    "batch": {"k": 3, "size": 9, "memory": "batch", "aggregate": "mean", "transform": "log1p", "scaling": "mean", "clip": 1e-4},
}


def stream(n, steps, dim, seed=0, subset=False):
    """Steps of n environments with random ends; with ``subset`` some environments sit out, as under NEXT_STEP."""
    rng = np.random.default_rng(seed)
    obs = rng.standard_normal((n, dim)).astype(np.float32)
    for _ in range(steps):
        envs = np.sort(rng.choice(n, rng.integers(1, n + 1), replace=False)) if subset else np.arange(n)
        next_obs = (obs + 0.3 * rng.standard_normal((n, dim))).astype(np.float32)
        done = rng.random(n) < 0.1
        yield envs, obs[envs], next_obs[envs], done[envs]
        fresh = rng.standard_normal((n, dim)).astype(np.float32)
        obs = np.where(done[:, None], fresh, next_obs)


def check(bonus, brute, steps, rtol=2e-5):
    for envs, obs, next_obs, done in steps:
        batch = Transitions(next_obs=next_obs, obs=obs, done=done, env=envs)
        before = bonus.score(batch)
        rewards = bonus.reward(batch)
        assert rewards.dtype == np.float32
        np.testing.assert_array_equal(rewards, before)  # score is what reward pays, and changed nothing
        np.testing.assert_allclose(rewards, brute.step(envs, obs, next_obs, done), rtol=rtol, atol=1e-6)


@pytest.mark.parametrize("n", [1, 6])
@pytest.mark.parametrize("name", KNN)
def test_knn(name, n, reference):
    options = KNN[name]
    if options.get("memory") == "batch" and n == 1:
        n = 4
    check(KNNNovelty(**options), reference.Knn(**options), stream(n, 80, 5, subset=options.get("memory") == "episodic"))


def test_apt_by_hand(reference):
    """The running mean holds the batch that it divides, so that the first batch of a run is scaled like all others."""
    bonus, seen = APT(), []
    for _, _, next_obs, _ in stream(20, 20, 6):
        rows = list(next_obs)
        found = [reference.nearest(row, rows[:i] + rows[i + 1 :], 12) for i, row in enumerate(rows)]
        seen += found
        expected = np.log1p(np.maximum(np.array(found) / np.mean(seen) - 1e-4, 0).mean(1))
        paid = bonus.reward(next_obs)
        np.testing.assert_allclose(paid, expected, rtol=2e-5)
        np.testing.assert_array_equal(bonus.score(next_obs), paid)  # what was observed is in the mean already


def test_re3_measures_in_its_random_space(reference):
    bonus, brute = RE3(dim=8), reference.Knn(3, 10_000, transform="log1p")
    for envs, obs, next_obs, done in stream(3, 30, 6):
        vectors = bonus.features(next_obs)
        assert vectors.shape == (3, 8)
        np.testing.assert_allclose(bonus.reward(next_obs), brute.step(envs, obs, vectors, done), rtol=2e-5)
    assert not np.allclose(RE3(dim=8, seed=1).features(next_obs), vectors)
    np.testing.assert_array_equal(RE3(dim=8).features(next_obs), vectors)


@pytest.mark.parametrize("options", [{}, {"k": 3, "size": 8}, {"k": 2, "limit": 1.0}])
def test_episodic_novelty(options, reference):
    arguments = {("max_similarity" if key == "limit" else key): value for key, value in options.items()}
    check(EpisodicNovelty(**arguments), reference.Episodic(**options), stream(5, 80, 3, subset=True), rtol=1e-4)


def test_a_state_like_many_of_its_episode_earns_nothing():
    bonus, still = EpisodicNovelty(k=100, max_similarity=8.0), np.zeros((1, 2), np.float32)
    rewards = [bonus.reward(Transitions(next_obs=still, obs=still))[0] for _ in range(90)]
    assert rewards[0] == pytest.approx(1 / (1 + 1e-3))
    assert rewards[62] > 0 and rewards[63] == 0.0  # sqrt(64) + c is above 8


def test_counts_on_a_grid(reference):
    check(CountBonus(hash="grid", width=0.5), reference.Counts(0.5), stream(4, 100, 2))


def test_simhash_counts_signs_of_projections():
    bonus, rng, visits = CountBonus(hash="simhash", bits=6, seed=3), np.random.default_rng(0), {}
    matrix = np.random.default_rng(3).standard_normal((4, 6), np.float32).astype(np.float64)
    for _ in range(200):
        x = rng.standard_normal((2, 4)).astype(np.float32)
        keys = [tuple(row > 0) for row in x.astype(np.float64) @ matrix]
        np.testing.assert_allclose(bonus.reward(x), [1 / np.sqrt(visits.get(key, 0) + 1) for key in keys], rtol=1e-6)
        for key in keys:
            visits[key] = visits.get(key, 0) + 1
    assert bonus.stats()["states"] == len(visits)


def test_prototype_queue_holds_the_draws(reference):
    """With one prototype direction and a cold temperature the draw is the batch's most aligned row, by hand."""
    bonus = PrototypeNovelty(embed="flat", k=1, prototypes=2, size=4, batch_size=3, temperature=1e-3)
    bonus.set_prototypes(np.array([[5.0, 0.0], [0.0, 2.0]]))
    rows = np.array([[3.0, 0.1], [0.2, 1.0], [-1.0, -1.0]], np.float32)
    assert bonus.reward(rows[:2]).tolist() == [0.0, 0.0]  # two states wait, the queue is empty
    bonus.observe(rows[2:])  # the third fills the batch
    unit = rows.astype(np.float64) / np.linalg.norm(rows, axis=1, keepdims=True)
    expected = [min(reference.distance(x, y) for y in unit[:2]) for x in unit]
    np.testing.assert_allclose(bonus.score(rows), expected, atol=1e-6)


def test_prototype_draws_follow_the_softmax():
    """Frequencies of the draw against the exact probabilities: chi-square with 7 degrees of freedom stays below 30."""
    rng = np.random.default_rng(0)
    batch = rng.standard_normal((8, 4)).astype(np.float32)
    batch /= np.linalg.norm(batch, axis=1, keepdims=True)
    bonus = PrototypeNovelty(embed="flat", prototypes=1, size=4, temperature=0.5, batch_size=8)
    bonus.set_prototypes(rng.standard_normal((1, 4)))
    drawn = np.zeros(8)
    for _ in range(20_000):
        bonus._enqueue(batch)
        drawn[bonus._queue.owners.max()] += 1
    weights = np.exp(batch.astype(np.float64) @ bonus._vectors[0].astype(np.float64) / 0.5)
    expected = 20_000 * weights / weights.sum()
    assert ((drawn - expected) ** 2 / expected).sum() < 30


def test_prototype_reference_order_lets_a_state_meet_itself():
    """The reference code enqueues first: with k=1 drawn states score exactly 0, the fresh queue of zeros otherwise 1."""
    rows = np.random.default_rng(0).standard_normal((16, 4)).astype(np.float32)
    bonus = PrototypeNovelty(embed="flat", k=1, prototypes=4, size=8, batch_size=16, order="observe_first", zeros=True)
    rewards = bonus.reward(rows)
    copies = {tuple(row) for row in bonus.ring.rows[:4]}
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    for row, reward in zip(unit, rewards):
        assert reward == 0.0 if tuple(row) in copies else 0 < reward <= 1 + 1e-6
    fresh = PrototypeNovelty(embed="flat", k=3, prototypes=4, size=8, batch_size=1000, zeros=True)
    np.testing.assert_allclose(fresh.score(rows), 1.0, rtol=1e-6)


@pytest.mark.parametrize(("order", "zeros"), [("observe_first", True), ("score_first", True), ("score_first", False)])
def test_the_wrapper_pays_what_the_agent_would(order, zeros):
    """Two queues, one of them the agent's way: whole batches through ``CandidateQueue.reward`` with the same noise."""
    rng = np.random.default_rng(5)
    bonus = PrototypeNovelty(embed="flat", prototypes=8, size=32, batch_size=24, k=3, order=order, zeros=zeros, seed=5)
    bonus.set_prototypes(np.random.default_rng(0).standard_normal((8, 6)))
    queue = CandidateQueue(8, 6, size=32, k=3, enqueue_before_score=order == "observe_first", mask_empty=not zeros)
    for step in range(7):
        x = np.random.default_rng(step).standard_normal((24, 6)).astype(np.float32)
        paid = bonus.reward(x)
        z = torch.from_numpy(x / np.linalg.norm(x, axis=1, keepdims=True))
        noise = torch.from_numpy(rng.gumbel(size=(8, 24)).astype(np.float32))
        expected = queue.reward(z, z @ torch.from_numpy(bonus._vectors).T, noise)[:, 0]
        if step or zeros:  # an empty queue pays 0 here; the agent's option counts it as as far as can be
            np.testing.assert_allclose(paid, expected, rtol=1e-5, atol=1e-7)
        np.testing.assert_array_equal(bonus._queue.rows, queue.rows)
