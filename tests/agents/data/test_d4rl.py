"""D4RL's files as they lie on disk."""

import h5py
import numpy as np
import pytest

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
        ({"actions": np.zeros((4, 1))}, "expected 9 rows"),
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
