"""Both forms of the update against stable-baselines3's own, run on the same batch, parameters and noise."""

import copy

import numpy as np
import pytest
import torch
from stable_baselines3 import SAC as SB3SAC
from stable_baselines3.common.utils import polyak_update
from stable_baselines3.sac.policies import Actor
from torch.distributions import Normal, TransformedDistribution
from torch.distributions.transforms import TanhTransform

from papergym.agents.errors import UsageError
from papergym.agents.runner.sb3 import SB3Learner
from papergym.agents.sac.algorithm import SAC
from papergym.agents.sac.config import Config
from papergym.agents.sac.fast import FastUpdate
from papergym.agents.sac.losses import LOG_TEMPERATURE_BOUNDS
from papergym.agents.sac.update import Update


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


@pytest.mark.parametrize("lean", [True, False])
@pytest.mark.parametrize("ent_coef", ["auto", 0.2])
@pytest.mark.parametrize("n_critics", [1, 2, 3])
def test_update_equals_sb3(monkeypatch, make_sac, ent_coef, n_critics, lean):
    arguments = {"ent_coef": ent_coef, "policy_kwargs": {"net_arch": [32, 24], "n_critics": n_critics}}
    model = make_sac(60, lean=lean, **arguments)
    assert isinstance(model._update, FastUpdate if lean else Update)
    equals_sb3(monkeypatch, model, sb3_twin(model, make_sac, **arguments))


OTHERS = {
    "tanh": {"policy_kwargs": {"net_arch": [8], "activation_fn": torch.nn.Tanh}},
    "images": {"policy": "CnnPolicy", "policy_kwargs": {"net_arch": [8]}},
    "shared images": {"policy": "CnnPolicy", "policy_kwargs": {"net_arch": [8], "share_features_extractor": True}},
    "dictionary": {"policy": "MultiInputPolicy", "policy_kwargs": {"net_arch": [8]}},
}


@pytest.mark.parametrize("kind", OTHERS)
def test_update_of_other_policies_equals_sb3(monkeypatch, make_sac, image_drift, dict_drift, kind):
    """They run the plain update whether lean or not."""
    arguments = dict(OTHERS[kind])
    if "policy" in arguments:
        arguments["env"] = image_drift if "images" in kind else dict_drift
    model = make_sac(40, **arguments)
    assert isinstance(model._update, Update) and model._n_updates > 0
    equals_sb3(monkeypatch, model, sb3_twin(model, make_sac, **arguments))


def equals_sb3(monkeypatch, model, twin):
    """Three updates of both give the same losses, parameters and temperature."""
    for _ in range(3):
        batch = model.replay_buffer.sample(16)
        noise = torch.randn(32, 3, generator=torch.Generator().set_state(model._noise.get_state()))
        with monkeypatch.context() as patch:
            replay(patch, twin, batch, noise)
            twin.train(1, 16)
        logged = dict(twin.logger.name_to_value)
        losses, _ = model._update(batch, model._noise)
        model._update.move_targets(model.tau)
        for name, value in losses.items():
            assert value == pytest.approx(logged[f"train/{name}"], rel=2e-4, abs=1e-5), name
        for (name, ours), theirs in zip(model.policy.state_dict().items(), twin.policy.state_dict().values()):
            torch.testing.assert_close(ours, theirs, rtol=2e-4, atol=2e-6, msg=lambda text, name=name: f"{name}: {text}")
        if model.ent_coef_optimizer is not None:
            torch.testing.assert_close(model.log_ent_coef, twin.log_ent_coef, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("lean", [True, False])
@pytest.mark.parametrize("follows", ["min", "mean", "first"])
@pytest.mark.parametrize("n_critics", [2, 3])
def test_gradient_of_the_actor_by_what_it_follows(make_sac, follows, n_critics, lean):
    """The loss written out with torch's distributions in float64, over each critic by itself, and differentiated."""
    arguments = {"ent_coef": 0.2, "policy_kwargs": {"net_arch": [32, 24], "n_critics": n_critics}}
    model = make_sac(60, lean=lean, actor_follows=follows, **arguments)
    batch, actor = model.replay_buffer.sample(16), copy.deepcopy(model.actor).double()
    noise = torch.randn(32, 3, generator=torch.Generator().set_state(model._noise.get_state()))[:16].double()
    found, _ = model._update(batch, model._noise)
    got = [p.grad for p in model.actor.parameters()]
    if lean:
        network = model._update.actor.network
        by_id = {id(parameter): gradient for parameter, gradient in zip(network.parameters, network.gradients)}
        got = [by_id[id(parameter)] for parameter in model.actor.parameters()]

    obs, critic = batch.observations.double(), copy.deepcopy(model.critic).double()  # the critics have stepped, the actor not
    hidden = actor.latent_pi(obs)
    mean, log_std = actor.mu(hidden), actor.log_std(hidden).clamp(-20, 2)
    density = TransformedDistribution(Normal(mean, log_std.exp()), TanhTransform(cache_size=1))
    action = torch.tanh(mean + log_std.exp() * noise)
    values = [network(torch.cat([obs, action], 1)) for network in critic.q_networks]
    q_value = {"min": min_of, "mean": lambda every: sum(every) / n_critics, "first": lambda every: every[0]}[follows](values)
    loss = (0.2 * density.log_prob(action).sum(1, keepdim=True) - q_value).mean()
    assert found["actor_loss"] == pytest.approx(loss.item(), rel=1e-4, abs=1e-4)
    for ours, theirs in zip(got, torch.autograd.grad(loss, list(actor.parameters()))):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-2, atol=1e-4)


def min_of(values):
    smallest = values[0]
    for value in values[1:]:
        smallest = torch.where(value < smallest, value, smallest)
    return smallest


def test_what_the_actor_follows_is_saved_and_checked(make_sac, tmp_path):
    make_sac(actor_follows="mean").save(tmp_path / "sac")
    assert SAC.load(tmp_path / "sac")._update.follows == "mean"
    with pytest.raises(ValueError, match="actor_follows: expected one of min, mean, first"):
        make_sac(actor_follows="max")
    with pytest.raises(UsageError, match="actor_follows must be one of"):
        Config(actor_follows="max").check()
    with pytest.raises(UsageError, match="neither separate_value, actor_follows"):
        Config(implementation="sb3", actor_follows="first").check()


def test_weights_scale_each_transition(make_sac):
    """With importance weights, the critic loss is the weighted mean of the squared errors."""
    model = make_sac(60)
    batch = model.replay_buffer.sample(16)
    weights = torch.rand(16, 1)
    weighted = type("Batch", (), {**batch._asdict(), "weights": weights})
    target = torch.randn(16, 1)
    obs = batch.observations
    with torch.no_grad():
        q_values = model._update.critics.forward(torch.cat([obs, batch.actions], 1))
        loss, td_error = model._update._update_critics(weighted, obs, target)
    assert loss == pytest.approx(float(0.5 * (weights * (q_values - target) ** 2).mean(1).sum()), rel=1e-5)
    torch.testing.assert_close(td_error, (q_values - target).abs().mean(0))


def test_first_version_of_sac(make_sac):
    """V moves to min Q - alpha log pi, the critics to r + gamma V_target, and nothing touches the target critics."""
    model = make_sac(60, separate_value=True, ent_coef=0.2)
    before = {name: value.clone() for name, value in model.critic_target.state_dict().items()}
    batch = model.replay_buffer.sample(16)
    expected = batch.rewards + 0.99 * (1 - batch.dones) * model.value.target(batch.next_observations)
    torch.testing.assert_close(
        model._update._target(batch, batch.next_observations, torch.zeros(0), torch.zeros(0), 0.2), expected
    )
    value, target = copy.deepcopy(model.value.network), copy.deepcopy(model.value.target)
    losses, _ = model._update(batch, model._noise)
    assert np.isfinite(losses["value_loss"])
    polyak_update(model.value.network.parameters(), target.parameters(), model.tau)
    model._update.move_targets(model.tau)
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


@pytest.mark.parametrize("lean", [True, False])
@pytest.mark.parametrize("end", LOG_TEMPERATURE_BOUNDS)
def test_a_temperature_stays_in_bounds_and_comes_back(make_sac, lean, end):
    """A target entropy out of reach drives it to one end; with another target it leaves that end at once."""
    model = make_sac(60, lean=lean, ent_coef="auto", target_entropy=1e6 if end > 0 else -1e6)
    model.log_ent_coef.data.fill_(end)
    for name, value in dict(SB3Learner(model, "Drift").parameters()).items():
        assert value.isfinite().all(), name
    model.train(5, 8)
    assert model.log_ent_coef.item() == end
    model._update._target_entropy = -1e6 if end > 0 else 1e6
    before = model.log_ent_coef.item()
    model.train(40, 8)
    assert abs(model.log_ent_coef.item()) < abs(before)


def test_a_temperature_that_is_not_finite_is_named(make_sac):
    learner = SB3Learner(make_sac(60, ent_coef="auto"), "Drift")
    learner.model.log_ent_coef.data.fill_(float("nan"))
    assert [name for name, value in learner.parameters() if not value.isfinite().all()] == ["temperature (its logarithm)"]


@pytest.mark.parametrize("text", ["nan", "-1", "inf", "auto_0", "auto_-1", "auto_nan", "auto_inf", "auto_x", "warm", ""])
def test_temperatures_that_are_none(text):
    with pytest.raises(UsageError, match="temperature is auto"):
        Config(temperature=text).check()
