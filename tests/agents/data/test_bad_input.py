"""Minari datasets that are not sound, whatever is wrong with them: a UsageError that says where, or a dataset."""

import gymnasium as gym
import h5py
import minari
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from minari.data_collector import EpisodeBuffer

from papergym.agents.data.dataset import beyond_bounds, check_environment
from papergym.agents.data.minari import load_dataset
from papergym.agents.errors import UsageError
from papergym.agents.run import main


def still(observation):
    return np.zeros(1, np.float32)


@pytest.fixture
def folder(make_dataset):
    return make_dataset("Pendulum-v1", still, episodes=2)


def edit(folder, change):
    with h5py.File(next(folder.rglob("*.hdf5")), "a") as file:
        change(file["episode_1"])


def replace(name, change):
    def apply(group):
        value = change(group[name][()])
        del group[name]
        group.create_dataset(name, data=value)

    return apply


def poison(column):
    column[17] = np.inf
    return column


def raise_at(step):
    def change(flags):
        flags[step] = True
        return flags

    return change


def remove(group):
    del group["rewards"]


EDITS = {
    "T observations": (replace("observations", lambda column: column[:-1]), "expected 201 observations"),
    "T - 1 observations": (replace("observations", lambda column: column[:-2]), "expected 201 observations"),
    "observation": (replace("observations", poison), "observations: expected finite numbers"),
    "action": (replace("actions", poison), "actions: expected finite numbers"),
    "reward": (replace("rewards", poison), "rewards: expected finite numbers"),
    "width": (replace("observations", lambda column: column[:, :2]), r"expected shape \(n, 3\)"),
    "rewards": (replace("rewards", lambda column: column[:-1]), "expected 200 rewards"),
    "two ends": (replace("terminations", raise_at(3)), "one at step 3"),
    "two limits": (replace("truncations", raise_at(100)), "one at step 100"),
    "flags": (replace("truncations", lambda column: column[:-1]), "truncations: expected 200 flags"),
    "no column": (remove, "cannot be read"),
}


@pytest.mark.parametrize("fault", EDITS)
def test_what_minari_lets_pass(folder, fault):
    change, said = EDITS[fault]
    edit(folder, change)
    with pytest.raises(UsageError, match=said) as error:
        load_dataset(str(folder))
    assert "clone-v0" in str(error.value)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.floats(0, 0.999), which=st.sampled_from(["main_data.hdf5", "metadata.json"]))
def test_cut_files(make_dataset, kept, which):
    """Cut at any byte, data or metadata: a UsageError that names the dataset."""
    folder = make_dataset("Pendulum-v1", still, episodes=1)
    file = folder / "data" / which
    file.write_bytes(file.read_bytes()[: int(kept * file.stat().st_size)])
    with pytest.raises(UsageError, match="clone-v0"):
        load_dataset(str(folder))


def test_one_episode_of_one_step(make_dataset):
    """As little as there can be is a dataset."""
    folder = make_dataset("Pendulum-v1", still, episodes=1, max_episode_steps=1)
    data = load_dataset(str(folder))
    assert len(data) == data.episodes == 1 and data.best(0.5).episodes == 1 and np.isfinite(data.state_statistics()[1]).all()


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ("MountainCarContinuous-v0", "observation_space.*axis 0 has 3 dimensions in the data, 2 in the environment"),
        ("CartPole-v1", "observation_space.*axis 0 has 3 dimensions in the data, 4"),
        ("FrozenLake-v1", "observation_space.*Box in the data, Discrete in the environment"),
    ],
)
def test_another_environment(folder, env, said):
    with pytest.raises(UsageError, match=said):
        check_environment(load_dataset(str(folder)), gym.make(env), "mine")


def test_an_environment_of_other_bounds(folder, memory_data, tmp_path, monkeypatch, caplog):
    """One warning that names the dimension, through the command line; none for the data's own environment."""
    name = "NarrowPendulum-v0"
    gym.register(name, lambda **_: gym.wrappers.RescaleAction(gym.make("Pendulum-v1"), np.float32(-1), np.float32(1)))
    edit(folder, replace("actions", lambda column: column + np.float32(1.5)))
    monkeypatch.chdir(tmp_path)
    words = ["train", "bc", "--dataset", str(folder), "--updates", "1", "--eval-episodes", "1", "--no-video"]
    try:
        assert main([*words, "--run-folder", "other", "--env", name]) == 0
        assert caplog.text.count("actions, dimension 0: the data holds 0 to 1.5, the environment has -1 to 1") == 1
        caplog.clear()
        assert main([*words, "--run-folder", "own"]) == 0 and "dimension" not in caplog.text
    finally:
        gym.registry.pop(name)
    seen, done = gym.spaces.Box(-1, 1, (2, 3)), gym.spaces.Discrete(2)
    env, data = memory_data(seen, done)
    assert beyond_bounds(data, env) == []
    data.observations[7, 1, 2] = -1.5
    assert beyond_bounds(data, env)[0].startswith("observations, dimension 1, 2: the data holds -1.5 to ")


def test_one_episode_is_said(make_dataset, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    words = ["--updates", "1", "--eval-episodes", "1", "--no-video"]
    folder = make_dataset("Pendulum-v1", still, episodes=1)
    assert main(["train", "bc", "--dataset", str(folder), *words]) == 0
    assert caplog.text.count("is one episode of 200 steps") == 1


def images(name, size=32, **kwargs):
    seen, taken = gym.spaces.Box(0, 255, (size, size, 3), np.uint8), gym.spaces.Discrete(2)
    pixels = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
    flags = {"terminations": [False, True], "truncations": [False, False]}
    buffer = EpisodeBuffer(id=0, observations=pixels, actions=np.array([0, 1]), rewards=[0.0, 1.0], **flags)
    minari.create_dataset_from_buffers(name, [buffer], observation_space=seen, action_space=taken, **kwargs)
    return pixels


def test_images_stored_as_jpeg(tmp_path, monkeypatch, caplog):
    """Said once: their pixels are not the environment's."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    pixels = images("jpeg-v0")
    for _ in range(2):
        data = load_dataset("jpeg-v0")
    assert caplog.text.count("JPEG") == 1 and (data.observations != pixels[:2]).any()
    caplog.clear()
    pixels = images("exact-v0", jpeg_encoding=False)
    np.testing.assert_array_equal(load_dataset("exact-v0").observations, pixels[:2])
    pixels = images("small-v0", size=8)  # Minari takes no such box for an image
    np.testing.assert_array_equal(load_dataset("small-v0").observations, pixels[:2])
    assert "JPEG" not in caplog.text


def test_dict_observations(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    pairs = gym.spaces.Dict({"a": gym.spaces.Box(0, 1, (2,))})
    flags = {"terminations": [True], "truncations": [False]}
    buffer = EpisodeBuffer(id=0, observations={"a": np.zeros((2, 2))}, actions=np.array([0]), rewards=[0.0], **flags)
    spaces = {"observation_space": pairs, "action_space": gym.spaces.Discrete(2)}
    minari.create_dataset_from_buffers("pairs-v0", [buffer], **spaces)
    with pytest.raises(UsageError, match="FlattenObservation"):
        load_dataset("pairs-v0")
