"""``papergym make-dataset``: every quality from a run made here, cut and gone on with, and what it refuses."""

import numpy as np
import pytest

from papergym.agents.data.minari import load_dataset, open_dataset
from papergym.agents.data.recording import play_again, recordings, same
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
    from papergym.agents.offline.source import Source

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
    ],
)
def test_what_it_refuses(root, words, said, capsys):
    assert main(["make-dataset", *words]) == 2
    assert said in capsys.readouterr().err and not list(root.rglob("*.hdf5"))


def test_a_run_on_another_environment(run, root, capsys):
    assert main(["make-dataset", "CartPole-v1", "--quality", "expert", "--from", str(run)]) == 2
    assert "is a run on Pendulum-v1" in capsys.readouterr().err
