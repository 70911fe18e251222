"""The written-out update against stable-baselines3's own, run on the same batch, parameters and noise."""

import copy
import itertools

import numpy as np
import pytest
import torch
from stable_baselines3 import SAC as SB3SAC
from stable_baselines3.common.utils import polyak_update
from stable_baselines3.sac.policies import Actor
from torch import nn
from torch.nn import functional as F

from papergym.agents.fast.stacked import StackedMLP


def sb3_twin(model, make_sac, **kwargs):
    """Stable-baselines3's SAC with the parameters and optimiser states of ``model``."""
    twin = make_sac(cls=SB3SAC, **kwargs)
    twin.policy.load_state_dict(model.policy.state_dict())
    for name in ("actor", "critic"):
        getattr(twin, name).optimizer.load_state_dict(copy.deepcopy(getattr(model, name).optimizer.state_dict()))
    if model.ent_coef_optimizer is not None:
        twin.log_ent_coef.data.copy_(model.log_ent_coef.data)
        twin.ent_coef_optimizer.load_state_dict(copy.deepcopy(model.ent_coef_optimizer.state_dict()))
    twin._logger = model.logger
    return twin


def replay(monkeypatch, twin, batch, noise):
    """Let stable-baselines3's train() draw ``batch`` and, in its two calls, the two halves of ``noise``."""
    halves = iter(noise.chunk(2))

    def action_log_prob(self, obs):
        mean, log_std, _ = self.get_action_dist_params(obs)
        self.action_dist.proba_distribution(mean, log_std)
        gaussian = mean + log_std.exp() * next(halves)
        action = torch.tanh(gaussian)
        return action, self.action_dist.log_prob(action, gaussian)

    monkeypatch.setattr(Actor, "action_log_prob", action_log_prob)
    monkeypatch.setattr(twin.replay_buffer, "sample", lambda *_, **__: batch)


@pytest.mark.parametrize("ent_coef", ["auto", 0.2])
@pytest.mark.parametrize("n_critics", [1, 2, 3])
def test_update_equals_sb3(monkeypatch, make_sac, ent_coef, n_critics):
    arguments = {"ent_coef": ent_coef, "policy_kwargs": {"net_arch": [32, 24], "n_critics": n_critics}}
    model = make_sac(60, **arguments)
    twin = sb3_twin(model, make_sac, **arguments)
    for _ in range(3):
        batch = model.replay_buffer.sample(16)
        noise = torch.randn(32, 3, generator=torch.Generator().set_state(model._noise.get_state()))
        with monkeypatch.context() as patch:
            replay(patch, twin, batch, noise)
            twin.train(1, 16)
        logged = dict(twin.logger.name_to_value)
        losses, _ = model._lean_update(batch, model._noise)
        model._lean_update.move_targets(model.tau)
        for name, value in losses.items():
            assert value == pytest.approx(logged[f"train/{name}"], rel=2e-4, abs=1e-5), name
        for (name, ours), theirs in zip(model.policy.state_dict().items(), twin.policy.state_dict().values()):
            torch.testing.assert_close(ours, theirs, rtol=2e-4, atol=2e-6, msg=lambda text, name=name: f"{name}: {text}")
        if ent_coef == "auto":
            torch.testing.assert_close(model.log_ent_coef, twin.log_ent_coef, rtol=1e-5, atol=1e-6)


def test_gradients_equal_autograd_in_float64(make_sac):
    """Actor and critic gradients against autograd through the modules, in double precision."""
    model = make_sac(60)
    update = model._lean_update
    actor, critic = copy.deepcopy(model.actor).double(), copy.deepcopy(model.critic).double()
    batch = model.replay_buffer.sample(16)
    obs = batch.observations
    noise = torch.randn(16, 3)
    hidden = actor.latent_pi(obs.double())
    mean, log_std = actor.mu(hidden), actor.log_std(hidden).clamp(-20, 2)
    distribution = torch.distributions.Normal(mean, log_std.exp())
    gaussian = mean + log_std.exp() * noise.double()
    action = torch.tanh(gaussian)
    log_prob = distribution.log_prob(gaussian).sum(1, keepdim=True) - torch.log(1 - action**2 + 1e-6).sum(1, keepdim=True)
    q_values = torch.stack([q(torch.cat([obs.double(), action], 1)) for q in critic.q_networks]).min(dim=0).values
    (0.3 * log_prob - q_values).mean().backward()
    critic.zero_grad()
    target, taken = torch.randn(16, 1), torch.cat([obs, batch.actions], 1).double()
    torch.stack([0.5 * F.mse_loss(q(taken), target.double()) for q in critic.q_networks]).sum().backward()

    with torch.no_grad():
        ours, ours_log_prob = update.actor.forward(obs, noise)
        torch.testing.assert_close(ours_log_prob, log_prob.float(), rtol=1e-4, atol=1e-5)
        chosen = update.critics.forward(torch.cat([obs, ours], 1)).min(dim=0).indices
        update.actor.backward(update.critics.input_gradient(chosen[:, 0], -1.0 / 16, 5), 0.3)
        error = update.critics.forward(torch.cat([obs, batch.actions], 1)) - target
        update.critics.backward(error / 16)
    for network, module in ((update.actor.network, actor), (update.critics, critic)):
        names = {
            id(parameter): name for name, parameter in (model.actor if module is actor else model.critic).named_parameters()
        }
        exact = dict(module.named_parameters())
        assert len(names) == len(network.parameters)
        for parameter, found in zip(network.parameters, network.gradients):
            torch.testing.assert_close(found, exact[names[id(parameter)]].grad.float(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("hidden", [(), (7,), (6, 5, 4)])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_input_gradient_against_autograd(hidden, count):
    """Of the sum over rows of the smallest output, in float64."""
    sizes = [6, *hidden, 1]
    make = lambda: [[nn.Linear(before, after).double()] for before, after in itertools.pairwise(sizes)]  # noqa: E731
    networks = [make() for _ in range(count)]
    stacked = StackedMLP(networks)
    x = torch.randn(32, 6, dtype=torch.float64, requires_grad=True)
    outputs = []
    for layers in networks:
        h = x
        for index, (layer,) in enumerate(layers):
            h = layer(torch.relu(h) if index else h)
        outputs.append(h)
    torch.stack(outputs).amin(0).sum().backward()
    with torch.no_grad():
        chosen = stacked.forward(x.detach()).argmin(0)[:, 0]
        torch.testing.assert_close(stacked.input_gradient(chosen, 1.0, 2), x.grad[:, 2:], rtol=1e-10, atol=1e-12)


def test_weights_scale_each_transition(make_sac):
    """With importance weights, the critic loss is the weighted mean of the squared errors."""
    model = make_sac(60)
    batch = model.replay_buffer.sample(16)
    weights = torch.rand(16, 1)
    weighted = type("Batch", (), {**batch._asdict(), "weights": weights})
    target = torch.randn(16, 1)
    obs = batch.observations
    with torch.no_grad():
        q_values = model._lean_update.critics.forward(torch.cat([obs, batch.actions], 1))
        loss, td_error = model._lean_update._update_critics(weighted, obs, target)
    assert loss == pytest.approx(float(0.5 * (weights * (q_values - target) ** 2).mean(1).sum()), rel=1e-5)
    torch.testing.assert_close(td_error, (q_values - target).abs().mean(0))


def test_first_version_of_sac(make_sac):
    """V moves to min Q - alpha log pi, the critics to r + gamma V_target, and nothing touches the target critics."""
    model = make_sac(60, separate_value=True, ent_coef=0.2)
    before = {name: value.clone() for name, value in model.critic_target.state_dict().items()}
    batch = model.replay_buffer.sample(16)
    expected = batch.rewards + 0.99 * (1 - batch.dones) * model.value.target(batch.next_observations)
    torch.testing.assert_close(
        model._lean_update._target(batch, batch.next_observations, torch.zeros(0), torch.zeros(0), 0.2), expected
    )
    value, target = copy.deepcopy(model.value.network), copy.deepcopy(model.value.target)
    losses, _ = model._lean_update(batch, model._noise)
    assert np.isfinite(losses["value_loss"])
    polyak_update(model.value.network.parameters(), target.parameters(), model.tau)
    model._lean_update.move_targets(model.tau)
    for ours, theirs, old in zip(model.value.target.parameters(), target.parameters(), value.parameters()):
        torch.testing.assert_close(ours, theirs)
        assert not torch.equal(ours, old)
    for name, parameter in model.critic_target.state_dict().items():
        assert torch.equal(parameter, before[name])


def test_first_version_learns_the_value_of_a_constant_reward(make_sac):
    """With reward r everywhere, alpha = 0 and no end, V tends to r / (1 - gamma)."""
    arguments = {"ent_coef": 0.0, "gamma": 0.5, "learning_rate": 3e-3, "tau": 0.05, "learning_starts": 400}
    model = make_sac(400, separate_value=True, **arguments)
    model.replay_buffer.rewards[...] = 3.0
    model.replay_buffer.dones[...] = 0.0
    model.train(600, 64)
    values = model.value.network(model.replay_buffer.sample(64).observations)
    assert values.mean().item() == pytest.approx(6.0, abs=0.8)  # the actor seeks out overestimates; no bootstrap would give 3


def test_unequal_optimiser_is_stepped_by_itself(make_sac):
    model = make_sac(60, policy_kwargs={"net_arch": [16], "optimizer_class": torch.optim.RMSprop})
    assert model.critic.optimizer.state[next(iter(model.critic.parameters()))]["step"] > 0
