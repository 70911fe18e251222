"""Losses of one update against float64 computations written from the formulas."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Normal, TransformedDistribution
from torch.distributions.transforms import TanhTransform

from papergym.agents.protorl.prototypes import Prototypes


def as_double(module):
    return copy.deepcopy(module).double()


@pytest.fixture
def filled(make):
    model = make()
    model.learn(30, log_interval=None)
    return model


def batch_of(model, size=16):
    batch, noise = model.replay_buffer.sample(size), model.draw_noise(size)
    with torch.no_grad():
        return batch, noise, model.policy.encoder(batch.observations), model.policy.encoder(batch.next_observations)


def test_clustering_loss_float64():
    torch.manual_seed(0)
    module = Prototypes(12, 6, 10)
    torch.nn.init.orthogonal_(module.weight.data)
    module.normalize()
    projected, target = torch.randn(20, 6), torch.randn(20, 6)
    weight = module.weight.detach().double().numpy()
    first, last = module.predictor[0], module.predictor[2]
    hidden = np.maximum(projected.numpy() @ first.weight.detach().numpy().T + first.bias.detach().numpy(), 0)
    student = hidden.astype(np.float64) @ last.weight.detach().double().numpy().T + last.bias.detach().double().numpy()
    student /= np.linalg.norm(student, axis=1, keepdims=True)
    teacher = target.double().numpy() / np.linalg.norm(target.double().numpy(), axis=1, keepdims=True)
    mass = np.exp(teacher @ weight.T / 0.1).T
    for _ in range(3):
        mass /= mass.sum(axis=1, keepdims=True)
        mass /= mass.sum(axis=0)
    logits = student @ weight.T / 0.1
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert module.loss(projected, target).item() == pytest.approx(-(mass.T * log_p).sum(axis=1).mean(), rel=1e-4)


def test_clustering_gradient_reaches_student_and_prototypes_only():
    module = Prototypes(12, 6, 10)
    torch.nn.init.orthogonal_(module.weight.data)
    projected, target = torch.randn(20, 6, requires_grad=True), torch.randn(20, 6, requires_grad=True)
    module.loss(projected, target).backward()
    assert target.grad is None
    assert projected.grad is not None and projected.grad.abs().sum() > 0
    assert module.weight.grad is not None and module.weight.grad.abs().sum() > 0


def test_log_density_equals_torch_distributions(filled):
    _, noise, features, _ = batch_of(filled)
    actor = as_double(filled.actor)
    mean, log_std = actor(features.double())
    actions, log_prob = actor.sample(features.double(), noise.action.double())
    density = TransformedDistribution(Normal(mean, log_std.exp()), TanhTransform(cache_size=1))
    raw = mean + log_std.exp() * noise.action.double()
    expected = Normal(mean, log_std.exp()).log_prob(raw) - torch.log1p(-(raw.tanh() ** 2))
    torch.testing.assert_close(log_prob, expected.sum(-1, keepdim=True))
    torch.testing.assert_close(density.log_prob(actions.clamp(-1 + 1e-12, 1 - 1e-12)).sum(-1, keepdim=True), log_prob)
    assert log_std.min() >= -10 and log_std.max() <= 2


def test_critic_loss_float64(filled):
    batch, noise, features, next_features = batch_of(filled)
    dones = torch.zeros_like(batch.dones)
    dones[:3] = 1
    actor, critic, target = (as_double(m) for m in (filled.actor, filled.critic, filled.critic_target))
    with torch.no_grad():
        action, log_prob = actor.sample(next_features.double(), noise.next_action.double())
        q = torch.stack([head for head in target(next_features.double(), action)]).amin(dim=0)
        backup = 0.5 + 0.99 * (1 - dones.double()) * (q - float(filled.temperature) * log_prob)
        one, two = critic(features.double(), batch.actions.double())
        expected = ((one - backup) ** 2).mean() + ((two - backup) ** 2).mean()
    reward = torch.full_like(batch.rewards, 0.5)
    loss = filled._update_critic(features, batch.actions, reward, next_features, 1 - dones, noise.next_action, 0.99)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)


def test_actor_and_temperature_losses_float64(filled):
    _, noise, features, _ = batch_of(filled)
    actor, critic, alpha = as_double(filled.actor), as_double(filled.critic), float(filled.temperature)
    actions, log_prob = actor.sample(features.double(), noise.action.double())
    loss = (alpha * log_prob - torch.minimum(*critic(features.double(), actions))).mean()
    expected = torch.autograd.grad(loss, list(actor.parameters()))
    filled.actor.optimizer = torch.optim.SGD(filled.actor.parameters(), lr=1.0)  # a step of size 1 shows the gradient
    before, log_alpha = [p.detach().clone() for p in filled.actor.parameters()], filled.log_ent_coef.item()
    filled.ent_coef_optimizer = torch.optim.SGD([filled.log_ent_coef], lr=1.0)
    metrics = filled._update_actor(features, noise.action)
    assert metrics["actor_loss"].item() == pytest.approx(loss.item(), rel=1e-4)
    for old, new, gradient in zip(before, filled.actor.parameters(), expected):
        torch.testing.assert_close(old - new, gradient.float(), rtol=1e-3, atol=1e-5)
    surplus = (-log_prob.detach() + 2).mean().item()  # target entropy: minus two action dimensions
    assert log_alpha - filled.log_ent_coef.item() == pytest.approx(alpha * surplus, rel=1e-3)
    assert all(p.requires_grad for p in filled.critic.parameters())


def test_one_convolution_serves_reward_and_target(make, filled):
    """Sharing conv(next_obs) changes no bit beside computing it once for each use, as the official code does."""
    batch, noise = filled.replay_buffer.sample(16), filled.draw_noise(16)
    twin = make()
    twin.learn(30, log_interval=None)
    calls = []
    filled.policy.encoder.convolutions.register_forward_hook(lambda *_: calls.append(1))
    filled._n_updates = twin._n_updates = 1  # no representation update: two passes remain
    found = filled.update(batch, noise)
    assert len(calls) == 2

    policy, gamma = twin.policy, twin.gamma
    from papergym.agents.fast.random_shift import random_shift

    obs, next_obs = (
        random_shift(batch.observations, noise.shift_obs, 4),
        random_shift(batch.next_observations, noise.shift_next, 4),
    )
    reward = policy.novelty(policy.encoder(next_obs).detach(), noise.gumbel)
    with torch.no_grad():
        next_action, log_prob = twin.actor.sample(policy.encoder(next_obs), noise.next_action)
        value = torch.minimum(*twin.critic_target(policy.encoder(next_obs), next_action)) - twin.temperature * log_prob
        target = reward + gamma * value
    one, two = twin.critic(policy.encoder(obs).detach(), batch.actions)
    loss = F.mse_loss(one, target) + F.mse_loss(two, target)
    assert found["intrinsic_reward"].item() == reward.mean().item()
    assert found["critic_loss"].item() == loss.item()


@pytest.mark.parametrize("bf16", [False, True])
def test_collapsed_embeddings_stay_finite(make, bf16):
    model = make(nets={"encoder_kwargs": {"bf16": bf16}})
    model.learn(30, log_interval=None)
    torch.nn.init.zeros_(model.policy.projector.weight)
    torch.nn.init.zeros_(model.policy.target_projector.weight)
    for bias in (model.policy.projector.bias, model.policy.target_projector.bias):
        torch.nn.init.ones_(bias)  # every observation has the same embedding
    for _ in range(6):
        metrics = model.update(model.replay_buffer.sample(16), model.draw_noise(16))
        assert all(torch.isfinite(value).all() for value in metrics.values())
        model._n_updates += 1
    assert all(torch.isfinite(p).all() for p in model.policy.parameters())
