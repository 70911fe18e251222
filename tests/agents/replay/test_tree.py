import numpy as np
import pytest

from papergym.agents.replay.tree import SumTree


@pytest.mark.parametrize("capacity", [1, 7, 8, 9, 64, 65, 1000, 5000])
def test_find_agrees_with_a_cumulative_sum(capacity):
    rng = np.random.default_rng(capacity)
    values = rng.integers(0, 5, capacity).astype(float)  # integers: sums are exact, so is the comparison
    values[rng.integers(capacity)] = 3.0
    tree = SumTree(capacity)
    tree.set(np.arange(capacity), values)
    assert tree.total == values.sum()
    targets = np.arange(values.sum())
    np.testing.assert_array_equal(tree.find(targets), np.searchsorted(np.cumsum(values), targets, side="right"))


def test_duplicates_take_the_last_value_and_sums_do_not_drift():
    rng = np.random.default_rng(0)
    tree, mirror = SumTree(300), np.zeros(300)
    for _ in range(500):
        indices = rng.integers(0, 300, 64)
        values = rng.random(64) * 10.0 ** rng.integers(-8, 8)
        tree.set(indices, values)
        for index, value in zip(indices, values):
            mirror[index] = value
    fresh = SumTree(300)
    fresh.set(np.arange(300), mirror)
    np.testing.assert_array_equal(tree.leaves, mirror)
    assert tree.total == fresh.total


def test_rounding_never_ends_in_an_empty_leaf():
    tree = SumTree(1000)
    rng = np.random.default_rng(1)
    held = rng.choice(1000, 40, replace=False)
    tree.set(held, 10.0 ** rng.uniform(-12, 12, 40))
    targets = np.concatenate([tree.total * (1 - 10.0 ** -np.arange(8, 17)), [tree.total, np.nextafter(tree.total, np.inf)]])
    assert np.isin(tree.find(targets), held).all()


@pytest.mark.parametrize(("indices", "values", "error"), [([5], [1.0], IndexError), ([-1], [1.0], IndexError)])
def test_bad_indices_change_nothing(indices, values, error):
    tree = SumTree(5)
    tree.set(np.arange(5), np.ones(5))
    with pytest.raises(error, match=r"0 \.\.\. 4"):
        tree.set(np.array([0, *indices]), np.array([9.0, *values]))
    assert tree.total == 5.0


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_bad_values_change_nothing(value):
    tree = SumTree(5)
    tree.set(np.arange(5), np.ones(5))
    with pytest.raises(ValueError, match="finite"):
        tree.set(np.array([0, 1]), np.array([9.0, value]))
    assert tree.total == 5.0


def test_an_empty_tree_says_what_to_do():
    with pytest.raises(ValueError, match="add transitions"):
        SumTree(4).find(np.zeros(1))
