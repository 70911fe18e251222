"""Minari datasets as transitions: what is read, and what is refused."""

import gymnasium as gym
import numpy as np
import pytest

from papergym.agents.data.dataset import Dataset, Episode, check_environment
from papergym.agents.data.minari import load_dataset
from papergym.agents.errors import UsageError


def left(observation):
    return np.array([observation[1]], np.float32)


def test_every_transition_once(make_dataset):
    folder = make_dataset("Pendulum-v1", left, episodes=2)
    data = load_dataset(str(folder))
    assert len(data) == 400 and data.observations.shape == (400, 3) and data.spec.id == "Pendulum-v1"
    np.testing.assert_array_equal(data.actions[:, 0], data.observations[:, 1])  # each action beside what it was taken at
    assert load_dataset("test/clone-v0").digest == data.digest  # by its id
    make_dataset("Pendulum-v1", left, episodes=3)
    assert load_dataset(str(folder)).digest != data.digest


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
        load_dataset(str(folder))


def test_a_cut_file(make_dataset):
    folder = make_dataset("Pendulum-v1", left, episodes=1)
    file = next(folder.rglob("*.hdf5"))
    file.write_bytes(file.read_bytes()[:-3000])
    with pytest.raises(UsageError, match=r"cannot be (opened|read)"):
        load_dataset(str(folder))


@pytest.mark.parametrize("name", ["", "nobody/knows-v0", "."])
def test_no_dataset(name, tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="dataset"):
        load_dataset(name)


BOX, CHOICES = gym.spaces.Box(-1, 1, (2,)), gym.spaces.Discrete(3)


def episode(steps, rewards=None, *, seen=None, width=2, dtype=int, terminated=False):
    observations = np.arange(float((steps if seen is None else seen - 1) + 1))[:, None].repeat(width, 1)
    return Episode(observations, np.arange(steps).astype(dtype) % 3, np.ones(steps) if rewards is None else rewards, terminated)


def test_arrays_in_memory():
    data = Dataset.from_episodes([episode(3, np.array([1.0, 2, 4])), episode(2, terminated=True)], BOX, CHOICES)
    assert len(data) == 5 and data.episodes == 2 and list(data.lengths) == [3, 2] and list(data.returns) == [7, 2]
    assert list(data.returns_to_go()) == [7, 6, 4, 2, 1] and list(data.returns_to_go(0.5)) == [3, 4, 4, 1.5, 1]
    assert list(data.terminated) == [False] * 4 + [True] and list(data.timesteps()) == [0, 1, 2, 0, 1]
    assert list(data.next_observations[:, 0]) == [1, 2, 3, 1, 2]
    again = data.episode(1)
    assert list(again.observations[:, 0]) == [0, 1, 2] and again.terminated and list(again.rewards) == [1, 1]


def test_delayed_rewards():
    """By hand: the whole return at the last step, ended or cut; nothing else changes, and the original stays."""
    data = Dataset.from_episodes([episode(3, np.array([1.0, 2, 4])), episode(2, terminated=True)], BOX, CHOICES)
    late = data.with_delayed_rewards()
    assert list(late.rewards) == [0, 0, 7, 0, 2] and list(late.returns) == [7, 2]
    assert list(late.returns_to_go()) == [7, 7, 7, 2, 2] and late.digest != data.digest
    for name in ("observations", "actions", "next_observations", "terminated", "starts"):
        assert getattr(late, name) is getattr(data, name)
    assert list(data.rewards) == [1, 2, 4, 1, 1]


def test_the_best_episodes():
    """%BC: by return, up to a share of the transitions, at least one."""
    data = Dataset.from_episodes([episode(4, np.full(4, value)) for value in (0.0, 3, 1, 2)], BOX, CHOICES)
    assert list(data.best(0.5).returns) == [12, 8] and list(data.best(0.74).returns) == [12, 8]
    assert list(data.best(0.01).returns) == [12] and data.best(1.0).digest == data.digest
    with pytest.raises(UsageError, match="share of the data"):
        data.best(0)


def test_normalized_score():
    data = Dataset.from_episodes([episode(2)], BOX, CHOICES, random_return=10.0, expert_return=30.0)
    assert np.isnan(Dataset.from_episodes([episode(2)], BOX, CHOICES, random_return=5.0, expert_return=5.0).normalized(5))
    assert data.normalized(25) == 75 and np.isnan(Dataset.from_episodes([episode(2)], BOX, CHOICES).normalized(25))


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (episode(3, seen=3), "expected 4 observations for 3 actions, got 3"),
        (episode(3, np.ones(2)), "expected 3 rewards"),
        (episode(3, width=3), r"observations: expected shape \(n, 2\), got \(4, 3\)"),
        (episode(3, np.array([0, np.inf, 0])), "rewards: expected finite numbers, got inf in row 1"),
        (episode(3, dtype=float), "whole numbers from 0 to 2, got float64"),
        (episode(0), "at least one step"),
    ],
)
def test_bad_episodes(bad, said):
    with pytest.raises(UsageError, match=f"episode 1.*{said}"):
        Dataset.from_episodes([episode(2), bad], BOX, CHOICES)


def test_other_spaces():
    with pytest.raises(UsageError, match="holds no episode"):
        Dataset.from_episodes([], BOX, CHOICES)
    with pytest.raises(UsageError, match="expected a Box or a Discrete space"):
        Dataset.from_episodes([episode(2)], gym.spaces.Dict({}), CHOICES)
    wide = Dataset.from_episodes([episode(2, width=3)], gym.spaces.Box(-8, 8, (3,)), CHOICES)
    with pytest.raises(UsageError, match="action_space: the dataset here has Discrete"):
        check_environment(wide, gym.make("Pendulum-v1"), "here")
