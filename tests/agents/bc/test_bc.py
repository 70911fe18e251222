"""Behaviour cloning: its loss, its runs through the command line, its files in plain SB3."""

import gymnasium as gym
import numpy as np
import pytest
import tomli_w
import torch
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.policies import ActorCriticPolicy

from papergym.agents.bc.config import Config
from papergym.agents.bc.learner import BehaviourCloning
from papergym.agents.bc.losses import cloning_loss
from papergym.agents.data.dataset import Dataset, Episode
from papergym.agents.reproduction.results import read_rows
from papergym.agents.run import main
from papergym.agents.runner.folder import eval_rounds, read_plan
from papergym.agents.runner.tables import read_table

TINY = ["--hidden", "32", "--eval-every", "100", "--eval-episodes", "2", "--no-video", "--checkpoint-seconds", "0"]


def steady(observation):
    """A controller that keeps CartPole up: pushes towards where the pole leans."""
    return np.int64(observation[2] + 0.5 * observation[3] > 0)


def swing(observation):
    return np.array([2 * np.sign(observation[2])], np.float32)


def test_losses_by_hand():
    """Squared distance and cross-entropy, in float64 by numpy from the network's own outputs."""
    generator = np.random.default_rng(0)
    observations = generator.normal(size=(8, 3)).astype(np.float32)
    box = gym.spaces.Box(-8, 8, (3,))
    policy = BehaviourCloning(Spaces(box, gym.spaces.Box(-2, 2, (2,))), Config(hidden=(8,)), seed=1, device="cpu").policy
    actions = generator.normal(size=(8, 2)).astype(np.float32)
    mean = _forward(policy, observations, "action_net")
    found = cloning_loss(policy, torch.tensor(observations), torch.tensor(actions))
    assert found.item() == pytest.approx(np.square(mean - actions).mean(), rel=1e-5)
    policy = BehaviourCloning(Spaces(box, gym.spaces.Discrete(4)), Config(hidden=(8,)), seed=1, device="cpu").policy
    chosen = generator.integers(4, size=8)
    logits = _forward(policy, observations, "action_net")
    expected = (np.log(np.exp(logits).sum(1)) - logits[np.arange(8), chosen]).mean()
    found = cloning_loss(policy, torch.tensor(observations), torch.tensor(chosen))
    assert found.item() == pytest.approx(expected, rel=1e-5)


class Spaces(gym.Env):
    def __init__(self, observation_space, action_space):
        self.observation_space, self.action_space = observation_space, action_space


def _forward(policy, observations, head):
    layer, last = policy.mlp_extractor.policy_net[0], getattr(policy, head)
    weights = [part.detach().double().numpy() for part in (layer.weight, layer.bias, last.weight, last.bias)]
    hidden = np.maximum(observations.astype(np.float64) @ weights[0].T + weights[1], 0)
    return hidden @ weights[2].T + weights[3]


def test_it_learns_what_is_in_memory():
    observations = np.random.default_rng(0).uniform(-1, 1, (501, 3)).astype(np.float32)
    episode = Episode(observations, observations[:-1, :1], np.zeros(500), False)
    data = Dataset.from_episodes([episode], gym.spaces.Box(-8, 8, (3,)), gym.spaces.Box(-2, 2, (1,)))
    learner = BehaviourCloning(Spaces(data.observation_space, data.action_space), Config(), data, seed=0, device="cpu")

    class Count:
        points = updates = 0

        def safe_point(self):
            self.points += 1

        def progress(self):
            self.updates += 1

    hooks = Count()
    learner.learn(300, hooks)
    assert (hooks.points, hooks.updates, learner.done) == (300, 300, 300)
    actions, _ = learner.act(observations[:50], np.ones(50, bool), np.zeros(50), None)
    assert np.abs(actions - observations[:50, :1]).mean() < 0.05
    assert learner.metrics()["train/loss"] > 0 and learner.metrics() == {}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_train_evaluate_resume(here, make_dataset, capsys):
    folder = make_dataset("CartPole-v1", steady, episodes=10)
    assert main(["train", "bc", "--dataset", str(folder), "--updates", "600", *TINY, "--run-folder", "run"]) == 0
    run, plan = here / "run", read_plan(here / "run")
    assert plan.run.env == "CartPole-v1" and len(plan.config.dataset_digest) == 16
    assert list(read_table(run / "metrics.csv")[0]) == ["update", "train/loss"] and list(eval_rounds(run)) == list(
        range(0, 601, 100)
    )
    last = eval_rounds(run)[600]
    assert np.mean(last) > 300, "the controller holds the pole for 500 steps"
    assert main(["evaluate", "run", "--episodes", "2"]) == 0
    assert f"{np.mean(last):.2f}" in capsys.readouterr().out
    policy = ActorCriticPolicy.load(run / "policy.zip")
    returns, _ = evaluate_policy(
        policy, make_vec_env("CartPole-v1", 1, seed=10_000), 2, return_episode_rewards=True, warn=False
    )
    assert returns == last
    before = {name: (run / f"{name}.csv").read_bytes() for name in ("metrics", "eval")}
    (run / "summary.json").unlink()
    max((run / "checkpoints").iterdir()).unlink()
    assert main(["train", "run", "--resume"]) == 0
    assert {name: (run / f"{name}.csv").read_bytes() for name in before} == before
    make_dataset("CartPole-v1", lambda observation: np.int64(0), episodes=4)
    (run / "summary.json").unlink()
    assert main(["train", "run", "--resume"]) == 2
    assert "has other contents" in capsys.readouterr().err


def test_data_and_environment_that_disagree(here, make_dataset, capsys):
    folder = make_dataset("Pendulum-v1", swing, episodes=1)
    assert main(["train", "bc", "--dataset", str(folder), "--env", "CartPole-v1", "--run-folder", "run"]) == 2
    said = capsys.readouterr().err
    assert "observation_space: the dataset" in said and not (here / "run").exists()
    assert main(["train", "bc", "--dataset", "nowhere/x-v0", "--run-folder", "run"]) == 2


def test_reproduce_a_table_of_two_rows(here, make_dataset):
    folder = make_dataset("Pendulum-v1", swing, episodes=2)
    table = {"agent": "bc", "fixed": {"dataset": str(folder), "updates": 40, "hidden": [16]}, "vary": [{"seed": [0, 1]}]}
    (here / "mine.toml").write_text(tomli_w.dumps({"reproduce": {"clone": table}}))
    assert main(["reproduce", "mine.toml", "--jobs", "2"]) == 0
    rows = read_rows(here / "runs" / "reproduce" / "clone" / "results.csv")
    assert sorted(row["seed"] for row in rows) == ["0", "1"] and all(row["steps_done"] == "40" for row in rows)
    assert len({row["eval_return"] for row in rows}) == 2


def test_interrupt_keeps_a_checkpoint(here, make_dataset, monkeypatch, capsys):
    from papergym.agents.runner.session import Session

    folder = make_dataset("Pendulum-v1", swing, episodes=1)
    progress = Session.progress

    def interrupt(session):
        progress(session)
        if session.learner.done == 50:
            session.asked_to_stop = True

    monkeypatch.setattr(Session, "progress", interrupt)
    arguments = ["bc", "--dataset", str(folder), "--updates", "200", "--hidden", "16", "--eval-every", "100"]
    arguments += ["--no-video", "--run-folder", "run"]
    assert main(["train", *arguments]) == 130
    assert [path.name for path in (here / "run" / "checkpoints").iterdir()] == [f"{50:012d}.safetensors"]
    monkeypatch.undo()
    monkeypatch.chdir(here)
    assert main(["train", "run", "--resume"]) == 0
