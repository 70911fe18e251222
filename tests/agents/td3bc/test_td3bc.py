"""TD3+BC against numpy in float64, and its two forms against each other."""

import itertools

import numpy as np
import pytest
import torch
from gymnasium import spaces

from papergym.agents.offline.losses import bellman_target, critic_loss
from papergym.agents.td3bc import losses
from papergym.agents.td3bc.config import Config
from papergym.agents.td3bc.learner import TD3BC

SEEN, DONE = spaces.Box(-np.inf, np.inf, (4,)), spaces.Box(-1, 1, (2,))
GENERATOR = np.random.default_rng(0)
ACTIONS, OTHERS, NOISE = GENERATOR.uniform(-1, 1, (6, 2)), GENERATOR.uniform(-1, 1, (6, 2)), GENERATOR.normal(size=(6, 2))
Q, REWARDS = GENERATOR.normal(size=(2, 6, 1)), GENERATOR.normal(size=(6, 1))
DONES = np.array([0, 1, 0, 0, 1, 0.0])[:, None]


@pytest.fixture
def learner(memory_data):
    """With batches of 8, in its plain or its fast form."""

    def make(**settings):
        env, data = memory_data(SEEN, DONE)
        found = TD3BC(env, Config(**{"hidden": (8, 8), "batch_size": 8, **settings}), data, seed=1, device="cpu")
        found.begin(data)
        return found

    return make


def tensors(*arrays):
    return [torch.tensor(array) for array in arrays]


def test_target_by_numpy():
    """Noise is clipped before it is added, the action after; an ended task has no next value."""
    smoothed = losses.smoothed_action(*tensors(ACTIONS, 3 * NOISE), 0.2, 0.5).numpy()
    expected = np.clip(ACTIONS + np.clip(0.2 * 3 * NOISE, -0.5, 0.5), -1, 1)
    np.testing.assert_allclose(smoothed, expected)
    assert (np.abs(0.6 * NOISE) > 0.5).any() and (np.abs(expected) == 1).any()
    target = bellman_target(*tensors(REWARDS, DONES), 0.9, torch.tensor(Q).amin(0))
    np.testing.assert_allclose(target, REWARDS + 0.9 * np.where(DONES == 1, 0, np.minimum(Q[0], Q[1])))
    found = critic_loss(torch.tensor(Q), target).item()
    assert found == pytest.approx(sum(((q - target.numpy()) ** 2).mean() for q in Q))


def test_actor_loss_by_numpy():
    """The weight lambda is a constant for the gradient."""
    q_values, actions, data_actions = tensors(Q[0], ACTIONS, OTHERS)
    q_values.requires_grad_()
    loss = losses.actor_loss(q_values, actions, data_actions, 2.5)
    weight = 2.5 / np.abs(Q[0]).mean()
    assert loss.item() == pytest.approx(-weight * Q[0].mean() + ((ACTIONS - OTHERS) ** 2).mean())
    loss.backward()
    np.testing.assert_allclose(q_values.grad, np.full((6, 1), -weight / 6))


def mlp(module, x, squash=False):
    layers = [layer for layer in module if isinstance(layer, torch.nn.Linear)]
    for index, layer in enumerate(layers):
        x = x @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()
        x = np.maximum(x, 0) if index < len(layers) - 1 else x
    return np.tanh(x) if squash else x


@pytest.mark.parametrize("lean", [False, True])
def test_a_whole_update_by_numpy(learner, lean):
    """The critics' loss from the networks' weights in float64; which networks move when, and the targets by how much."""
    agent = learner(lean=lean)
    batch = agent.transitions.sample(np.random.default_rng(2), 8)
    obs, act, rewards, next_obs, dones = (part.double().numpy() for part in batch)
    noise = torch.randn(8, 2)
    policy = agent.policy
    next_action = mlp(policy.actor_target.mu, next_obs, squash=True)
    next_action = np.clip(next_action + np.clip(0.2 * noise.double().numpy(), -0.5, 0.5), -1, 1)
    next_q = np.min([mlp(q, np.hstack([next_obs, next_action])) for q in policy.critic_target.q_networks], axis=0)
    target = rewards + 0.99 * (1 - dones) * next_q
    q_values = [mlp(q, np.hstack([obs, act])) for q in policy.critic.q_networks]
    before = {name: value.clone() for name, value in policy.state_dict().items()}
    found = agent._update(batch, noise, move_actor=False)
    assert found["loss"].item() == pytest.approx(sum(((q - target) ** 2).mean() for q in q_values), rel=1e-4)
    assert found["q_value"].item() == pytest.approx(np.mean(q_values), rel=1e-4)
    moved = {name.split(".")[0] for name, value in policy.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {"critic"}
    agent._update(batch, noise, move_actor=True)
    after = policy.state_dict()
    for name, value in before.items():
        net = name.split(".")[0]
        if net.endswith("_target"):
            expected = value + 0.005 * (after[name.replace(net, net.removesuffix("_target"))] - value)
            torch.testing.assert_close(after[name], expected, atol=1e-7, rtol=1e-5)


def test_both_forms_make_the_same_steps(learner):
    plain, fast = learner(lean=False), learner(lean=True)
    for done in range(8):
        batch, noise = plain.transitions.sample(plain.batches, 8), torch.randn(8, 2)
        numbers = [agent._update(batch, noise, move_actor=done % 2 == 1) for agent in (plain, fast)]
        for name, value in numbers[0].items():
            torch.testing.assert_close(numbers[1][name], value, atol=1e-5, rtol=1e-4)
    for (name, left), (_, right) in zip(plain.policy.named_parameters(), fast.policy.named_parameters(), strict=True):
        torch.testing.assert_close(left, right, atol=2e-5, rtol=1e-3, msg=name)


def test_the_actor_moves_every_second_update(learner):
    agent = learner()
    weights = [agent.policy.actor.mu[0].weight.clone()]
    for _ in range(4):
        agent.advance(agent.data)
        weights.append(agent.policy.actor.mu[0].weight.clone())
    assert [torch.equal(a, b) for a, b in itertools.pairwise(weights)] == [True, False, True, False]


def test_it_clones_where_rewards_say_nothing(memory_data):
    """With rewards of zero the behaviour cloning term decides."""
    from papergym.agents.data.dataset import Dataset, Episode

    observations = np.random.default_rng(0).uniform(-1, 1, (401, 4)).astype(np.float32)
    data = Dataset.from_episodes([Episode(observations, observations[:-1, :2], np.zeros(400), True)], SEEN, DONE)
    env, _ = memory_data(SEEN, DONE)
    agent = TD3BC(env, Config(hidden=(64, 64), learning_rate=3e-3, alpha=1e-3), data, seed=0, device="cpu")
    agent.begin(data)
    for _ in range(600):
        agent.advance(data)
    actions, _ = agent.act(observations[:50], np.ones(50, bool), np.zeros(50), None)
    assert np.abs(actions - observations[:50, :2]).mean() < 0.08
