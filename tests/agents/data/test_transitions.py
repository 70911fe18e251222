"""Minari datasets as transitions: what is read, and what is refused."""

import gymnasium as gym
import numpy as np
import pytest

from papergym.agents.data.transitions import Transitions, check_environment, load_transitions
from papergym.agents.errors import UsageError


def left(observation):
    return np.array([observation[1]], np.float32)


def test_every_transition_once(make_dataset):
    folder = make_dataset("Pendulum-v1", left, episodes=2)
    data = load_transitions(str(folder))
    assert len(data) == 400 and data.observations.shape == (400, 3) and data.spec.id == "Pendulum-v1"
    np.testing.assert_array_equal(data.actions[:, 0], data.observations[:, 1])  # each action beside what it was taken at
    assert load_transitions("test/clone-v0").digest == data.digest  # by its id
    make_dataset("Pendulum-v1", left, episodes=3)
    assert load_transitions(str(folder)).digest != data.digest


def cut_observations(columns):
    return {**columns, "observations": columns["observations"][:-1]}


def poisoned(columns):
    columns["observations"][5, 1] = np.nan
    return columns


@pytest.mark.parametrize(
    ("change", "said"), [(cut_observations, "expected 201 observations"), (poisoned, "expected finite numbers")]
)
def test_what_minari_lets_pass(make_dataset, change, said):
    act = lambda observation: np.zeros(1, np.float32)  # noqa: E731
    folder = make_dataset("Pendulum-v1", act, episodes=1, change=change)
    with pytest.raises(UsageError, match=said):
        load_transitions(str(folder))


def test_a_cut_file(make_dataset):
    folder = make_dataset("Pendulum-v1", left, episodes=1)
    file = next(folder.rglob("*.hdf5"))
    file.write_bytes(file.read_bytes()[:-3000])
    with pytest.raises(UsageError, match=r"cannot be (opened|read)"):
        load_transitions(str(folder))


@pytest.mark.parametrize("name", ["", "nobody/knows-v0", "."])
def test_no_dataset(name, tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="dataset"):
        load_transitions(name)


def test_arrays_in_memory():
    box, actions = gym.spaces.Box(-1, 1, (2,)), gym.spaces.Discrete(3)
    data = Transitions(np.zeros((4, 2), np.float32), np.arange(4) % 3, box, actions)
    assert len(data) == 4
    with pytest.raises(UsageError, match="as many observations as actions"):
        Transitions(np.zeros((4, 2)), np.arange(3), box, actions)
    with pytest.raises(UsageError, match=r"observations: expected shape \(n, 2\), got \(4, 3\)"):
        Transitions(np.zeros((4, 3)), np.arange(4), box, actions)
    with pytest.raises(UsageError, match="action_space: the dataset here has Discrete"):
        check_environment(
            Transitions(np.zeros((4, 3)), np.zeros(4, int), gym.spaces.Box(-8, 8, (3,)), actions),
            gym.make("Pendulum-v1"),
            "here",
        )
