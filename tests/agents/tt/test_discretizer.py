"""Bins: exactly N of them on any data, and the same tokens as numpy's searchsorted."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numbers

from papergym.agents.errors import UsageError
from papergym.agents.tt.discretizer import THRESHOLDS, Discretizer, quantile_thresholds, uniform_thresholds

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 3))
SPECIAL = st.sampled_from([0.0, 1.0, np.nextafter(1.0, 2.0), -100.0, 3.5])
DATA = st.one_of(
    numbers.arrays(np.float32, SHAPES, elements=st.floats(-1e6, 1e6, width=32)),
    numbers.arrays(np.float64, SHAPES, elements=st.one_of(SPECIAL, st.floats(-1e6, 1e6))),
)


@settings(max_examples=200, deadline=None)
@given(DATA, st.integers(2, 30), st.sampled_from(sorted(THRESHOLDS)))
def test_exactly_n_bins_on_any_data(data, bins, kind):
    """They increase, hold the data, agree with searchsorted, and a bin's middle lies in the bin."""
    thresholds = THRESHOLDS[kind](data, bins)
    assert thresholds.shape == (bins + 1, data.shape[1]) and (np.diff(thresholds, axis=0) > 0).all()
    discretizer = Discretizer(thresholds)
    assert (discretizer.bins, discretizer.dimensions) == (bins, data.shape[1])
    assert not discretizer.outside(torch.tensor(data)).any()
    tokens = discretizer.tokens(torch.tensor(data))
    for column in range(data.shape[1]):
        expected = np.searchsorted(thresholds[:, column], data[:, column].astype(np.float64), side="right") - 1
        np.testing.assert_array_equal(tokens[:, column], np.clip(expected, 0, bins - 1))
    width = np.take_along_axis(np.diff(thresholds, axis=0), tokens.numpy(), 0)
    assert (np.abs(discretizer.values(tokens).numpy() - data) <= width / 2 * (1 + 1e-6)).all()
    every = torch.arange(bins)[:, None].expand(-1, data.shape[1])
    torch.testing.assert_close(discretizer.tokens(discretizer.values(every)), every)


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 40), st.integers(1, 400), st.integers(0, 10))
def test_quantile_bins_hold_equally_many(bins, rows, seed):
    data = np.random.default_rng(seed).permutation(rows)[:, None].astype(float)
    counts = np.bincount(Discretizer(quantile_thresholds(data, bins)).tokens(torch.tensor(data))[:, 0], minlength=bins)
    if rows > bins:
        assert counts.max() - counts.min() <= 1
    else:
        assert counts.max() == 1, "fewer rows than bins: each has its own"


def test_the_officials_thresholds_where_their_number_is_right():
    """Sorted data at a stride of n / N, and the largest (trajectory/utils/discretization.py)."""
    data = np.random.default_rng(0).normal(size=(3000, 4))
    expected = np.concatenate([np.sort(data, axis=0)[::30], data.max(0, keepdims=True)])
    np.testing.assert_array_equal(quantile_thresholds(data, 100), expected)
    assert len(np.sort(np.random.default_rng(0).normal(size=1010))[::11]) == 92, "where the official rule loses bins"
    assert len(quantile_thresholds(np.random.default_rng(0).normal(size=(1010, 1)), 100)) == 101


def test_uniform_bins_and_sparse_rewards():
    data = np.array([[0.0], [10.0], [3.0]])
    np.testing.assert_allclose(uniform_thresholds(data, 5)[:, 0], [0, 2, 4, 6, 8, 10])
    rewards = np.zeros((1000, 1))
    rewards[7] = 1
    tokens = Discretizer(quantile_thresholds(rewards, 100)).tokens(torch.tensor(rewards))[:, 0]
    assert tokens[7] == 99 and tokens.sum() == 99


def test_values_of_a_constant_and_outside():
    discretizer = Discretizer(quantile_thresholds(np.full((10, 1), -2.5), 7))
    value = torch.tensor([[-2.5], [-3.0], [4.0]])
    tokens = discretizer.tokens(value)
    assert tokens[:, 0].tolist() == [3, 0, 6] and discretizer.outside(value)[:, 0].tolist() == [False, True, True]
    assert discretizer.values(tokens)[0, 0] == pytest.approx(-2.5, abs=1e-5)
    assert discretizer.values(torch.tensor([[7]])) == discretizer.values(torch.tensor([[6]])), "a stop token"


def test_expectation_and_a_part_of_the_dimensions():
    generator = np.random.default_rng(0)
    thresholds = np.sort(generator.normal(size=(6, 3)), axis=0)
    discretizer = Discretizer(thresholds)
    probabilities = generator.dirichlet(np.ones(5), size=4)
    expected = probabilities @ (thresholds[:-1, 1] + thresholds[1:, 1]) / 2
    np.testing.assert_allclose(discretizer.expectation(torch.tensor(probabilities), 1), expected)
    values = torch.tensor(generator.normal(size=(2, 4, 2)))
    whole = discretizer.tokens(torch.cat((torch.zeros(2, 4, 1), values), -1))
    torch.testing.assert_close(discretizer.tokens(values, first=1), whole[..., 1:])
    torch.testing.assert_close(discretizer.values(whole[..., 1:], first=1), discretizer.values(whole)[..., 1:])


def test_bad_data_is_refused():
    for data in (np.zeros((0, 2)), np.array([[np.nan]]), np.zeros(3)):
        with pytest.raises(UsageError, match="finite numbers"):
            quantile_thresholds(data, 10)
    with pytest.raises(UsageError, match="at least 2 bins"):
        uniform_thresholds(np.zeros((3, 1)), 1)
    with pytest.raises(ValueError, match="that increase"):
        Discretizer(np.zeros((3, 1)))
