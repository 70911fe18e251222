"""``papergym make-dataset``: every quality from a run made here, cut and gone on with, and what it refuses."""

import json
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from papergym.agents.data.minari import load_dataset, open_dataset
from papergym.agents.data.recording import play_again, recordings, same
from papergym.agents.errors import UsageError
from papergym.agents.offline.make import Request, make_dataset
from papergym.agents.offline.source import SCORES, Scores, Source
from papergym.agents.run import main

SOURCE = ["--env", "Pendulum-v1", "--learning-starts", "200", "--eval-episodes", "1", "--no-video"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run of SAC with its memory, whose last snapshot is better than random."""
    folder = tmp_path_factory.mktemp("source") / "run"
    assert main(["train", "sac", *SOURCE, "--steps", "4000", "--snapshots", "4", "--run-folder", str(folder)]) == 0
    return folder


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "minari"


@pytest.mark.parametrize("quality", ["random", "medium", "medium-replay", "medium-expert", "expert"])
def test_every_quality_can_be_played_again(run, root, quality, capsys):
    words = ["make-dataset", "Pendulum-v1", "--quality", quality, "--steps", "600", "--from", str(run)]
    assert main(words) == 0
    name = f"papergym/pendulum-v1/{quality}-v0"
    data = load_dataset(name)
    assert len(data) >= 600 and data.random_return < data.expert_return and data.spec.id == "Pendulum-v1"
    dataset = open_dataset(name)
    env = dataset.recover_environment()
    for episode in recordings(dataset):
        assert same(episode, play_again(env, episode.start, episode.actions))
        assert quality == "medium-replay" or episode.log_probs.shape == (200,)
    assert "normalized return" in capsys.readouterr().out
    digest = data.digest
    assert main(words) == 0 and load_dataset(name).digest == digest  # done: nothing is made again
    assert main([*words, "--seed", "5"]) == 2 and load_dataset(name).digest == digest


def test_the_density_of_the_actions(run, root):
    """Against the network's own Gaussian, in float64: log N(u) minus the logarithm of the tanh's slope and of the range."""
    assert main(["make-dataset", "Pendulum-v1", "--quality", "expert", "--steps", "200", "--from", str(run)]) == 0
    source = Source(run)
    learner = source.learner(source.snapshots[source.scores().best])
    (episode, *_) = recordings(open_dataset("papergym/pendulum-v1/expert-v0"))
    actor = learner.model.policy.actor
    mean, log_std, _ = actor.get_action_dist_params(learner.model.policy.obs_to_tensor(episode.observations[:-1])[0])
    mean, log_std = (part.detach().double().numpy()[:, 0] for part in (mean, log_std))
    scaled = episode.actions[:, 0].astype(np.float64) / 2
    inside = np.abs(scaled) < 0.999  # near the bounds float32 actions have lost the Gaussian's value
    before = np.arctanh(np.clip(scaled, -0.9999, 0.9999))
    expected = -0.5 * ((before - mean) / np.exp(log_std)) ** 2 - log_std - 0.5 * np.log(2 * np.pi)
    expected -= np.log(1 - scaled**2 + 1e-6) + np.log(2)
    assert inside.sum() > 20
    np.testing.assert_allclose(episode.log_probs[inside], expected[inside], atol=0.02)


def test_without_a_run_it_trains_one(root, capsys):
    words = ["make-dataset", "CartPole-v1", "--quality", "expert", "--steps", "200", "--train-steps", "1500"]
    assert main(words) in (0, 2)  # 2: it has not learned in so few steps, and says so
    said = capsys.readouterr()
    assert (root / "papergym").exists() or "has not learned" in said.err
    assert (root.parent / "runs" / "make-dataset").is_dir()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Pendulum-v1", "--quality", "good"], "unknown quality"),
        (["Pendulum-v1", "--quality", "random", "--steps", "0"], "at least 1"),
        (["Pendulum-v9", "--quality", "random"], "cannot be made"),
        (["TT-FourRooms-v0", "--quality", "random"], "FlattenObservation"),
        (["Pendulum-v1", "--quality", "expert", "--from", "nowhere"], "no run at"),
        (["Pendulum-v1", "--quality", "random", "--id", "no id"], "no id of a Minari dataset"),
        (["Pendulum-v1", "--quality", "random", "--preset", "paper"], "random needs none"),
        (["Pendulum-v1", "--quality", "expert", "--id", "no id"], "no id of a Minari dataset"),
        (["TT-FourRooms-v0", "--quality", "expert"], "FlattenObservation"),
    ],
)
def test_what_it_refuses(root, words, said, capsys):
    assert main(["make-dataset", *words]) == 2
    assert said in capsys.readouterr().err and not list(root.rglob("*.hdf5"))
    assert not (root.parent / "runs").exists(), "nothing is trained for what is refused"


def test_an_id_that_is_taken_is_refused_before_the_training(root, capsys):
    words = ["make-dataset", "Pendulum-v1", "--id", "mine/all-v0"]
    assert main([*words, "--quality", "random", "--steps", "200"]) == 0
    assert main([*words, "--quality", "expert"]) == 2
    assert "Give --overwrite" in capsys.readouterr().err and not (root.parent / "runs").exists()


def test_a_run_on_another_environment(run, root, capsys):
    assert main(["make-dataset", "CartPole-v1", "--quality", "expert", "--from", str(run)]) == 2
    assert "is a run on Pendulum-v1" in capsys.readouterr().err


def test_discrete_actions(root):
    """A run of DQN: the actions are epsilon-greedy, and every episode can be played again."""
    words = ["--env", "CartPole-v1", "--steps", "1000", "--snapshots", "5", "--no-video", "--eval-episodes", "1"]
    assert main(["train", "per", *words, "--run-folder", "source"]) == 0
    source = Source(root.parent / "source")
    returns = dict(zip(map(str, source.snapshots), (10.0, 30.0, 45.0, 60.0, 99.0)))  # as if it had learned by then
    (source.folder / SCORES).write_text(json.dumps({"random": 10.0, "expert": 100.0, "snapshots": returns}))
    for quality in ("medium-expert", "medium-replay"):
        make_dataset(Request("CartPole-v1", quality, steps=300), source)
        assert replays(f"papergym/cartpole-v1/{quality}-v0") > 0
    episodes = list(recordings(open_dataset("papergym/cartpole-v1/medium-expert-v0")))
    medium, expert = list(source.snapshots)[2], list(source.snapshots)[4]
    policies = [episode.about["policy"] for episode in episodes]
    assert list(dict.fromkeys(policies)) == [f"per at step {medium}", f"per at step {expert}"]
    epsilon = 0.05  # exploration_final_eps of the preset
    found = np.unique(np.exp(np.concatenate([episode.log_probs for episode in episodes])).round(9))
    np.testing.assert_allclose(found, [epsilon / 2, 1 - epsilon / 2])
    replay = load_dataset("papergym/cartpole-v1/medium-replay-v0")
    assert len(replay) <= medium < len(replay) + 500 and replay.terminated.sum() == replay.episodes


def replays(name):
    """Number of episodes, once each one has been played again alone and come out the same."""
    dataset = open_dataset(name)
    env, count = dataset.recover_environment(), 0
    for episode in recordings(dataset):
        assert episode.start is not None and same(episode, play_again(env, episode.start, episode.actions))
        count += 1
    env.close()
    return count


def test_the_rule():
    scores = Scores(0.0, 90.0, {10: 5.0, 20: 29.9, 30: 30.0, 40: 20.0, 50: 91.0, 60: 90.0})
    assert (scores.medium, scores.best) == (30, 50)


def test_a_memory_that_cannot_be_played_again(run, caplog):
    """Numbers that the environment does not give: the episode stays as the memory holds it, without a start."""
    source = Source(run)
    buffer = source._memory(1_200)
    buffer.rewards[250] += 1
    starts = [episode.start is None for episode in source._column(buffer, 0, 1_200)]
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
    arguments = ("make-dataset", "Pendulum-v1", "--quality", "random", "--steps", "30000")
    assert main([*arguments, "--id", "whole-v0"]) == 0
    for _ in range(2):
        process = command_line.start(*arguments)
        while process.poll() is None and not list(root.glob(".papergym/*/*.npz")):
            time.sleep(0.01)
        time.sleep(delays.uniform(0, 1.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        left = sorted(path.name for path in root.rglob("main_data.hdf5") if ".papergym" not in path.parts)
        assert len(left) in (1, 2) and all(load_dataset(str(path)) for path in (root / "papergym").rglob("data"))
    assert main(list(arguments)) == 0
    assert load_dataset("papergym/pendulum-v1/random-v0").digest == load_dataset("whole-v0").digest
    assert not (root / ".papergym").exists()


@pytest.mark.parametrize("size", [100_000, 9_000_000])
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
    assert main(command[3:]) == 0
    assert len(load_dataset("papergym/pendulum-v1/random-v0")) == 20_000


def test_a_kept_trial_and_what_a_run_may_lack(run, root, tmp_path):
    """`papergym reproduce --keep` leaves the run in a folder of the trial's."""
    copy = tmp_path / "trial" / "run"
    shutil.copytree(run, copy)
    source = Source(copy.parent)
    assert source.snapshots.keys() == Source(run).snapshots.keys()
    shutil.rmtree(copy / "checkpoints")
    with pytest.raises(UsageError, match="--keep-checkpoints"):
        list(source.memory(100))
    numbers = {"random": 0.0, "expert": -1.0, "snapshots": dict.fromkeys(map(str, source.snapshots), -1.0)}
    (copy / SCORES).write_text(json.dumps(numbers))
    with pytest.raises(UsageError, match="has not learned"):
        source.scores()
    shutil.rmtree(copy / "snapshots")
    with pytest.raises(UsageError, match="--snapshots 20"):
        Source(copy)
    assert not list(root.rglob("*.hdf5"))


def test_help_teaches(command_line):
    text = command_line.run("make-dataset", "--help")
    for word in ("medium-replay", "--from", "MINARI_DATASETS_PATH", "papergym train", "--overwrite"):
        assert word in text
