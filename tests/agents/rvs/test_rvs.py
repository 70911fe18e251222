"""RvS-R: its condition and its loss against numpy, its target, its file in plain SB3."""

import logging

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from scipy.stats import norm

from papergym.agents.bc.config import Config as CloningConfig
from papergym.agents.bc.learner import BehaviourCloning
from papergym.agents.bc.losses import cloning_loss as squared_loss
from papergym.agents.data.dataset import Dataset, Episode
from papergym.agents.rvs.config import Config
from papergym.agents.rvs.learner import RvS
from papergym.agents.rvs.losses import average_returns_to_go, cloning_loss

SEEN, BOX, DISCRETE = spaces.Box(-np.inf, np.inf, (4,)), spaces.Box(-2, 2, (2,)), spaces.Discrete(3)


@pytest.fixture
def learner(memory_data):
    def make(done=BOX, seen=SEEN, data=None, **settings):
        env, random = memory_data(seen, done)
        data = data or random
        found = RvS(env, Config(**{"hidden": (8,), "batch_size": 8, **settings}), data, seed=1, device="cpu")
        found.begin(data)
        return found

    return make


def test_the_condition_by_hand():
    """An episode that ends early divides by the longest one's length too."""
    long, short = np.array([1.0, 2, 3, 4]), np.array([10.0, -2])
    episodes = [
        Episode(np.zeros((len(paid) + 1, 4), np.float32), np.zeros((len(paid), 2)), paid, True) for paid in (long, short)
    ]
    data = Dataset.from_episodes(episodes, SEEN, BOX)
    np.testing.assert_allclose(average_returns_to_go(data), [10 / 4, 9 / 3, 7 / 2, 4, 8 / 4, -2 / 3], rtol=1e-6)
    late = average_returns_to_go(data.with_delayed_rewards(), delayed=True)
    np.testing.assert_allclose(late, [10 / 4] * 4 + [8 / 4] * 2, rtol=1e-6)


def forward(policy, observations, told):
    """Means or logits in float64; the keys of a Dict go in alphabetical order, the condition first."""
    x = np.hstack([told, observations]).astype(np.float64)
    for layer in (policy.mlp_extractor.policy_net[0], policy.action_net):
        x = x @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()
        x = np.maximum(x, 0) if layer is not policy.action_net else x
    return x


def test_losses_by_numpy(learner, memory_data):
    for done in (BOX, DISCRETE):
        agent = learner(done)
        policy, (_, data) = agent.policy, memory_data(SEEN, done)
        observations, told, actions = data.observations[:6], np.arange(6.0)[:, None], data.actions[:6]
        inputs = {"observation": torch.tensor(observations), "average_return": torch.tensor(told, dtype=torch.float32)}
        found = cloning_loss(policy, inputs, torch.tensor(actions)).item()
        outputs = forward(policy, observations, told)
        if done is BOX:
            expected = -norm.logpdf(actions, outputs, np.exp(policy.log_std.detach().numpy())).sum(1).mean()
        else:
            expected = (np.log(np.exp(outputs).sum(1)) - outputs[np.arange(6), actions]).mean()
        assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("flat", [False, True])
def test_actions_of_any_shape_have_the_loss_of_flat_ones(memory_data, flat):
    """Of RvS-R and of behaviour cloning."""
    env, data = memory_data(SEEN, spaces.Box(-2, 2, (6,) if flat else (1, 6)))
    agent = RvS(env, Config(hidden=(8,)), data, seed=1, device="cpu")
    clone = BehaviourCloning(env, CloningConfig(hidden=(8,)), data, seed=1, device="cpu")
    observations, actions = torch.tensor(data.observations[:5]), torch.tensor(data.actions[:5])
    inputs = {"observation": observations, "average_return": torch.zeros(5, 1)}
    mean = agent.policy.get_distribution(inputs).mode().detach().numpy()
    expected = -norm.logpdf(actions.numpy().reshape(5, 6), mean, 1).sum(1).mean()
    assert cloning_loss(agent.policy, inputs, actions).item() == pytest.approx(expected, rel=1e-5)
    mean = clone.policy.get_distribution(observations).mode().detach().numpy()
    expected = np.square(mean - actions.numpy().reshape(5, 6)).mean()
    assert squared_loss(clone.policy, observations, actions).item() == pytest.approx(expected, rel=1e-5)


def act(agent, observations, target):
    count = len(observations)
    return agent.act(observations, np.ones(count, bool), np.zeros(count), target)[0]


def test_the_target_decides(memory_data, learner, caplog):
    """Episodes of two kinds: those that pay 1 a step turn right, the others left; told a return, it acts like its kind."""
    generator = np.random.default_rng(0)
    kinds = [(1.0, 1.5), (0.0, -1.5)] * 4
    episodes = [
        Episode(generator.normal(size=(41, 4)).astype(np.float32), np.full((40, 2), turn, np.float32), np.full(40, paid), False)
        for paid, turn in kinds
    ]
    data = Dataset.from_episodes(episodes, SEEN, BOX)
    agent = learner(data=data, hidden=(32,), batch_size=64, learning_rate=1e-2)
    for _ in range(300):
        agent.advance(data)
    seen = generator.normal(size=(10, 4)).astype(np.float32)
    with caplog.at_level(logging.WARNING):
        assert (act(agent, seen, 40.0) > 1).all() and (act(agent, seen, 0.0) < -1).all()
        np.testing.assert_array_equal(act(agent, seen, None), act(agent, seen, 40.0))  # the best return of the data
        assert not caplog.text
        act(agent, seen, 90.0)
        act(agent, seen, 95.0)
    assert caplog.text.count("outside the data's returns, 0 to 40") == 1


def test_policy_zip_in_plain_sb3(learner, without_papergym, memory_data, tmp_path):
    agent = learner()
    agent.save(tmp_path)
    _, data = memory_data(SEEN, BOX)
    np.save(tmp_path / "observations.npy", data.observations[:5])
    average = float(agent.returns.best / agent.returns.horizon)
    without_papergym(
        "import numpy as np\nfrom stable_baselines3.common.policies import MultiInputActorCriticPolicy\n"
        f"policy = MultiInputActorCriticPolicy.load(r'{tmp_path / 'policy.zip'}')\n"
        f"observations = np.load(r'{tmp_path / 'observations.npy'}')\n"
        f"told = np.full((5, 1), {average!r}, np.float32)\n"
        "actions, _ = policy.predict({'observation': observations, 'average_return': told}, deterministic=True)\n"
        f"np.save(r'{tmp_path / 'actions.npy'}', actions)"
    )
    np.testing.assert_array_equal(np.load(tmp_path / "actions.npy"), act(agent, data.observations[:5], None))


def test_samples_come_from_its_own_generator(learner):
    for done in (BOX, DISCRETE):
        agent, seen = learner(done), np.zeros((2000, 4), np.float32)
        before = torch.get_rng_state()
        drawn = agent.act(seen, np.ones(2000, bool), np.zeros(2000), None, deterministic=False)[0]
        assert torch.equal(before, torch.get_rng_state())
        assert len(np.unique(np.asarray(drawn))) > 2 or isinstance(done, gym.spaces.Discrete)
        assert all(done.contains(np.asarray(action, done.dtype)) for action in drawn[:50])
        if done is DISCRETE:
            inputs, _ = agent.policy.obs_to_tensor(
                {"observation": seen[:1], "average_return": np.array([[float(agent.returns.best / agent.returns.horizon)]])}
            )
            chances = agent.policy.get_distribution(inputs).distribution.probs[0].detach().numpy()
            np.testing.assert_allclose(np.bincount(drawn, minlength=3) / 2000, chances, atol=0.05)
