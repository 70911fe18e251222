"""Conservative Q-learning against numpy in float64, for discrete and for continuous actions."""

import math

import numpy as np
import pytest
import torch
from gymnasium import spaces
from scipy.special import logsumexp, softmax
from scipy.stats import norm

from papergym.agents.cql import losses
from papergym.agents.cql.config import Config
from papergym.agents.cql.learner import CQL
from papergym.agents.cql.sampling import action_density, log_density, sampled_actions
from papergym.agents.data.dataset import Dataset, Episode

SEEN, BOX, DISCRETE = spaces.Box(-np.inf, np.inf, (4,)), spaces.Box(-1, 1, (2,)), spaces.Discrete(3)
GENERATOR = np.random.default_rng(0)


@pytest.fixture
def learner(memory_data):
    """With batches of 8."""

    def make(done, data=None, **settings):
        env, random = memory_data(SEEN, done)
        data = data or random
        found = CQL(env, Config(**{"hidden": (8, 8), "batch_size": 8, **settings}), data, seed=1, device="cpu")
        found.begin(data)
        return found

    return make


def mlp(module, x):
    layers = [layer for layer in module if isinstance(layer, torch.nn.Linear)]
    for index, layer in enumerate(layers):
        x = x @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()
        x = np.maximum(x, 0) if index < len(layers) - 1 else x
    return x


def test_discrete_losses_by_numpy():
    q, other, target = GENERATOR.normal(size=(6, 3)), GENERATOR.normal(size=(6, 3)), 3 * GENERATOR.normal(size=(6, 1))
    actions, rows = np.array([0, 2, 1, 1, 0, 2]), np.arange(6)
    chosen = torch.tensor(actions)[:, None]
    found = losses.discrete_conservative_loss(torch.tensor(q), chosen).item()
    assert found == pytest.approx((logsumexp(q, axis=1) - q[rows, actions]).mean())
    value = losses.double_q_value(torch.tensor(q), torch.tensor(other))
    np.testing.assert_allclose(value[:, 0], other[rows, q.argmax(1)])
    gap = np.abs(q[rows, actions] - target[:, 0])
    found = losses.td_loss(torch.tensor(q), chosen, torch.tensor(target)).item()
    assert found == pytest.approx(np.where(gap < 1, gap**2 / 2, gap - 0.5).mean()) and (gap > 1).any() and (gap < 1).any()


@pytest.mark.parametrize("lean", [False, True])
def test_a_whole_discrete_update_by_numpy(learner, lean):
    agent = learner(DISCRETE, lean=lean, weight=2.0)
    batch = agent.transitions.sample(np.random.default_rng(2), 8)
    obs, rewards, next_obs, dones = (part.double().numpy() for part in (batch[0], *batch[2:]))
    policy, actions = agent.policy, batch.actions[:, 0].numpy()
    q, next_q = mlp(policy.q_net.q_net, obs), mlp(policy.q_net.q_net, next_obs)
    best = mlp(policy.q_net_target.q_net, next_obs)[np.arange(8), next_q.argmax(1)][:, None]
    gap = np.abs(q[np.arange(8), actions] - (rewards + 0.99 * (1 - dones) * best)[:, 0])
    conservative = (logsumexp(q, axis=1) - q[np.arange(8), actions]).mean()
    found = agent.update_on(batch)
    assert found["conservative_loss"].item() == pytest.approx(conservative, rel=1e-4)
    expected = np.where(gap < 1, gap**2 / 2, gap - 0.5).mean() + 2 * conservative
    assert found["loss"].item() == pytest.approx(expected, rel=1e-4)
    assert found["q_value"].item() == pytest.approx(q[np.arange(8), actions].mean(), rel=1e-4)


def test_both_discrete_forms_make_the_same_steps(learner):
    plain, fast = learner(DISCRETE, lean=False), learner(DISCRETE, lean=True)
    for _ in range(8):
        batch = plain.transitions.sample(plain.batches, 8)
        numbers = [agent.update_on(batch) for agent in (plain, fast)]
        for name, value in numbers[0].items():
            torch.testing.assert_close(numbers[1][name], value, atol=1e-5, rtol=1e-4)
    for (name, left), (_, right) in zip(plain.policy.named_parameters(), fast.policy.named_parameters(), strict=True):
        torch.testing.assert_close(left, right, atol=2e-5, rtol=1e-3, msg=name)


def test_density_of_squashed_actions_by_scipy():
    mean, log_std, noise = GENERATOR.normal(size=(6, 2)), GENERATOR.uniform(-1, 0, (6, 2)), GENERATOR.normal(size=(6, 2))
    action, density = action_density(*(torch.tensor(part) for part in (mean, log_std, noise)))
    before = mean + np.exp(log_std) * noise
    expected = norm.logpdf(before, mean, np.exp(log_std)) - np.log(1 - np.tanh(before) ** 2)
    np.testing.assert_allclose(action, np.tanh(before))
    np.testing.assert_allclose(density[:, 0], expected.sum(1), atol=1e-3)  # 1e-6 in the logarithm
    np.testing.assert_allclose(log_density(torch.tensor(mean), torch.tensor(log_std), action), density, atol=1e-6)
    at_bound = log_density(torch.tensor(mean), torch.tensor(log_std), torch.ones(6, 2, dtype=torch.float64))
    assert torch.isfinite(at_bound).all()


def test_sampled_actions():
    """Thirds: uniform with density 2^-d, the policy's at the state, and at the next state."""
    law = torch.full((50, 2), 0.5), torch.full((50, 2), -2.0)
    next_law = torch.full((50, 2), -0.5), torch.full((50, 2), -2.0)
    actions, density = sampled_actions(law, next_law, 40, torch.Generator().manual_seed(0))
    assert actions.shape == (50, 120, 2) and density.shape == (50, 120)
    uniform, here, there = actions.split(40, 1)
    assert uniform.min() < -0.99 and uniform.max() > 0.99 and abs(uniform.mean()) < 0.03
    assert here.mean() == pytest.approx(np.tanh(0.5), abs=0.02) and there.mean() == pytest.approx(-np.tanh(0.5), abs=0.02)
    np.testing.assert_allclose(density[:, :40], -2 * math.log(2), rtol=1e-6)
    expected = log_density(law[0][:, None], law[1][:, None], here)[:, :, 0]
    np.testing.assert_allclose(density[:, 40:80], expected, atol=1e-3)


def test_the_conservative_sum_estimates_the_integral():
    """Log mean of exp(Q) / density over the three laws, for Q(a) = w a, whose integral over [-1, 1]^2 is known."""
    slope = np.array([1.5, -0.7])
    law, next_law = (torch.zeros(1, 2), torch.full((1, 2), 0.0)), (torch.full((1, 2), 0.3), torch.full((1, 2), 0.0))
    actions, density = sampled_actions(law, next_law, 100_000, torch.Generator().manual_seed(0))
    sampled_q = (actions.double() @ torch.tensor(slope))[None]
    found = losses.conservative_loss(sampled_q, density.double(), torch.zeros(1, 1, 1)).item() - math.log(300_000)
    assert found == pytest.approx(np.log(2 * np.sinh(slope) / slope).sum(), abs=0.02)


def test_conservative_loss_and_its_gradient_by_numpy():
    sampled, density, data_q = GENERATOR.normal(size=(2, 6, 9)), GENERATOR.normal(size=(6, 9)), GENERATOR.normal(size=(2, 6, 1))
    q = torch.tensor(sampled, requires_grad=True)
    loss = losses.conservative_loss(q, torch.tensor(density), torch.tensor(data_q))
    expected = (logsumexp(sampled - density, axis=2, keepdims=True) - data_q).mean(1).sum()
    assert loss.item() == pytest.approx(expected)
    loss.backward()
    np.testing.assert_allclose(q.grad, softmax(sampled - density, axis=2) / 6)


def test_a_whole_continuous_update_by_numpy(learner):
    """The critics' loss from the networks' weights in float64, with the noise of the same generator."""
    agent = learner(BOX, weight=2.0, sampled_actions=5)
    batch = agent.transitions.sample(np.random.default_rng(2), 8)
    obs, act, rewards, next_obs, dones = (part.double().numpy() for part in batch)
    actor, critic, critic_target = agent.policy.actor, agent.policy.critic, agent.policy.critic_target
    with torch.no_grad():
        laws = [actor.get_action_dist_params(part)[:2] for part in (batch.observations, batch.next_observations)]
    noise = torch.Generator().manual_seed(1)
    torch.randn(8, 2, generator=noise)  # of the actor's action
    next_noise = torch.randn(8, 2, generator=noise).numpy()
    actions, density = (part.double().numpy() for part in sampled_actions(*laws, 5, noise))
    next_action = np.tanh(laws[1][0].numpy() + np.exp(laws[1][1].numpy()) * next_noise)
    next_q = np.min([mlp(q, np.hstack([next_obs, next_action])) for q in critic_target.q_networks], axis=0)
    target, loss, conservative = rewards + 0.99 * (1 - dones) * next_q, 0.0, 0.0
    for q in critic.q_networks:
        data_q = mlp(q, np.hstack([obs, act]))
        sampled = mlp(q, np.concatenate([np.repeat(obs[:, None], 15, 1), actions], 2))[:, :, 0]
        part = (logsumexp(sampled - density, axis=1) - data_q[:, 0]).mean()
        conservative, loss = conservative + part, loss + ((data_q - target) ** 2).mean() + 2 * part
    agent.noise.manual_seed(1)
    found = agent.update_on(batch)
    assert found["conservative_loss"].item() == pytest.approx(conservative, rel=1e-4)
    assert found["loss"].item() == pytest.approx(loss, rel=1e-4) and found["temperature"].item() == 1.0


def test_actor_and_temperature_by_hand():
    score, log_prob = torch.tensor([[1.0], [3.0]]), torch.tensor([[-2.0], [0.5]])
    assert losses.actor_loss(score, log_prob, torch.tensor(0.5)).item() == pytest.approx((-1 - 1 + 0.25 - 3) / 2)
    found = losses.temperature_loss(torch.tensor([0.2]), log_prob, -2.0).item()
    assert found == pytest.approx(-0.2 * ((-2 - 2) + (0.5 - 2)) / 2)


def test_which_networks_move(learner):
    """In the cloning updates the critics learn too; the targets follow the critics."""
    for cloning in (0, 10):
        agent = learner(BOX, cloning_updates=cloning)
        before = {name: value.clone() for name, value in agent.policy.state_dict().items()}
        agent.advance(agent.data)
        after = agent.policy.state_dict()
        moved = {name.split(".")[0] for name, value in after.items() if not torch.equal(value, before[name])}
        assert moved == {"actor", "critic", "critic_target"}
        for name, value in before.items():
            if name.startswith("critic_target"):
                expected = value + 0.005 * (after[name.replace("critic_target", "critic")] - value)
                torch.testing.assert_close(after[name], expected, atol=1e-7, rtol=1e-5)


def test_cloning_updates_clone(learner):
    observations = GENERATOR.uniform(-1, 1, (401, 4)).astype(np.float32)
    data = Dataset.from_episodes([Episode(observations, 0.8 * observations[:-1, :2], np.zeros(400), True)], SEEN, BOX)
    agent = learner(
        BOX, data, hidden=(32, 32), batch_size=64, cloning_updates=1000, policy_learning_rate=3e-3, sampled_actions=1
    )
    for _ in range(400):
        agent.advance(data)
    actions, _ = agent.act(observations[:50], np.ones(50, bool), np.zeros(50), None)
    assert np.abs(actions - 0.8 * observations[:50, :2]).mean() < 0.1


def test_values_outside_the_data_are_pushed_down(learner):
    """Only action 1 is in the data; with the conservative term it is the best one, without it nothing says so."""
    observations = GENERATOR.uniform(-1, 1, (201, 4)).astype(np.float32)
    data = Dataset.from_episodes([Episode(observations, np.ones(200, np.int64), np.zeros(200), True)], SEEN, DISCRETE)
    agent = learner(DISCRETE, data, hidden=(32, 32), batch_size=64, learning_rate=3e-3, weight=1.0)
    for _ in range(150):
        agent.advance(data)
    actions, _ = agent.act(observations[:50], np.ones(50, bool), np.zeros(50), None)
    assert (actions == 1).all()
