import numpy as np
import pytest

from papergym.agents.protorl.coverage import coverage, occupied_cells, particle_entropy


def test_cells_counted_by_hand():
    reference = np.array([[-1.0, -1.0], [1.0, 1.0]])  # mean 0, standard deviation 1: cells of half a unit
    visited = np.array([[0.1, 0.1], [0.4, 0.4], [0.6, 0.1], [-0.1, 0.1]])
    assert occupied_cells(visited, reference) == 3
    three = np.column_stack([visited, visited[:, :1]])
    wide = np.column_stack([reference, reference[:, :1]])
    assert occupied_cells(three, wide) == pytest.approx((3 + 3 + 3) / 3)


def test_entropy_grows_by_log_of_the_scale():
    points = np.random.default_rng(0).normal(size=(2000, 3))
    assert particle_entropy(points * 2, points) - particle_entropy(points, points) == pytest.approx(np.log(2))


def test_wider_walk_covers_more():
    rng = np.random.default_rng(1)
    baseline = rng.normal(size=(1000, 4))
    assert coverage(baseline, baseline)["coverage_ratio"] == 1
    found = coverage(rng.normal(size=(800, 4)) * 3, baseline)
    assert found["coverage_ratio"] > 1.5 and found["coverage_entropy"] > found["coverage_entropy_random"]
    constant = np.column_stack([baseline, np.ones(1000)])  # a feature that never changes counts for nothing
    assert coverage(constant, constant)["coverage_cells"] == pytest.approx(coverage(baseline, baseline)["coverage_cells"])
