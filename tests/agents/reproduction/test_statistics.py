"""Interquartile means and intervals against direct computations."""

import numpy as np
import pytest

from papergym.agents.reproduction.figures import common_grid, parse_curve
from papergym.agents.reproduction.statistics import estimate, estimate_curves, interquartile_mean


def test_interquartile_mean_by_hand():
    assert interquartile_mean(np.array([100.0, 1, 2, 3, -50, 4, 5, 6])) == pytest.approx((2 + 3 + 4 + 5) / 4)
    assert interquartile_mean(np.array([1.0, 2, 6])) == 3  # too few to trim


def test_interval_covers_the_mean_of_normal_runs():
    """Over 200 samples of 12 runs the 95% percentile interval holds the true value 85 to 99 times of 100."""
    generator = np.random.default_rng(0)
    inside = [found.low <= 3 <= found.high for found in (estimate(generator.normal(3, 2, 12), seed) for seed in range(200))]
    assert 0.85 <= np.mean(inside) <= 0.99


def test_interval_equals_own_bootstrap():
    values = np.array([3.0, 8, 1, 9, 4, 7])
    draws = np.random.default_rng(5).integers(6, size=(200_000, 6))
    trimmed = np.sort(values[draws], axis=1)[:, 1:5].mean(axis=1)
    found = estimate(list(values))
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(trimmed, [2.5, 97.5])), abs=0.25)
    assert (found.mean, found.std, found.count) == (values.mean(), values.std(ddof=1), 6)


def test_few_runs():
    assert np.isnan(estimate([2.0]).low) and str(estimate([2.0])) == "2"
    assert str(estimate([2.0, 2.0])) == "2"
    with pytest.raises(ValueError, match="finite numbers of at least one run"):
        estimate([])
    with pytest.raises(ValueError, match="finite"):
        estimate([1.0, float("nan")])


def test_curves_are_estimated_point_by_point():
    curves = np.random.default_rng(1).normal(size=(6, 3)) + np.array([0, 10, 20])
    center, low, high = estimate_curves(curves)
    for point in range(3):
        single = estimate(list(curves[:, point]))
        assert center[point] == single.center
        assert (low[point], high[point]) == pytest.approx((single.low, single.high), abs=0.25)


def test_curves_meet_on_common_steps():
    first, second = parse_curve("0:0 10:10 20:20"), parse_curve("5:10 15:30")
    steps, values = common_grid([first, second])
    np.testing.assert_allclose(steps, [5, 10, 15])
    np.testing.assert_allclose(values, [[5, 10, 15], [10, 20, 30]])
