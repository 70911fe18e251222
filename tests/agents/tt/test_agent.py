"""The agent: it learns, acts with a memory, resumes exactly, and its file is a policy of stable-baselines3."""

import dataclasses
import signal
import subprocess
import sys
import time

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

from papergym import assets
from papergym.agents.data.dataset import Dataset, Episode
from papergym.agents.errors import UsageError
from papergym.agents.run import main
from papergym.agents.runner.folder import eval_rounds
from papergym.agents.tt.config import Config
from papergym.agents.tt.latency import LatencyBudget
from papergym.agents.tt.learner import TrajectoryTransformerLearner
from papergym.agents.tt.planning import Search
from papergym.agents.tt.policy import TTPolicy

SMALL = {"bins": 16, "window": 4, "width": 16, "layers": 1, "heads": 2, "batch_size": 16, "context": 3}
FAST = {**SMALL, "horizon": 2, "beam_width": 4}
TINY = [word for name, value in FAST.items() for word in (f"--{name.replace('_', '-')}", str(value))]
TINY += ["--eval-every", "100", "--eval-episodes", "1", "--no-video", "--checkpoint-seconds", "0"]


def swing(observation):
    return np.array([2 * np.sign(observation[2])], np.float32)


class Spaces(gym.Env):
    def __init__(self, observation_space, action_space):
        self.observation_space, self.action_space = observation_space, action_space


class Quiet:
    def safe_point(self):
        pass

    def progress(self):
        pass


def line(count=40, seed=0):
    """A point on a line: the action moves it; paid for standing at 0. A third of the episodes go there."""
    generator, episodes = np.random.default_rng(seed), []
    for number in range(count):
        seen, done = [generator.uniform(-1, 1)], []
        for _ in range(20):
            done.append(np.clip(-seen[-1] if number % 3 == 0 else generator.normal(0, 0.3), -0.3, 0.3))
            seen.append(np.clip(seen[-1] + done[-1], -1, 1))
        rewards = -np.abs(np.array(seen[1:]))
        columns = (np.array(part, np.float32)[:, None] for part in (seen, done))
        episodes.append(Episode(*columns, rewards, False))
    return Dataset.from_episodes(episodes, gym.spaces.Box(-1, 1, (1,)), gym.spaces.Box(-0.3, 0.3, (1,)))


def test_it_plans_better_than_its_data():
    data = line()
    config = Config(**{**SMALL, "width": 32, "learning_rate": 3e-3, "warmup": 50, "horizon": 3, "beam_width": 16, "k_act": 8})
    learner = TrajectoryTransformerLearner(Spaces(data.observation_space, data.action_space), config, data, device="cpu")
    learner.learn(600, Quiet())
    assert learner.metrics()["train/loss"] < 2
    position = np.linspace(-1, 1, 9)[:, None].astype(np.float32)
    state, reward, first, total = None, np.zeros(9), np.ones(9, bool), np.zeros(9)
    for _ in range(20):
        actions, state = learner.act(position, first, reward, None, state)
        assert actions.shape == (9, 1) and actions.dtype == np.float32
        position = np.clip(position + actions, -1, 1)
        reward, first = -np.abs(position[:, 0]).astype(float), np.zeros(9, bool)
        total += reward
    assert total.mean() > data.returns.mean() + 2.5, "the data's mean is -7.2, the best episodes' -0.3"


def test_the_memory_holds_what_happened():
    """After any number of steps it is the last transitions, oldest first; an episode that begins empties its own."""
    data = line()
    learner = TrajectoryTransformerLearner(
        Spaces(data.observation_space, data.action_space), Config(**FAST), data, device="cpu"
    )
    learner.begin(data)
    bins, generator = learner.policy.bins, np.random.default_rng(0)
    state, rows = None, [[], []]
    first = np.ones(2, bool)
    rewards = np.zeros(2)
    for step in range(9):
        if step == 5:
            first = np.array([False, True])
        seen = generator.uniform(-1, 1, (2, 1)).astype(np.float32)
        actions, state = learner.act(seen, first, rewards, None, state)
        past, known, pending = state
        for env in range(2):
            if first[env]:
                rows[env] = []
            elif step:
                rows[env][-1] += [rewards[env], 0.0]
            whole = np.array([[*row[:3], 0.0] for row in rows[env]]).reshape(-1, 4)[-2:]
            expected = bins.tokens(torch.tensor(whole))
            expected[:, 3:] = bins.bins - 1
            assert known[env] == len(whole) and past[env, 2 - len(whole) :].tolist() == expected.tolist()
            rows[env].append([seen[env, 0], actions[env, 0]])
            assert pending[env].tolist() == bins.tokens(torch.tensor([[seen[env, 0], actions[env, 0]]]))[0].tolist()
        rewards, first = generator.uniform(-1, 0, 2), np.zeros(2, bool)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_train_evaluate_and_plain_sb3(here, make_dataset, capsys):
    folder = make_dataset("Pendulum-v1", swing, episodes=3)
    assert main(["train", "tt", "--dataset", str(folder), "--updates", "100", *TINY, "--run-folder", "run"]) == 0
    assert list(eval_rounds(here / "run")) == [0, 100]
    assert main(["evaluate", "run", "--episodes", "1"]) == 0
    assert f"{eval_rounds(here / 'run')[100][0]:.2f}" in capsys.readouterr().out
    policy = TTPolicy.load(here / "run" / "policy.zip")
    returns, lengths = evaluate_policy(policy, make_vec_env("Pendulum-v1", 2), 2, return_episode_rewards=True, warn=False)
    assert lengths == [200, 200] and all(np.isfinite(returns))
    observation = np.zeros(3, np.float32)
    action, state = policy.predict(observation)
    again, _ = policy.predict(observation[None], state, np.array([True]))
    assert action.shape == (1,) and again.shape == (1, 1) and policy.action_space.contains(action)


@pytest.mark.parametrize("density", [True, False])
def test_likelihood_of_numbers_or_of_bins(tmp_path, density):
    """The setting decides what is likeliest, also in the policy that is read from its file."""
    data = line()
    settings = {**FAST, "planner": "likelihood", "horizon": 1, "density": density, "latency_s": 60.0}
    learner = TrajectoryTransformerLearner(
        Spaces(data.observation_space, data.action_space), Config(**settings), data, device="cpu"
    )
    learner.begin(data)
    learner.save(tmp_path)
    observation, bins = torch.zeros(1, 1), learner.policy.bins
    with torch.no_grad():
        chances = learner.policy.model.eval()(bins.tokens(observation))[0, -1, :-1].softmax(-1)
    best = (chances / bins.thresholds[:, 1].diff()).argmax(), chances.argmax()
    assert best[0] != best[1]
    for policy in (learner.policy, TTPolicy.load(tmp_path / "policy.zip")):
        action, _ = policy.predict(observation.numpy())
        assert bins.tokens(torch.tensor(action), 1).item() == best[0 if density else 1]
        assert policy.budget.seconds == 60


def test_predict_takes_rewards_from_the_observation():
    """Then it plans as :meth:`act` does, with the rewards that the runner hands it."""
    data = line()
    env = Spaces(data.observation_space, data.action_space)
    learner = TrajectoryTransformerLearner(env, Config(**FAST), data, device="cpu")
    learner.begin(data)
    generator = np.random.default_rng(0)
    ours = theirs = None
    for step in range(4):
        first, reward = np.full(2, step == 0), generator.uniform(-1, 0, 2)
        seen = generator.uniform(-1, 1, (2, 1)).astype(np.float32)
        learner.noise.manual_seed(step)
        expected, ours = learner.act(seen, first, reward, None, ours)
        learner.noise.manual_seed(step)
        shown = {"observation": seen, "previous_reward": reward[:, None].astype(np.float32)}
        found, theirs = learner.policy.predict(shown, theirs, first)
        np.testing.assert_array_equal(found, expected)
        assert all(np.array_equal(one, other) for one, other in zip(ours, theirs))


def test_the_example_of_the_paper_runs():
    exec(compile(assets.paper("tt")["paper"]["example"], "the example of tt.toml", "exec"), {})


KILLED = """
import sys
from papergym.agents.run import main
sys.exit(main(sys.argv[1:]))
"""


def test_killed_and_resumed_runs_end_with_the_same_bits(here, make_dataset):
    folder = make_dataset("Pendulum-v1", swing, episodes=3)
    arguments = ["train", "tt", "--dataset", str(folder), "--updates", "120", *TINY]
    assert main([*arguments, "--run-folder", "whole"]) == 0
    run = subprocess.Popen(
        [sys.executable, "-c", KILLED, *arguments, "--run-folder", "cut"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    waited = time.monotonic() + 120
    while time.monotonic() < waited and not list(here.glob("cut/checkpoints/*.safetensors")):
        time.sleep(0.01)
    assert run.poll() is None, "the run was over before it could be killed"
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not (here / "cut" / "summary.json").exists()
    assert main(["train", "cut", "--resume"]) == 0
    for name in ("metrics.csv", "eval.csv"):
        assert (here / "whole" / name).read_bytes() == (here / "cut" / name).read_bytes()
    ours, theirs = (TTPolicy.load(here / name / "policy.zip").state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_budget_shrinks_beam_and_horizon():
    budget = LatencyBudget(1.0, Search(horizon=15, beam_width=32))
    sizes = [(level.horizon, level.beam_width) for level in budget.levels]
    assert sizes == [(1, 4), (3, 4), (7, 4), (15, 4), (15, 8), (15, 16), (15, 32)]
    seconds = {size: 0.01 * size[0] * size[1] for size in sizes}
    for _ in range(20):
        search = budget.search
        assert seconds[search.horizon, search.beam_width] <= 1
        budget.note(seconds[search.horizon, search.beam_width])
    assert (budget.search.horizon, budget.search.beam_width) == (15, 4)
    budget.note(1.5)  # a slower machine
    assert (budget.search.horizon, budget.search.beam_width) == (7, 4)
    free = LatencyBudget(0, Search())
    free.note(1e9)
    assert free.search == Search()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"planner": "best"}, "planner is 'best', expected one of reward, likelihood"),
        ({"discretizer": "log"}, "discretizer is 'log'"),
        ({"schedule": "up"}, "schedule is 'up'"),
        ({"horizon": 0}, "horizon is 0, expected at least 1"),
        ({"cdf_act": 1.0}, "cdf_act is 1.0"),
        ({"k_obs": 0}, "k_obs is 0"),
        ({"width": 30, "heads": 4}, "a multiple of heads"),
        ({"goal": True}, "a goal is reached by likelihood"),
        ({"bins": 40_000}, "bins is 40000, expected at most 32767"),
        ({"context": 11}, "context is 11, expected at most window, 10"),
        ({"context": 1}, "context is 1 and horizon 15"),
        ({"window": 1, "context": 1}, "context is 1 and horizon 15"),
        ({"critic": "run", "planner": "likelihood"}, "a critic ranks plans by reward"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(UsageError, match=message):
        Config(**settings).check()


def test_spaces_and_values_it_cannot_use():
    box = gym.spaces.Box(-1, 1, (1,))
    for spaces in ((gym.spaces.Discrete(3), box), (box, gym.spaces.Discrete(3)), (gym.spaces.Box(0, 255, (8, 8)), box)):
        with pytest.raises(UsageError, match="needs a Box of numbers with one axis"):
            TrajectoryTransformerLearner(Spaces(*spaces), Config(**FAST), device="cpu")
    with pytest.raises(UsageError, match="--goal needs an environment with the entries observation and desired_goal"):
        TrajectoryTransformerLearner(Spaces(box, box), Config(**FAST, goal=True, planner="likelihood"), device="cpu")
    data = line()
    learner = TrajectoryTransformerLearner(
        Spaces(data.observation_space, data.action_space), Config(**FAST), data, device="cpu"
    )
    learner.begin(data)
    with pytest.warns(UserWarning, match="observation 0 is 5, outside the data's range"):
        _, state = learner.act(np.array([[5.0]], np.float32), np.ones(1, bool), np.full(1, 1e6), None)  # no step, no reward
    here, policy = np.zeros((1, 1), np.float32), learner.policy
    with pytest.warns(UserWarning, match="reward 0 is 1e\\+06, outside the data's range"):
        policy.predict({"observation": here, "previous_reward": np.array([1e6])}, state, np.zeros(1, bool))
    for seen, memory, message in (
        (np.array([[np.nan]], np.float32), state, "expected finite numbers, got observation"),
        ({"observation": here, "previous_reward": np.array([np.inf])}, state, "expected finite numbers, got reward"),
        ({"previous_reward": np.zeros(1)}, state, "'observation'.* missing among"),
        (np.zeros((3, 1), np.float32), state, "expected observations of 1 environments, as in state, got 3"),
    ):
        with pytest.raises(ValueError, match=message):
            policy.predict(seen, memory, np.zeros(len(memory[1]), bool))


def test_delayed_rewards_and_the_penalty(caplog, tmp_path):
    """The penalty stands for the reward of the last step, not for the return paid there. The policy's file keeps both rules."""
    data = dataclasses.replace(line(), terminated=np.isin(np.arange(len(line())), line().starts[1:] - 1))
    settings = {**FAST, "termination_penalty": -100.0}
    learner = TrajectoryTransformerLearner(
        Spaces(data.observation_space, data.action_space), Config(**settings, delayed=True), data, device="cpu"
    )
    delayed = learner.rewarded(data)
    for number in range(data.episodes):
        paid = delayed.episode(number).rewards
        own = data.episode(number).rewards
        np.testing.assert_allclose(paid, [*np.zeros(len(own) - 1), own[:-1].sum() - 100])
    assert "give --termination-penalty None" not in caplog.text
    paid = np.where(data.terminated, 10.0, data.rewards)
    learner.rewarded(dataclasses.replace(data, rewards=paid))
    assert "up to 10, and termination_penalty puts -100 in their place" in caplog.text

    learner.begin(delayed)
    learner.save(tmp_path)
    policy, here, memories = TTPolicy.load(tmp_path / "policy.zip"), np.zeros((1, 1), np.float32), []
    for reward in (-0.5, 0.0):
        policy.generator.manual_seed(0)
        _, state = policy.predict({"observation": here, "previous_reward": np.zeros(1)})
        shown = {"observation": here, "previous_reward": np.full(1, reward)}
        memories.append(policy.predict(shown, state, np.zeros(1, bool))[1])
    assert all(np.array_equal(*pair) for pair in zip(*memories))
