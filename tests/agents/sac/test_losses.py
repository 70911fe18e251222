"""The losses of SAC against numbers by hand and torch's distributions."""

import math

import pytest
import torch
from torch.distributions import Normal, TransformedDistribution
from torch.distributions.transforms import TanhTransform

from papergym.agents.sac import losses


def test_density_of_a_squashed_gaussian():
    generator = torch.Generator().manual_seed(0)
    mean, log_std, noise = torch.randn(3, 20, 2, generator=generator, dtype=torch.float64)
    action, log_prob = losses.squashed_gaussian(mean, log_std - 1, noise)
    density = TransformedDistribution(Normal(mean, (log_std - 1).exp()), TanhTransform())
    inside = action.abs().amax(1) < 0.99  # nearer to 1 the epsilon of the logarithm shows
    assert inside.sum() > 10
    torch.testing.assert_close(log_prob[inside, 0], density.log_prob(action).sum(1)[inside], rtol=0, atol=2e-4)


def test_losses_by_hand():
    q_values = torch.tensor([[[1.0], [4.0]], [[2.0], [3.0]]])  # two critics, two states
    log_prob, temperature = torch.tensor([[-1.0], [2.0]]), 0.5
    assert losses.soft_value(q_values, log_prob, temperature).tolist() == [[1.5], [2.0]]
    assert losses.actor_loss(q_values, log_prob, temperature).item() == -1.75
    target = losses.critic_target(torch.tensor([[1.0], [1.0]]), torch.tensor([[0.0], [1.0]]), 0.9, torch.full((2, 1), 10.0))
    assert target.tolist() == [[10.0], [1.0]]
    assert losses.critic_loss(q_values, torch.tensor([[1.0], [1.0]])).item() == pytest.approx((9 + 1 + 4) / 4)
    weights = torch.tensor([[1.0], [0.5]])
    assert losses.critic_loss(q_values, torch.tensor([[1.0], [1.0]]), weights).item() == pytest.approx((4.5 + 1 + 2) / 4)
    assert losses.value_loss(torch.tensor([[3.0], [1.0]]), torch.tensor([[1.0], [1.0]])).item() == 1.0


def test_temperature_goes_towards_the_target_entropy():
    """Its gradient in log alpha is the entropy of the policy minus the target."""
    log_temperature = torch.tensor([math.log(0.2)], requires_grad=True)
    log_prob = torch.tensor([[-3.0], [-1.0]], requires_grad=True)  # entropy 2
    losses.temperature_loss(log_temperature, log_prob, target_entropy=1.5).backward()
    assert log_temperature.grad is not None and log_temperature.grad.item() == pytest.approx(0.5)
    assert log_prob.grad is None


def test_no_gradient_flows_into_a_value_networks_target():
    values, soft_values = torch.zeros(3, 1, requires_grad=True), torch.ones(3, 1, requires_grad=True)
    losses.value_loss(values, soft_values).backward()
    assert soft_values.grad is None
    torch.testing.assert_close(values.grad, torch.full((3, 1), -1 / 3))
