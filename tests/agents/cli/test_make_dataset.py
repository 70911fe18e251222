"""``papergym make-dataset``: from a command to a dataset, and what it refuses."""

import json
import resource
import signal
import subprocess
import sys
import time

import gymnasium as gym
import numpy as np
import pytest

import papergym  # noqa: F401  (registers the ids)
from papergym.agents.data.minari import load_dataset, open_dataset
from papergym.agents.data.recording import play_again, recordings, same
from papergym.agents.offline import source as source_module
from papergym.agents.offline.make import Request, make_dataset
from papergym.agents.offline.source import Scores, Source
from papergym.agents.offline.train_source import train_source

STEPS = {"Pendulum-v1": 1_200, "CartPole-v1": 1_500}


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "minari"


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(source_module, "SNAPSHOT_EPISODES", 2)
    monkeypatch.setattr(source_module, "REFERENCE_EPISODES", 3)


def replays(name):
    """Number of episodes, once each one has been played again alone and come out the same."""
    dataset = open_dataset(name)
    env, count = dataset.recover_environment(), 0
    for episode in recordings(dataset):
        assert episode.start is not None and same(episode, play_again(env, episode.start, episode.actions))
        count += 1
    env.close()
    return count


@pytest.mark.parametrize("env", STEPS)
def test_every_quality(root, few, env):
    """One run serves all; each episode is what the environment does; log-probabilities are there where they are known."""
    source = train_source(env, steps=STEPS[env])
    scores = source.scores()
    assert len(scores.snapshots) == 20 and scores.expert > scores.random and scores.medium <= scores.best
    for quality in ("random", "medium", "medium-replay", "medium-expert", "expert"):
        request = Request(env, quality, steps=500)
        make_dataset(request, source)
        data = load_dataset(request.dataset_id)
        episodes = list(recordings(open_dataset(request.dataset_id)))
        assert replays(request.dataset_id) == data.episodes == len(episodes)
        assert (data.random_return, data.expert_return) == (scores.random, scores.expert)
        if quality == "medium-replay":
            assert scores.medium - 500 <= len(data) <= scores.medium
            assert all(episode.log_probs is None for episode in episodes)
        else:
            assert 500 <= len(data) < 500 + data.lengths[-1]
            assert all(np.isfinite(episode.log_probs).all() for episode in episodes)
        if quality == "medium-expert":
            policies = [episode.about["policy"] for episode in episodes]
            assert sorted(set(policies), key=policies.index) == [f"{source.plan.agent.key} at step {step}" for step in
                                                                 dict.fromkeys((scores.medium, scores.best))]  # fmt: skip
    assert train_source(env, steps=STEPS[env]).scores() == scores  # finished: taken as it is


def test_log_probabilities_of_sac(root, few):
    """Against the density of the squashed Gaussian, computed in float64 in the environment's units."""
    source = train_source("Pendulum-v1", steps=1_200)
    step = max(source.snapshots)
    make_dataset(Request("Pendulum-v1", "expert", steps=200), source)
    (episode,) = recordings(open_dataset("papergym/pendulum-v1/expert-v0"))
    model = source.learner(source.snapshots[source.scores().best]).model
    mean, log_std, _ = model.actor.get_action_dist_params(model.policy.obs_to_tensor(episode.observations[:-1])[0])
    mean, std = mean.detach().numpy().astype(float), np.exp(log_std.detach().numpy().astype(float))
    squashed = episode.actions.astype(float) / 2
    inside = np.abs(squashed[:, 0]) < 0.99  # near the bounds float32 actions do not tell where they came from
    raw = np.arctanh(squashed[inside])
    normal = -0.5 * ((raw - mean[inside]) / std[inside]) ** 2 - np.log(std[inside]) - 0.5 * np.log(2 * np.pi)
    expected = (normal - np.log(1 - squashed[inside] ** 2) - np.log(2.0))[:, 0]
    assert inside.sum() > 20 and step in source.snapshots
    np.testing.assert_allclose(episode.log_probs[inside], expected, atol=2e-3)


def test_the_rule():
    scores = Scores(0.0, 90.0, {10: 5.0, 20: 29.9, 30: 30.0, 40: 20.0, 50: 91.0, 60: 90.0})
    assert (scores.medium, scores.best) == (30, 50)


def test_a_memory_that_cannot_be_played_again(root, few, caplog):
    """Numbers that the environment does not give: the episodes stay as the memory holds them, without a start."""
    source = train_source("Pendulum-v1", steps=1_200)
    source.learner(sorted((source.folder / "checkpoints").glob("*"))[-1]).model.replay_buffer.rewards[250] += 1
    buffer = source._learner.model.replay_buffer
    source._memory = lambda until: buffer  # what is read is the memory that was changed
    starts = [episode.start is None for episode in source.memory(1_200)]
    assert starts == [False, True, False, False, False, False] and "1 episodes" in caplog.text


def test_without_a_run(root, command_line):
    """The toys need none: uniform actions; a second command finds the dataset there; another seed is another request."""
    arguments = ("make-dataset", "DT-KeyToDoor-v0", "--quality", "random", "--steps", "300", "--env-kwargs", "size=3")
    command_line.run(*arguments, "phase_steps=9")
    name = "papergym/dt-keytodoor-v0-phase_steps-9-size-3/random-v0"
    data = load_dataset(name)
    assert data.spec.kwargs["size"] == 3 and replays(name) == data.episodes and data.expert_return is None
    about = json.loads((root / name / "data" / "metadata.json").read_text())["papergym"]
    assert about["request"]["env_kwargs"] == {"size": 3, "phase_steps": 9} and "random_return" in about
    assert "is there already" in command_line.run(*arguments, "phase_steps=9")
    assert "--overwrite" in command_line.run(*arguments, "phase_steps=9", "--seed", "1", status=2)
    assert load_dataset(name).digest == data.digest
    command_line.run(*arguments, "phase_steps=9", "--seed", "1", "--overwrite")
    assert load_dataset(name).digest != data.digest


def test_kill_and_go_on(root, command_line, delays):
    """kill -9 at any moment: nothing that looks like a dataset is left, and the same command makes the same bits."""
    arguments = ("make-dataset", "Pendulum-v1", "--quality", "random", "--steps", "60000")
    command_line.run(*arguments, "--id", "whole-v0")
    for _ in range(3):
        process = command_line.start(*arguments)
        while process.poll() is None and not list(root.glob(".papergym/*/*.npz")):
            time.sleep(0.01)
        time.sleep(delays.uniform(0, 1.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        left = sorted(path.name for path in root.rglob("main_data.hdf5") if ".papergym" not in path.parts)
        assert len(left) in (1, 2) and all(load_dataset(str(path)) for path in (root / "papergym").rglob("data"))
    command_line.run(*arguments)
    assert load_dataset("papergym/pendulum-v1/random-v0").digest == load_dataset("whole-v0").digest
    assert not (root / ".papergym").exists()


@pytest.mark.parametrize("size", [100_000, 500_000, 9_000_000])
def test_a_full_disk(root, size):
    """While episodes are kept, and while HDF5 is written: one message, no dataset; with space, the same command goes on."""

    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    command = [sys.executable, "-m", "papergym.agents.run", "make-dataset", "Pendulum-v1", "--quality", "random"]
    command += ["--steps", "20000"]
    failed = subprocess.run(command, capture_output=True, text=True, preexec_fn=limited, check=False)
    assert failed.returncode == 2 and "cannot write" in failed.stderr and "space" in failed.stderr, failed.stderr
    assert not list(root.rglob("*.hdf5")) and not (root / "papergym").exists()
    subprocess.run(command, capture_output=True, check=True)
    assert len(load_dataset("papergym/pendulum-v1/random-v0")) == 20_000


def test_requests_that_cannot_be_met(root, command_line, few):
    def said(*arguments):
        return command_line.run("make-dataset", *arguments, status=2)

    assert "Did you mean medium" in said("Pendulum-v1", "--quality", "mediun")
    assert "at least 1" in said("Pendulum-v1", "--quality", "random", "--steps", "0")
    assert "cannot be made" in said("Nowhere-v0", "--quality", "random")
    assert "FlattenObservation" in said("TT-FourRooms-v0", "--quality", "random")
    assert "no run at" in said("Pendulum-v1", "--from", str(root / "nowhere"))
    assert "version" in said("Pendulum-v1", "--quality", "random", "--id", "mine")
    assert "--from gives one" in said("Pendulum-v1", "--from", "x", "--train-steps", "5")
    assert "unknown agent" in said("Pendulum-v1", "--quality", "medium", "--agent", "nobody")
    assert not root.exists() or not list(root.rglob("*.hdf5"))


def test_a_run_that_does_not_fit(root, few):
    source = train_source("Pendulum-v1", steps=1_200)
    with pytest.raises(ValueError, match="is a run on Pendulum-v1"):
        make_dataset(Request("MountainCarContinuous-v0", "medium", 500), source)
    for file in (source.folder / "checkpoints").iterdir():
        file.unlink()
    with pytest.raises(ValueError, match="--keep-checkpoints"):
        list(source.memory(100))
    for file in (source.folder / "snapshots").iterdir():
        file.unlink()
    with pytest.raises(ValueError, match="--snapshots 20"):
        Source(source.folder)
    assert not list(root.rglob("*.hdf5"))


def test_help_teaches(command_line):
    text = command_line.run("make-dataset", "--help")
    for word in ("medium-replay", "--from", "MINARI_DATASETS_PATH", "papergym train", "--overwrite"):
        assert word in text
    assert gym.spec("Pendulum-v1").id in text
