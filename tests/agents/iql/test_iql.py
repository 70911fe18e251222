"""Implicit Q-learning against numpy in float64, and its two forms against each other."""

import logging
import math

import numpy as np
import pytest
import torch
from gymnasium import spaces
from scipy.stats import norm

from papergym.agents.iql import losses
from papergym.agents.iql.config import Config
from papergym.agents.iql.learner import IQL, return_scale

SEEN, DONE = spaces.Box(-np.inf, np.inf, (4,)), spaces.Box(-1, 1, (2,))
GENERATOR = np.random.default_rng(0)
Q, VALUES = 2 * GENERATOR.normal(size=(2, 6, 1)), GENERATOR.normal(size=(6, 1))
ACTIONS, MEAN, LOG_STD = GENERATOR.uniform(-1, 1, (6, 2)), GENERATOR.uniform(-1, 1, (6, 2)), np.array([-0.7, 0.3])


@pytest.fixture
def learner(memory_data):
    """With batches of 8, in its plain or its fast form."""

    def make(**settings):
        env, data = memory_data(SEEN, DONE)
        found = IQL(env, Config(**{"hidden": (8, 8), "batch_size": 8, **settings}), data, seed=1, device="cpu")
        found.begin(data)
        return found

    return make


def test_expectile_loss_by_numpy():
    found = losses.value_loss(torch.tensor(VALUES), torch.tensor(Q), 0.7).item()
    gap = np.minimum(Q[0], Q[1]) - VALUES
    assert found == pytest.approx((np.abs(0.7 - (gap < 0)) * gap**2).mean()) and (gap < 0).any() and (gap > 0).any()


@pytest.mark.parametrize("expectile", [0.5, 0.7, 0.9])
def test_the_minimum_of_the_loss_is_the_expectile(expectile):
    """Of a sample: where expectile * (mean excess above) equals (1 - expectile) * (mean deficit below)."""
    sample = torch.tensor(np.random.default_rng(1).normal(size=(500, 1)))
    value = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([value], max_iter=50)

    def closure():
        optimizer.zero_grad()
        loss = losses.value_loss(value.expand(500, 1), sample[None], expectile)
        loss.backward()
        return loss

    optimizer.step(closure)
    gap = sample.numpy() - value.item()
    assert expectile * np.maximum(gap, 0).mean() == pytest.approx((1 - expectile) * np.maximum(-gap, 0).mean(), rel=1e-4)


def test_weights_and_actor_loss_by_numpy():
    weights = losses.advantage_weights(torch.tensor(Q), torch.tensor(VALUES), 3.0, 100.0)
    expected = np.minimum(np.exp(3 * (np.minimum(Q[0], Q[1]) - VALUES)), 100)
    np.testing.assert_allclose(weights, expected)
    strong = losses.advantage_weights(torch.tensor(Q) + 9, torch.tensor(VALUES), 3.0, 100.0)
    assert strong.max() == 100
    log_prob = losses.log_density(torch.tensor(ACTIONS), torch.tensor(MEAN), torch.tensor(LOG_STD))
    by_scipy = norm.logpdf(ACTIONS, MEAN, np.exp(LOG_STD)).sum(1, keepdims=True)
    np.testing.assert_allclose(log_prob, by_scipy)
    assert losses.actor_loss(log_prob, weights).item() == pytest.approx(-(expected * by_scipy).mean())


def mlp(module, x, squash=False):
    layers = [layer for layer in module if isinstance(layer, torch.nn.Linear)]
    for index, layer in enumerate(layers):
        x = x @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()
        x = np.maximum(x, 0) if index < len(layers) - 1 else x
    return np.tanh(x) if squash else x


@pytest.mark.parametrize("lean", [False, True])
def test_a_whole_update_by_numpy(learner, lean):
    """Losses from the weights in float64: the actor and the critics see the value network after its step."""
    agent = learner(lean=lean)
    batch = agent.transitions.sample(np.random.default_rng(2), 8)
    obs, act, rewards, next_obs, dones = (part.double().numpy() for part in batch)
    net, policy = agent.networks, agent.policy
    pairs = np.hstack([obs, act])
    target_q = np.min([mlp(q, pairs) for q in policy.critic_target.q_networks], axis=0)
    gap = target_q - mlp(net.value.v_net, obs)
    value_loss = (np.abs(0.7 - (gap < 0)) * gap**2).mean()
    mean, q_values = mlp(policy.actor.mu, obs, squash=True), [mlp(q, pairs) for q in policy.critic.q_networks]
    old = {name: value.clone() for name, value in policy.critic_target.state_dict().items()}
    found = agent._update(batch)
    weights = np.minimum(np.exp(3 * (target_q - mlp(net.value.v_net, obs))), 100)
    target = rewards + 0.99 * (1 - dones) * mlp(net.value.v_net, next_obs)
    expected = {
        "value_loss": value_loss,
        "actor_loss": -(weights * norm.logpdf(act, mean, 1).sum(1, keepdims=True)).mean(),
        "loss": sum(((q - target) ** 2).mean() for q in q_values),
        "q_value": np.mean(q_values),
        "weight": weights.mean(),
    }
    assert {name: value.item() for name, value in found.items()} == pytest.approx(expected, rel=1e-4)
    for name, value in policy.critic_target.state_dict().items():
        moved = old[name] + 0.005 * (policy.critic.state_dict()[name] - old[name])
        torch.testing.assert_close(value, moved, atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("log_std", [0.0, -5.5, 2.5])
def test_both_forms_make_the_same_steps(learner, log_std):
    """Also where the log standard deviation is outside its bounds, and has no gradient."""
    plain, fast = learner(lean=False, beta=1.0), learner(lean=True, beta=1.0)
    for agent in (plain, fast):
        agent.networks.spread.log_std.data.fill_(log_std)
    for _ in range(6):
        batch = plain.transitions.sample(plain.batches, 8)
        numbers = [agent.update_on(batch) for agent in (plain, fast)]
        for name, value in numbers[0].items():
            torch.testing.assert_close(numbers[1][name], value, atol=1e-5, rtol=1e-4)
    for (name, left), (_, right) in zip(plain.networks.named_parameters(), fast.networks.named_parameters(), strict=True):
        torch.testing.assert_close(left, right, atol=2e-5, rtol=1e-3, msg=name)
    moved = not torch.equal(fast.networks.spread.log_std, torch.full((2,), log_std))
    assert moved == (log_std == 0.0)


def test_the_actors_step_size_falls_along_a_cosine(learner):
    agent = learner(total_steps=10)
    rates = []
    for _ in range(10):
        agent.advance(agent.data)
        rates.append(agent.networks.actor_optimizer.param_groups[0]["lr"])
        assert agent.networks.critic_optimizer.param_groups[0]["lr"] == 3e-4
    np.testing.assert_allclose(rates, [1.5e-4 * (1 + math.cos(math.pi * done / 10)) for done in range(10)])


def test_rewards_scaled_by_the_range_of_returns(learner, memory_data, caplog):
    _, data = memory_data(SEEN, DONE)
    returns = [data.rewards[a:b].sum() for a, b in zip(data.starts, data.starts[1:])]
    assert return_scale(data) == pytest.approx(1000 / (max(returns) - min(returns)))
    agent = learner()
    scaled = agent.transitions.sample(np.random.default_rng(3), 50).rewards[:, 0].numpy()
    rows = np.random.default_rng(3).integers(len(data), size=50)
    np.testing.assert_allclose(scaled, data.rewards[rows] * return_scale(data), rtol=1e-5)
    _, single = memory_data(SEEN, DONE, episodes=1)
    with caplog.at_level(logging.WARNING):
        assert return_scale(single) == 1.0
    assert "same return" in caplog.text


def test_samples_spread_as_the_gaussian(learner):
    agent = learner()
    agent.networks.spread.log_std.data.fill_(-2.0)
    seen = np.zeros((4000, 4), np.float32)
    drawn = agent.act(seen, np.ones(4000, bool), np.zeros(4000), None, deterministic=False)[0]
    mode = agent.act(seen[:1], np.ones(1, bool), np.zeros(1), None)[0]
    assert np.abs(drawn.std(0) - math.exp(-2)).max() < 0.01 and np.abs(drawn.mean(0) - mode).max() < 0.01
