"""E3B, RIDE and pseudo-counts against float64 and rational arithmetic, matrices inverted whole and visits counted by hand."""

from collections import Counter
from fractions import Fraction
from math import prod

import gymnasium as gym
import numpy as np
import pytest
import torch

from papergym import wrappers
from papergym.wrappers.intrinsic import E3B, NGU, RIDE, PseudoCounts, Transitions
from papergym.wrappers.intrinsic.e3b import Ellipses, with_row
from papergym.wrappers.intrinsic.icm import features

QUICK = {"every": 8, "updates": 2, "batch_size": 8, "buffer": 64, "hidden": 16}


def forward(net, x):
    """A multi-layer perceptron in float64."""
    *hidden, (weight, bias) = [
        (m.weight.detach().double().numpy(), m.bias.detach().double().numpy()) for m in net if hasattr(m, "weight")
    ]
    for w, b in hidden:
        x = np.maximum(x @ w.T + b, 0.0)
    return x @ weight.T + bias


def encode(bonus, x):
    return forward(bonus.learner.net["encoder"].head, x.astype(np.float64))


def episodes(count, n=3, dim=4, ids=None):
    """Steps of n environments, each an unbroken chain of states within its random episodes; of few states where ``ids``."""
    rng = np.random.default_rng(0)
    places = rng.standard_normal((ids or 1, dim)).astype(np.float32)

    def draw(rows):
        return places[rng.integers(ids, size=rows)] if ids else rng.standard_normal((rows, dim)).astype(np.float32)

    obs = draw(n)
    for _ in range(count):
        next_obs, done = draw(n), rng.random(n) < 0.1
        yield Transitions(obs=obs, next_obs=next_obs, action=rng.uniform(-1, 1, (n, 2)).astype(np.float32), done=done)
        obs = np.where(done[:, None], draw(n), next_obs)


def test_rank_one_updates_are_the_inverse():
    """An episode of 1,000 states, at the ends against the matrix itself inverted; two episodes side by side."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((1000, 2, 24)) * np.geomspace(0.01, 10, 24)
    whole, inverses = np.repeat(0.1 * np.eye(24)[None], 2, 0), np.repeat(10 * np.eye(24)[None], 2, 0)
    for t, pair in enumerate(rows):
        inverses = with_row(inverses, pair)
        whole += pair[:, :, None] * pair[:, None, :]
        if t in (0, 1, 30, 999):
            np.testing.assert_allclose(inverses, np.linalg.inv(whole), rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("ridge", [0.1, 2.0])
def test_e3b(ridge):
    bonus, seen = E3B(dim=5, ridge=ridge, **QUICK), {}
    for t, batch in enumerate(episodes(60)):
        bonus.score(batch)  # builds the networks
        obs, next_obs = encode(bonus, batch.obs), encode(bonus, batch.next_obs)
        expected = []
        for env in range(3):
            rows = seen.setdefault(env, [obs[env]])
            matrix = ridge * np.eye(5) + sum(np.outer(row, row) for row in rows)
            expected.append(next_obs[env] @ np.linalg.inv(matrix) @ next_obs[env])
            rows.append(next_obs[env])
            if batch.done[env]:
                del seen[env]
        np.testing.assert_allclose(bonus.reward(batch), expected, rtol=1e-3, err_msg=str(t))


def test_e3b_on_one_hot_features_is_one_over_visits():
    """The case in which the paper's bonus is a count: the n-th earlier visit leaves 1 / (ridge + n)."""
    ellipses, visits = Ellipses(4, 0.5), Counter()
    for state in np.random.default_rng(0).integers(4, size=200):
        inverses, _ = ellipses(np.array([0]))
        row = np.eye(4)[state]
        assert row @ inverses[0] @ row == pytest.approx(1 / (0.5 + visits[state]), rel=1e-12)
        ellipses.put(np.array([0]), with_row(inverses, row[None]))
        visits[state] += 1


def test_e3b_forgets_at_the_end_of_an_episode():
    bonus, (batch,) = E3B(dim=5, **QUICK), episodes(1)
    batch.done = np.array([False, True, False])
    first = bonus.score(batch)
    bonus.observe(batch)
    again = bonus.score(batch)
    # Only the new episodes' first states are encoded: one row now, three before. A product of one row may round otherwise.
    assert again[1] == pytest.approx(first[1], rel=1e-6) and (again[[0, 2]] < 0.9 * first[[0, 2]]).all()
    bonus.reset(np.array([0]))
    assert bonus.score(batch)[0] == pytest.approx(first[0], rel=1e-6)
    bonus.reset()
    np.testing.assert_array_equal(bonus.score(batch), first)


@pytest.mark.parametrize("options", [{"hash": "exact"}, {"hash": "grid", "width": 0.01}])
def test_ride(options):
    """Of six places, so that episodes come back to some."""
    bonus, seen, most = RIDE(dim=5, **options, **QUICK), {}, 0
    for t, batch in enumerate(episodes(60, ids=6)):
        bonus.score(batch)
        impact = np.linalg.norm(encode(bonus, batch.next_obs) - encode(bonus, batch.obs), axis=1)
        expected = []
        for env in range(3):
            visits = seen.setdefault(env, Counter([batch.obs[env].tobytes()]))
            visits[batch.next_obs[env].tobytes()] += 1
            expected.append(impact[env] / np.sqrt(visits[batch.next_obs[env].tobytes()]))
            most = max(most, *visits.values())
            if batch.done[env]:
                del seen[env]
        np.testing.assert_allclose(bonus.reward(batch), expected, rtol=1e-4, atol=1e-6, err_msg=str(t))
    assert most >= 4


def test_the_loss_of_ride():
    """Mean Euclidean error of the forward model and mean squared error of the inverse model, weighed, in float64."""
    bonus, (batch,) = RIDE(dim=5, forward_weight=3.0, inverse_weight=0.5, **QUICK), episodes(1)
    bonus.score(batch)
    net = bonus.learner.net
    now, then = encode(bonus, batch.obs), encode(bonus, batch.next_obs)
    forward_error = forward(net["forward_model"], np.concatenate([now, batch.action], 1)) - then
    inverse_error = forward(net["inverse_model"], np.concatenate([now, then], 1)) - batch.action
    expected = 3.0 * np.linalg.norm(forward_error, axis=1).mean() + 0.5 * (inverse_error**2).mean()
    rows = {"obs_flat": batch.obs, "next_flat": batch.next_obs, "action": batch.action}
    assert bonus._loss(net, {name: torch.from_numpy(row) for name, row in rows.items()}).item() == pytest.approx(
        expected, rel=1e-4
    )


@pytest.mark.parametrize("kind", [E3B, RIDE])
def test_the_features_tell_the_action(kind):
    """In a world whose first element the action moves and whose second is noise, the inverse model learns to tell actions."""
    rng, bonus = np.random.default_rng(0), kind(every=32, updates=8, lr=3e-3, dim=16, hidden=32)
    bonus.bind(gym.spaces.Box(-9, 9, (2,)), gym.spaces.Discrete(3, start=1))
    for _ in range(150):
        obs, action = rng.standard_normal((32, 2)).astype(np.float32), rng.integers(1, 4, 32)
        next_obs = np.stack([obs[:, 0] + action - 2, rng.standard_normal(32)], 1).astype(np.float32)
        bonus.observe(Transitions(obs=obs, next_obs=next_obs, action=action, done=np.ones(32, bool)))
    batch = {"obs_flat": torch.from_numpy(obs), "next_flat": torch.from_numpy(next_obs)}
    now, then = features(bonus.learner.net["encoder"], batch)
    told = bonus.learner.net["inverse_model"](torch.cat([now, then], 1)).argmax(1).numpy() + 1
    assert (told == action).mean() > 0.9


def pseudo_count(state, seen, prior):
    """``p (1 - p') / (p' - p)`` in rational numbers, where floating-point differences would cancel."""

    def density(rows):
        of_elements = zip(*rows, strict=True) if rows else [()] * len(state)
        return prod((column.count(value) + prior) / (len(rows) + 2 * prior) for value, column in zip(state, of_elements))

    before, after = density(seen), density([*seen, state])
    return before * (1 - after) / (after - before)


@pytest.mark.parametrize("prior", [Fraction(1, 2), Fraction(1, 1000)])
def test_pseudo_counts_are_those_of_the_density(prior):
    rng, seen = np.random.default_rng(0), []
    bonus = PseudoCounts(prior=float(prior), c=0.25)
    for _ in range(40):
        batch = rng.integers(3, size=(2, 4))
        expected = [1 / np.sqrt(float(pseudo_count(tuple(row), seen, prior)) + 0.25) for row in batch.tolist()]
        np.testing.assert_allclose(bonus.reward(batch), expected, rtol=1e-6)
        seen += [tuple(row) for row in batch.tolist()]
    stored = Transitions(next_obs=batch[1:], stored=True)  # paid as if its own visit were still to come
    expected = 1 / np.sqrt(float(pseudo_count(seen[-1], seen[:-1], prior)) + 0.25)
    np.testing.assert_allclose(bonus.score(stored), [expected], rtol=1e-6)


@pytest.mark.parametrize("prior", [0.5, 1e-6])
def test_in_a_tabular_world_pseudo_counts_are_counts(prior):
    env = wrappers.PseudoCountReward(gym.make("FrozenLake-v1", is_slippery=True), prior=prior, normalize=False)
    env.action_space.seed(0)
    env.reset(seed=0)
    visits = Counter()
    for _ in range(500):
        state, _, terminated, truncated, info = env.step(env.action_space.sample())
        assert info["reward_intrinsic"] == pytest.approx((visits[state] + prior + 0.01) ** -0.5, rel=1e-5)
        visits[state] += 1
        if terminated or truncated:
            env.reset()
    assert max(visits.values()) > 50 and len(visits) > 8


def test_pseudo_counts_generalize_over_elements():
    """A new pair of two known values is better known than a pair with a new value, which an exact count calls the same."""
    bonus = PseudoCounts()
    bonus.observe(np.array([[0, 0], [1, 1]] * 20))
    known, pair, new = bonus.score(np.array([[0, 0], [0, 1], [0, 2]]))
    assert known == pytest.approx(pair) and new > 2 * pair


def test_cells_of_pseudo_counts():
    bonus, rows = PseudoCounts(width=0.5), np.array([[0.1], [0.4], [-0.1], [1e15], [0.6]], np.float32)
    for row in rows[:4]:
        bonus.observe(row[None])
    counts = 1 / bonus.score(rows).astype(np.float64) ** 2 - 0.01
    np.testing.assert_allclose(counts, [2.5, 2.5, 1.5, 1.5, 0.5], rtol=1e-5)


def test_pseudo_counts_of_many_new_elements_stay_finite():
    bonus = PseudoCounts()
    bonus.observe(np.zeros((50, 3000), np.int64))
    known, new = bonus.score(np.stack([np.zeros(3000, np.int64), np.ones(3000, np.int64)]))
    assert known < 1 and new == pytest.approx(10.0)  # 1 / sqrt(0.01)


def test_rlexplores_pseudo_counts_are_ngu_without_its_lifelong_factor(reference):
    """What that library calls so: the kernel of Never Give Up on controllable features."""
    bonus, brute = NGU(k=3, dim=5, limit=1.0, **QUICK), reference.Episodic(k=3)
    for batch in episodes(40):
        bonus.score(batch)
        expected = brute.step(range(3), list(encode(bonus, batch.obs)), list(encode(bonus, batch.next_obs)), batch.done)
        np.testing.assert_allclose(bonus.reward(batch), expected, rtol=2e-3)
