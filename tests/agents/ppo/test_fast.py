"""The numpy update against autograd in float64, against finite differences, and against the torch update."""

import copy

import numpy as np
import pytest
import torch
from stable_baselines3.common import policies
from torch.distributions import Categorical, Independent, Normal, kl_divergence

from papergym.agents.ppo.fast import Settings
from papergym.agents.ppo.objective import OBJECTIVES, Surrogate


def torch_loss(model, surrogate, batch, old, old_log_std, normalize):
    """Eq. 9 written with torch.distributions only, on the SB3 policy's own modules."""
    policy, to = model.policy, torch.from_numpy
    latent_pi, latent_vf = policy.mlp_extractor(to(batch.observations))
    outputs, values = policy.action_net(latent_pi), policy.value_net(latent_vf).flatten()
    if old_log_std is None:
        new, before, actions = Categorical(logits=outputs), Categorical(logits=to(old)), to(batch.actions).flatten()
    else:
        new = Independent(Normal(outputs, policy.log_std.exp()), 1)
        before, actions = Independent(Normal(to(old), to(old_log_std).exp()), 1), to(batch.actions)
    advantages = to(batch.advantages)
    if normalize:
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    ratio = (new.log_prob(actions) - to(batch.log_probs)).exp()
    gain = ratio * advantages
    if surrogate.objective == "clip":
        gain = torch.min(gain, ratio.clamp(1 - surrogate.clip_range, 1 + surrogate.clip_range) * advantages)
    if surrogate.penalised:
        gain = gain - surrogate.beta * kl_divergence(before, new)
    value_loss = ((values - to(batch.returns)) ** 2).mean()
    return -gain.mean() + surrogate.value_coef * value_loss - surrogate.entropy_coef * new.entropy().mean()


def flat_gradient(fast):
    return np.concatenate([parameter.grad.numpy().ravel() for parameter in fast.network.torch_parameters])


@pytest.mark.parametrize("discrete", [False, True])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradient_equals_autograd_in_float64(make_ppo, make_batch, objective, normalize, discrete):
    model = make_ppo(objective=objective, discrete=discrete, double=True)
    batch, old = make_batch(model)
    fast = model.fast_policy
    old_log_std = None if discrete else fast.head.old_log_std
    surrogate = Surrogate(objective, clip_range=0.2, beta=1.7, value_coef=0.6, entropy_coef=0.03)
    torch_loss(model, surrogate, batch, old, old_log_std, normalize).backward()
    fast.gradient(surrogate, batch, old, normalize)
    expected = flat_gradient(fast)
    assert np.abs(expected).max() > 1e-2
    np.testing.assert_allclose(fast.network.gradient.flat, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("discrete", [False, True])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradient_equals_finite_differences(make_ppo, make_batch, objective, discrete):
    model = make_ppo(objective=objective, discrete=discrete, double=True, hidden=(5, 4))
    batch, old = make_batch(model, rows=12)
    fast = model.fast_policy
    old_log_std = None if discrete else fast.head.old_log_std
    surrogate = Surrogate(objective, beta=0.9, entropy_coef=0.05)
    fast.gradient(surrogate, batch, old, normalize=True)
    flat, step, differences = fast.network.parameters.flat, 1e-6, []
    with torch.no_grad():
        for index in range(flat.size):
            kept = flat[index]
            ends = []
            for value in (kept + step, kept - step):
                flat[index] = value
                ends.append(torch_loss(model, surrogate, batch, old, old_log_std, True).item())
            flat[index] = kept
            differences.append((ends[0] - ends[1]) / (2 * step))
    np.testing.assert_allclose(fast.network.gradient.flat, differences, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("max_grad_norm", [None, 0.5])
@pytest.mark.parametrize("discrete", [False, True])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_update_equals_the_torch_update(make_ppo, objective, discrete, max_grad_norm):
    """From one rollout, two updates in numpy and in torch end with the same parameters, moments, beta and logged terms."""
    models = [make_ppo(objective=objective, discrete=discrete, max_grad_norm=max_grad_norm, ent_coef=0.01) for _ in range(2)]
    models[0].learn(64)
    state = copy.deepcopy(models[0].get_state())
    models[1].learn(64)
    models[1].set_state(state)
    models[1].use_fast = False
    for model in models:
        model._setup_learn(64, None, False)
    collected = models[0].rollout_buffer
    assert collected.generator_ready
    models[1].rollout_buffer = collected
    for _ in range(2):
        for model in models:
            model.train()
    assert models[0].fast_policy is not None and models[1].fast_policy is None
    ours, theirs = (model.policy.optimizer.state_dict()["state"] for model in models)
    for a, b in zip(models[0].policy.parameters(), models[1].policy.parameters()):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=2e-5)
    for index in ours:
        assert float(ours[index]["step"]) == float(theirs[index]["step"]) == 18
        torch.testing.assert_close(ours[index]["exp_avg"], theirs[index]["exp_avg"], rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(ours[index]["exp_avg_sq"], theirs[index]["exp_avg_sq"], rtol=1e-3, atol=1e-6)
    assert models[0].beta == models[1].beta
    for term in ("entropy", "value_loss", "clip_fraction"):
        assert models[0].logger.name_to_value[f"train/{term}"] == pytest.approx(
            models[1].logger.name_to_value[f"train/{term}"], rel=1e-3
        )


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("discrete", [False, True])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_whole_updates_equal_the_plain_ones_in_float64(monkeypatch, make_ppo, objective, discrete, normalize):
    """Two updates of six minibatches each, parameter by parameter, and every number that is logged but a sampled KL."""
    monkeypatch.setattr(policies, "preprocess_obs", lambda obs, *_, **__: obs.double())  # SB3's makes float32 of everything
    settings = {"objective": objective, "discrete": discrete, "normalize_advantage": normalize}
    models = [make_ppo(use_fast=use_fast, max_grad_norm=0.5, ent_coef=0.01, **settings) for use_fast in (True, False)]
    models[0].learn(64)
    buffer = models[0].rollout_buffer
    for name in ("observations", "actions", "values", "log_probs", "advantages", "returns"):
        setattr(buffer, name, getattr(buffer, name).astype(np.float64))
    for model in models:
        model._setup_learn(64, None, False)
        model.policy.double()
        model.policy.load_state_dict(models[0].policy.state_dict())
        model.policy.optimizer = torch.optim.Adam(model.policy.parameters(), lr=3e-3)
        model.rollout_buffer, model.generator = buffer, np.random.default_rng(7)
        model.beta = 1.0
    for _ in range(2):
        for model in models:
            model.train()
    assert models[0].fast_policy is not None and models[1].fast_policy is None
    for (name, ours), theirs in zip(models[0].policy.named_parameters(), models[1].policy.parameters()):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-10, msg=lambda text, name=name: f"{name}: {text}")
    assert models[0].beta == models[1].beta
    terms = ["entropy", "value_loss", "clip_fraction", *(["kl"] if objective.endswith("_kl") else [])]
    ours, theirs = ({term: model.logger.name_to_value[f"train/{term}"] for term in terms} for model in models)
    assert ours == pytest.approx(theirs, rel=1e-7)


def test_network_and_optimizer_share_memory(make_ppo):
    model = make_ppo()
    fast = model.fast_policy
    fast.network.parameters.flat[:] = 0.25
    assert all((parameter == 0.25).all() for parameter in model.policy.parameters())
    with torch.no_grad():
        model.policy.action_net.weight.fill_(-1.5)
    assert (fast.network.parameters.action_weight == -1.5).all()
    fast.adam.mean[:] = 2.0
    assert (model.policy.optimizer.state[model.policy.log_std]["exp_avg"] == 2).all()


def test_replaced_tensors_are_adopted(make_ppo):
    """After ``load_state_dict`` of policy and optimiser the fast path goes on from the loaded numbers."""
    model, other = make_ppo(seed=0), make_ppo(seed=1)
    model.learn(128)
    other.learn(128)
    model.set_parameters(other.get_parameters())
    fast = model.fast_policy
    np.testing.assert_array_equal(fast.network.parameters.flat, other.fast_policy.network.parameters.flat)
    np.testing.assert_array_equal(fast.adam.square, other.fast_policy.adam.square)
    assert fast.adam.count == other.fast_policy.adam.count == 12


def test_update_reports_the_mean_divergence_of_the_rollout(make_ppo, make_batch):
    model = make_ppo(objective="fixed_kl", double=True)
    batch, _ = make_batch(model, spread=0.0)
    fast = model.fast_policy
    before = fast.network.parameters.log_std.copy()
    old = fast.network.forward(batch.observations)[0].copy()
    terms = fast.update(Surrogate("fixed_kl", beta=0.1), batch, Settings(5, 16, None, True), np.random.default_rng(0))
    new = fast.network.forward(batch.observations)[0]
    a = Normal(torch.from_numpy(old), torch.from_numpy(before).exp())
    b = Normal(torch.from_numpy(new), torch.from_numpy(fast.network.parameters.log_std).exp())
    assert terms["kl"] == pytest.approx(kl_divergence(a, b).sum(1).mean().item(), rel=1e-9)
    assert terms["kl"] > 5e-5
