"""D4RL's files as they lie on disk."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from papergym.agents.data.minari import load_dataset
from papergym.agents.errors import UsageError

STEPS = 9


def columns():
    """Three episodes of 4, 2 and 3 steps: ended, timed out, cut at the end of the file."""
    observations = np.arange(STEPS, dtype=np.float32)[:, None] * 10
    terminals, timeouts = np.zeros(STEPS, bool), np.zeros(STEPS, bool)
    terminals[3], timeouts[5] = True, True
    actions = np.linspace(-1, 1, STEPS, dtype=np.float32)[:, None]
    rewards = np.arange(STEPS, dtype=np.float32)
    found = {"observations": observations, "actions": actions, "rewards": rewards, "terminals": terminals, "timeouts": timeouts}
    following = observations + 1
    following[[0, 1, 2, 4, 6, 7]] = observations[[1, 2, 3, 5, 7, 8]]
    return found, following


@pytest.fixture
def write(tmp_path):
    def make(**changes):
        path = tmp_path / "hopper.hdf5"
        found, _ = columns()
        with h5py.File(path, "w") as file:
            for name, column in {**found, **changes}.items():
                if column is not None:
                    file[name] = column
            file["infos/qpos"] = np.zeros((STEPS, 2))
        return str(path)

    return make


def test_with_next_observations(write):
    _, following = columns()
    data = load_dataset(write(next_observations=following))
    assert list(data.lengths) == [4, 2, 3] and list(np.flatnonzero(data.terminated)) == [3]
    np.testing.assert_array_equal(data.next_observations, following)
    assert data.action_space.low[0] == -1 and data.spec is None and data.random_return is None


def test_without_them(write):
    """The step that ended the task repeats its observation; the last steps of the others are dropped."""
    data = load_dataset(write())
    assert list(data.lengths) == [4, 1, 2] and list(data.rewards) == [0, 1, 2, 3, 4, 6, 7]
    assert list(data.next_observations[:, 0]) == [10, 20, 30, 30, 50, 70, 80]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"terminals": None}, "terminals is missing"),
        ({"timeouts": None}, "neither timeouts nor next_observations"),
        ({"actions": np.zeros((4, 1))}, r"actions: expected shape \(9, 1\), got \(4, 1\)"),
        ({"next_observations": np.zeros((STEPS, 2))}, r"next_observations: expected shape \(9, 1\), got \(9, 2\)"),
        ({"observations": None, "observations/pixels": np.zeros((STEPS, 1))}, "observations: expected an array with a row"),
        ({"rewards": np.float32(3)}, "rewards: expected an array with a row"),
        ({"rewards": np.array([b"high"] * STEPS)}, "rewards: expected numbers"),
        ({"terminals": np.where(np.arange(STEPS) == 3, np.nan, 0)}, "terminals: expected finite numbers, got one in row 3"),
        ({"actions": np.full((STEPS, 1), np.nan)}, "actions: expected finite numbers"),
        ({"rewards": np.full(STEPS, np.nan, np.float32)}, "finite"),
    ],
)
def test_bad_files(write, changes, said):
    with pytest.raises(UsageError, match=said):
        load_dataset(write(**changes))


def test_no_hdf5(tmp_path):
    path = tmp_path / "x.hdf5"
    path.write_bytes(b"nothing")
    with pytest.raises(UsageError, match="cannot be read"):
        load_dataset(str(path))
    path.write_bytes(b"")
    with pytest.raises(UsageError, match="cannot be read"):
        load_dataset(str(path))


def test_the_oldest_files_have_no_timeouts(write):
    """There an episode ends where the next observation is not the row that follows."""
    _, following = columns()
    data = load_dataset(write(timeouts=None, next_observations=following))
    assert list(data.lengths) == [4, 2, 3] and list(np.flatnonzero(data.terminated)) == [3]


@pytest.mark.parametrize("name", ["observations", "actions", "rewards"])
def test_not_finite(write, name):
    column = columns()[0][name].copy()
    column.reshape(-1)[1] = np.inf
    with pytest.raises(UsageError, match=f"{name}: expected finite numbers"):
        load_dataset(write(**{name: column}))


def test_no_rows_and_one_episode(write):
    found, following = columns()
    for more in ({}, {"next_observations": following}):
        with pytest.raises(UsageError, match="no episode"):
            load_dataset(write(**{name: column[:0] for name, column in (found | more).items()}))
        assert load_dataset(write(**{name: column[3:4] for name, column in (found | more).items()})).episodes == 1
    one = load_dataset(write(**{name: column[:4] for name, column in found.items()}))
    assert one.episodes == 1 and one.best(0.1).episodes == 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.floats(0, 0.999), flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=3))
def test_damaged_files(write, kept, flips):
    """Cut anywhere, or with bytes changed: a dataset or a UsageError that names the file, never another exception."""
    path = Path(write())
    whole = bytearray(path.read_bytes())
    for place, value in flips:
        whole[int(place * len(whole))] = value
    path.write_bytes(bytes(whole if flips else whole[: int(kept * len(whole))]))
    try:
        data = load_dataset(str(path))
    except UsageError as error:
        assert str(path) in str(error)
    else:
        assert np.isfinite(data.observations).all() and len(data) > 0
