import math

import numpy as np
import pytest
import torch

from papergym.agents.sql.losses import critic_loss, critic_target, log_jacobian, sampler_loss, soft_value, stein_direction


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_soft_value_in_closed_form(temperature):
    """Q = -k a^2 / 2 on [-1, 1]^2: the integral is a product of error functions."""
    k = 3.0
    actions = 2 * torch.rand(4, 200_000, 2, generator=torch.Generator().manual_seed(0)) - 1
    one = math.sqrt(2 * math.pi * temperature / k) * math.erf(math.sqrt(k / (2 * temperature)))
    found = soft_value(-0.5 * k * actions.square().sum(-1), temperature, 2)
    np.testing.assert_allclose(found, 2 * temperature * math.log(one), atol=0.02)


def test_direction_against_loops():
    rng = np.random.default_rng(0)
    x, scores = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    squared = ((x[:, None] - x[None]) ** 2).sum(-1)
    h = torch.tensor(squared).flatten().median().item() / math.log(7)
    expected = np.zeros((6, 2))
    for j in range(6):
        for i in range(6):
            kernel = math.exp(-squared[i, j] / h)
            expected[j] += kernel * scores[i] - 2 / h * (x[i] - x[j]) * kernel
    found = stein_direction(torch.tensor(x)[None], torch.tensor(scores)[None])[0]
    np.testing.assert_allclose(found, expected / 6, rtol=1e-9)


def test_particles_tend_to_a_normal_distribution():
    x = torch.randn(1, 100, 1, generator=torch.Generator().manual_seed(0)) * 0.2 - 3
    for _ in range(800):
        x = x + 0.3 * stein_direction(x, (2.0 - x) / 0.25)  # mean 2, standard deviation 0.5
    assert x.mean().item() == pytest.approx(2.0, abs=0.05)
    assert x.std().item() == pytest.approx(0.5, abs=0.1)


def test_losses_by_hand():
    rewards, dones = torch.tensor([[1.0], [2.0]]), torch.tensor([[0.0], [1.0]])
    target = critic_target(rewards, dones, 0.5, torch.tensor([[4.0], [8.0]]))
    assert target.tolist() == [[3.0], [2.0]]
    assert critic_loss(torch.tensor([[1.0], [2.0]]), target).item() == 1.0
    particles = torch.zeros(1, 2, 2, requires_grad=True)
    direction = torch.tensor([[[1.0, -2.0], [0.5, 4.0]]])
    sampler_loss(particles, direction).backward()
    assert torch.equal(particles.grad, -direction / 2)  # of a mean over two particles: a step down the gradient is one along it


def test_jacobian_of_the_tanh():
    points = torch.randn(3, 4, 2, dtype=torch.float64)
    expected = torch.log(1 - torch.tanh(points) ** 2).sum(-1)
    torch.testing.assert_close(log_jacobian(points), expected)
