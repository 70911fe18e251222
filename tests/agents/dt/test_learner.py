"""Windows, the update and its settings, and runs through the command line."""

import logging
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

import papergym
from papergym import assets
from papergym.agents.checkpoint.state import load_state
from papergym.agents.data.dataset import Dataset, Episode
from papergym.agents.dt.policy import DecisionTransformerPolicy
from papergym.agents.dt.windows import Sampler, step_weights
from papergym.agents.errors import UsageError
from papergym.agents.offline.prepare import _check_spaces, arguments
from papergym.agents.reproduction.results import read_rows
from papergym.agents.run import main
from papergym.agents.runner.folder import eval_rounds, read_plan
from papergym.agents.runner.session import Stopped
from papergym.wrappers import PreviousReward

TINY = ["--context", "4", "--width", "16", "--layers", "1", "--eval-every", "20", "--eval-episodes", "2", "--no-video"]
TINY += ["--checkpoint-seconds", "0", "--batch-size", "8"]


@pytest.mark.parametrize("kind", ["box", "discrete"])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("delayed", [False, True])
def test_windows_are_parts_of_episodes(make_data, kind, whole, delayed):
    data = make_data(kind)
    used = data.with_delayed_rewards() if delayed else data
    sampler = Sampler(used, 4, sampling="length", whole=whole, device="cpu")
    batch = sampler(np.random.default_rng(0), 300)
    begun = set()
    for observations, actions, returns, times, valid in zip(*(part.numpy() for part in batch)):
        n = int(valid.sum())
        assert valid[:n].all()
        row = int((data.observations == observations[0]).all(1).argmax())
        number = int(np.searchsorted(data.starts, row, side="right")) - 1
        episode, first = data.episode(number), row - data.starts[number]
        end = min(first + 4, len(episode.actions))
        begun.add((number, first))
        assert n == end - first and (times[:n] == np.arange(first, end)).all()
        np.testing.assert_array_equal(observations[:n], episode.observations[first:end])
        np.testing.assert_array_equal(actions[:n], episode.actions[first:end])
        total = [episode.rewards.sum()] * n if delayed else [episode.rewards[t:].sum() for t in range(first, end)]
        np.testing.assert_allclose(returns[:n], total, rtol=1e-5)
    expected = {(i, t) for i, length in enumerate((5, 9, 2)) for t in range(max(length - 3, 1) if whole else length)}
    assert begun == expected


def test_how_often_each_episode_is_drawn():
    """By hand: returns 0, 0, 10 and lengths 6, 3, 1."""
    box = gym.spaces.Box(-1, 1, (1,))
    parts = [(6, 0.0), (3, 0.0), (1, 10.0)]
    episodes = [Episode(np.zeros((n + 1, 1), np.float32), np.zeros((n, 1)), np.eye(1, n, n - 1)[0] * r, True) for n, r in parts]
    data = Dataset.from_episodes(episodes, box, box)
    shares = {"length": [0.6, 0.3, 0.1], "uniform": [1 / 3] * 3, "stratified": [1 / 3, 1 / 6, 1 / 2]}
    for sampling, expected in shares.items():
        weights = step_weights(data, sampling)
        np.testing.assert_allclose(np.add.reduceat(weights, data.starts[:-1]) / weights.sum(), expected)
        assert len(set(weights[:6])) == 1, "the steps of an episode are equally often the first"
        sampler = Sampler(data, 1, sampling=sampling, whole=False, device="cpu")
        drawn = sampler(np.random.default_rng(0), 20_000)
        lengths = np.array([6, 3, 1])
        found = [(drawn.timesteps[:, 0] < 1).double().mean().item()]
        np.testing.assert_allclose(found, [(np.array(expected) / lengths).sum()], atol=0.02)


def test_one_update_is_adamw_with_warmup_and_clipping(make_learner, hooks):
    """Against a plain loop with torch's own parts, from the same batches."""
    ours, other = (make_learner(dropout=0.0, warmup=5, learning_rate=1e-2, clip=0.05, weight_decay=0.1) for _ in range(2))
    optimizer = torch.optim.AdamW(other.policy.parameters(), lr=1e-2, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / 5, 1))
    other.begin(other.data)
    rng, policy = np.random.default_rng([0, 1]), other.policy
    for _ in range(8):
        batch = other._windows(rng, 8)
        actions = (batch.actions - torch.tensor([0, 2.5])) / torch.tensor([2, 2.5])
        squares = (policy(*batch[:4])[0] - actions) ** 2
        optimizer.zero_grad()
        (squares * batch.valid[..., None]).sum().div(batch.valid.sum() * 2).backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 0.05)
        optimizer.step()
        schedule.step()
    ours.learn(8, hooks)
    for (name, value), expected in zip(ours.policy.named_parameters(), policy.parameters()):
        if name.endswith("qkv.bias"):  # softmax cancels the keys' bias: its gradient is rounding, which Adam makes large
            (query, _, values), (first, _, last) = value.chunk(3), expected.chunk(3)
            value, expected = torch.cat((query, values)), torch.cat((first, last))
        torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-6, msg=name)


def test_what_it_takes_from_the_data(make_learner, make_data, caplog, hooks):
    data = make_data()
    learner = make_learner()
    learner.learn(1, hooks)
    policy = learner.policy
    assert policy.target.item() == pytest.approx(data.returns.max())
    assert policy.return_scale.item() == pytest.approx(np.abs(data.returns_to_go()).max())
    np.testing.assert_allclose(policy.returns_range, [data.returns.min(), data.returns.max()], rtol=1e-6)
    np.testing.assert_allclose(policy.state_mean, data.observations.mean(0), atol=1e-6)
    np.testing.assert_allclose(policy.state_std, data.observations.std(0), atol=1e-6)
    low = make_learner(target_quantile=0.0, delayed=True, return_scale=3.0)
    low.learn(1, hooks)
    assert low.policy.target.item() == pytest.approx(data.returns.min()) and low.policy.return_scale.item() == 3
    assert not caplog.text
    with caplog.at_level(logging.WARNING):
        make_learner(return_scale=1e6).learn(1, hooks)
    assert "return_scale 1e+06 makes the largest return-to-go" in caplog.text
    with pytest.raises(UsageError, match="has episodes of 9 steps, the table of time steps 5 rows"):
        make_learner(max_timestep=5).learn(1, hooks)
    with pytest.raises(UsageError, match=r"--target-quantile is 1\.5, expected between 0 and 1"):
        make_learner(target_quantile=1.5)


def followed(learner, target, n=200):
    """Mean of the actions, at the first step."""
    observations = np.random.default_rng(5).normal(size=(n, 3)).astype(np.float32)
    actions, _ = learner.act(observations, np.ones(n, bool), np.zeros(n), target)
    return actions[:, 0].mean()


@pytest.mark.parametrize("bf16", [False, True])
def test_it_does_what_the_return_says(make_data, make_learner, bf16, hooks):
    """Episodes whose every action is a tenth of their return."""
    rng, box = np.random.default_rng(0), make_data().action_space
    episodes = []
    for wanted in rng.uniform(-10, 10, 60):
        actions = np.tile(np.float32([wanted / 10, 2.5]), (5, 1))
        observations = rng.normal(size=(6, 3)).astype(np.float32)
        episodes.append(Episode(observations, actions, np.eye(5)[4] * wanted, True))
    data = Dataset.from_episodes(episodes, make_data().observation_space, box)
    learner = make_learner(data=data, learning_rate=3e-3, width=32, heads=1, dropout=0.0, bf16=bf16, batch_size=32)
    learner.learn(250, hooks)
    for target in (-8.0, 0.0, 8.0):
        assert followed(learner, target) == pytest.approx(target / 10, abs=0.15)
    each = np.linspace(-9, 9, 7)
    observations = np.zeros((7, 3), np.float32)
    actions, _ = learner.act(observations, np.ones(7, bool), np.zeros(7), each)
    assert (np.diff(actions[:, 0]) > 0).all(), "one target for each environment"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def swing(observation):
    return np.array([2 * np.sign(observation[2])], np.float32)


def test_train_evaluate_resume(here, make_dataset, capsys):
    folder = make_dataset("Pendulum-v1", swing, episodes=3)
    arguments = [
        "train",
        "dt",
        "--dataset",
        str(folder),
        "--updates",
        "60",
        *TINY,
        "--sweep-targets",
        "3",
        "--run-folder",
        "run",
    ]
    assert main(arguments) == 0
    run, plan = here / "run", read_plan(here / "run")
    assert plan.run.env == "Pendulum-v1" and plan.config.max_timestep == 200
    rounds = eval_rounds(run)
    assert list(rounds) == [0, 20, 40, 60]
    assert main(["evaluate", "run", "--episodes", "2"]) == 0
    assert f"{np.mean(rounds[60]):.2f}" in capsys.readouterr().out
    env = make_vec_env("Pendulum-v1", 1, seed=10_000, wrapper_class=PreviousReward)
    policy = DecisionTransformerPolicy.load(run / "policy.zip", device="cpu")
    returns, _ = evaluate_policy(policy, env, 2, return_episode_rewards=True, warn=False)
    np.testing.assert_allclose(returns, rounds[60], rtol=1e-6)
    before = {name: (run / f"{name}.csv").read_bytes() for name in ("metrics", "eval", "targets")}
    weights = load_state(run / "policy.safetensors", kind="dt")["model"]["parts"]
    (run / "summary.json").unlink()
    max((run / "checkpoints").iterdir()).unlink()
    assert main(["train", "run", "--resume"]) == 0
    assert {name: (run / f"{name}.csv").read_bytes() for name in before} == before
    again = load_state(run / "policy.safetensors", kind="dt")["model"]["parts"]
    assert all(torch.equal(value, again["policy"][name]) for name, value in weights["policy"].items())
    assert len(read_rows(run / "targets.csv")) == 3 and (run / "targets.png").is_file()


def test_the_example_of_the_paper_page(here, make_dataset, capsys):
    folder = make_dataset("Pendulum-v1", swing, episodes=1)
    assert main(["train", "dt", "--dataset", str(folder), "--updates", "2", *TINY, "--sweep-targets", "0"]) == 0
    scope = {}
    exec(compile(assets.paper("dt")["paper"]["example"], "the example of dt.toml", "exec"), scope)
    assert scope["policy"].target.item() == -300 and scope["maps"].shape == (4, 1, 1, 3, 3)
    assert not (here / "runs" / "dt-Pendulum-v1-s0" / "targets.csv").exists()


def test_data_that_does_not_fit(here, make_dataset, capsys):
    folder = make_dataset("Pendulum-v1", swing, episodes=1)
    assert main(["train", "dt", "--dataset", str(folder), "--env", "CartPole-v1", "--run-folder", "run"]) == 2
    assert "observation_space: the dataset" in capsys.readouterr().err and not (here / "run").exists()
    assert main(["train", "dt", "--dataset", str(folder), "--max-timestep", "100", *TINY, "--run-folder", "run"]) == 2
    assert "has episodes of 200 steps, the table of time steps 100 rows" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "words", "said"),
    [
        ("dt", ["--max-timestep", "100"], "clone-v0 has episodes of 200 steps, the table of time steps 100 rows"),
        ("dt", ["--max-timestep", "200", "--env-kwargs", "max_episode_steps=300"], "Pendulum-v1 has episodes of 300 steps"),
        ("dt", ["--context", "0"], "--context is 0, expected at least 1"),
        ("dt", ["--target-quantile", "3"], "--target-quantile is 3.0, expected between 0 and 1"),
        ("dt", ["--sweep-targets", "1"], "--sweep-targets is 1, expected at least 2, or 0"),
        ("dt", ["--sweep-episodes", "0"], "--sweep-episodes is 0, expected at least 1"),
        ("dt", ["--clip", "0"], "--clip is 0.0, expected a positive number"),
        ("dt", ["--layers", "0"], "--layers is 0, expected at least 1"),
        ("dt", ["--heads", "3"], "--width is 128, expected a multiple of heads, 3"),
        ("bc", ["--share", "0"], "--share is 0.0, expected above 0 and at most 1"),
    ],
)
def test_what_is_refused_leaves_no_folder(here, make_dataset, capsys, key, words, said):
    folder = make_dataset("Pendulum-v1", swing, episodes=1)
    common = ["--dataset", str(folder), "--updates", "1", "--no-video", "--run-folder", "run"]
    assert main(["train", key, *common, *words]) == 2
    assert said in capsys.readouterr().err and not (here / "run").exists()


def test_the_environment_is_made_as_the_data_had_it(here, make_dataset):
    """With its time limit; without how it was drawn, and without what was None."""
    folder = make_dataset("MountainCarContinuous-v0", lambda _: np.ones(1, np.float32), max_episode_steps=30, goal_velocity=0)
    words = ["--updates", "1", "--eval-episodes", "1", "--no-video", "--run-folder", "run"]
    assert main(["train", "bc", "--dataset", str(folder), *words]) == 0
    assert read_plan(here / "run").env_kwargs == {"goal_velocity": 0, "max_episode_steps": 30}
    assert {row["length"] for row in read_rows(here / "run" / "eval.csv")} == {"30"}
    spec = gym.make("MountainCarContinuous-v0", render_mode="rgb_array", goal_velocity=np.float64(0.1)).spec
    assert arguments(spec) == {"goal_velocity": 0.1}
    spec.kwargs["goal_velocity"] = None
    assert arguments(spec) == {}


def test_an_environment_that_has_to_be_named(here, make_dataset, capsys):
    """One of the user's own, and one that was recorded through wrappers."""
    words = ["--updates", "1", "--eval-episodes", "1", "--no-video", "--run-folder", "run"]
    gym.register("Mine-v0", gym.spec("Pendulum-v1").entry_point, max_episode_steps=20)
    try:
        folder = make_dataset("Mine-v0", swing)
    finally:
        gym.registry.pop("Mine-v0")
    assert main(["train", "bc", "--dataset", str(folder), *words]) == 2
    assert "is of Mine-v0, which no package here registers" in capsys.readouterr().err
    spec = gym.wrappers.TimeAwareObservation(gym.make("Pendulum-v1")).spec
    data = SimpleNamespace(spec=spec, observation_space=gym.spaces.Box(-1, 1, (4,)), action_space=gym.spaces.Box(-2, 2, (1,)))
    with pytest.raises(UsageError, match="recorded through the wrappers TimeAwareObservation: register an id"):
        _check_spaces(data, gym.make("Pendulum-v1"), "mine")


def test_other_data_under_the_old_name(here, make_dataset):
    """Refused from the command line and from Python; the run goes on with the old data."""
    words = {"eval_episodes": 1, "eval_every": 0, "video": False, "run_folder": "run", "hidden": (8,)}
    folder = make_dataset("Pendulum-v1", swing, episodes=2)

    def stop(numbers, updates):
        return updates < 5

    with pytest.raises(Stopped):
        papergym.train("bc", dataset=str(folder), steps=20, callback=stop, **words)
    make_dataset("Pendulum-v1", lambda observation: -swing(observation), episodes=2)
    with pytest.raises(UsageError, match="has other contents"):
        papergym.train("bc", dataset=str(folder), steps=20, resume=True, **words)
    make_dataset("Pendulum-v1", swing, episodes=2)
    assert papergym.train("bc", dataset=str(folder), steps=20, resume=True, **words).summary["updates"] == 20


def test_longer_episodes_than_the_data_has(here, make_dataset):
    """The table of time steps takes its length from the environment as it was asked for."""
    folder = make_dataset("Pendulum-v1", swing, episodes=1)
    words = ["--updates", "1", "--eval-episodes", "1", "--no-video", "--sweep-targets", "0", "--run-folder", "run", *TINY[:6]]
    assert main(["train", "dt", "--dataset", str(folder), "--env-kwargs", "max_episode_steps=210", *words]) == 0
    assert read_plan(here / "run").config.max_timestep == 210
