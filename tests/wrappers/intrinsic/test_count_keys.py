"""Keys of counts: equal numbers are one state, of one length, and no cell is cut off."""

import warnings

import numpy as np
import pytest

from papergym.wrappers.intrinsic import CountBonus, Transitions, make_bonus


def test_equal_numbers_are_one_state_in_every_precision():
    bonus = CountBonus(hash="exact")
    same = [np.array([[0.0, 0.5]], np.float32), np.array([[-0.0, 0.5]], np.float32), np.array([[0.0, 0.5]], np.float64)]
    same += [np.array([[-0.0, 0.5]], np.float16)]
    for visits, observation in enumerate(same, 1):
        assert bonus.reward(observation)[0] == pytest.approx(visits**-0.5)
    assert bonus.reward(np.array([[0.0, 0.5 + 1e-12]]))[0] == 1.0  # another float64
    again = CountBonus(hash="exact")
    again.load_state_dict(bonus.state_dict())
    assert again.score(same[1])[0] == pytest.approx(5**-0.5)


def test_dicts_of_floats_too():
    bonus = CountBonus(hash="exact")
    bonus.reward({"a": np.array([[0.0]], np.float32), "b": np.array([3])})
    assert bonus.reward({"a": np.array([[-0.0]]), "b": np.array([3], np.int32)})[0] == pytest.approx(2**-0.5)


@pytest.mark.parametrize(("one", "other"), [(np.uint8, np.int64), (np.float32, np.uint8)])
def test_keys_of_another_length_are_refused(one, other):
    bonus = CountBonus(hash="exact")
    rows = np.arange(6).reshape(2, 3)
    bonus.reward(rows.astype(one))
    state = bonus.state_dict()
    for method in (bonus.reward, bonus.observe, bonus.score):
        with pytest.raises(ValueError, match=r"keys of (3|24) bytes, as those counted, got (3|24) bytes"):
            method(rows.astype(other))
    np.testing.assert_array_equal(bonus.state_dict()["visits"], state["visits"])
    bonus.load_state_dict(state)


def test_keys_of_another_length_are_refused_by_ride():
    bonus, rows = make_bonus("RIDE", hash="exact"), np.arange(6).reshape(2, 3)

    def batch(dtype):
        return Transitions(next_obs=rows.astype(dtype), obs=(rows + 1).astype(dtype), action=np.zeros((2, 1), np.float32))

    bonus.reward(batch(np.uint8))
    with pytest.raises(ValueError, match="keys of 3 bytes, as those counted, got 24 bytes"):
        bonus.reward(batch(np.int64))
    bonus.load_state_dict(bonus.state_dict())


@pytest.mark.parametrize("width", [0.1, (0.1, 0.1)])
def test_cells_that_no_integer_numbers_are_refused(width):
    """2**63 cells of 0.1 reach to about 9.2e17."""
    bonus = CountBonus(hash="grid", width=width)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bonus.reward(np.array([[9e17, 0.0]], np.float32))
        for far in (1e18, -1e18, 3e18):
            with pytest.raises(ValueError, match=r"2\*\*63 cells of width .*, got [13]e\+18. Nothing was stored"):
                bonus.reward(np.array([[0.0, 0.0], [0.0, far]], np.float32))
        assert bonus.stats()["visits"] == 1
        assert CountBonus(hash="grid", width=1e3).reward(np.array([[1e18]], np.float32))[0] == 1.0
