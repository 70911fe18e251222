"""The losses of soft Q-learning, as the paper writes them, for autograd (arXiv 1702.08165, sections 3.2 and 3.3)."""

import math

import torch
from torch.nn import functional as F


def soft_value(q_values: torch.Tensor, temperature: float, action_dim: int) -> torch.Tensor:
    """V(s) = alpha log integral exp(Q(s, a) / alpha) da over [-1, 1]^d (equation 3, with uniform proposals in equation 10).

    Args:
        q_values: Q of actions drawn uniformly, ``(batch, particles)``.
        temperature: alpha.
        action_dim: d.

    Returns:
        ``(batch,)``.
    """
    mean_exp = torch.logsumexp(q_values / temperature, dim=1) - math.log(q_values.shape[1])
    return temperature * (mean_exp + action_dim * math.log(2.0))


def critic_target(
    rewards: torch.Tensor, dones: torch.Tensor, discount: "float | torch.Tensor", next_value: torch.Tensor
) -> torch.Tensor:
    """R + gamma V(s'), (batch, 1) (equation 8); all arguments are (batch, 1), ``dones`` is 1 for terminated transitions."""
    return rewards + (1 - dones) * discount * next_value


def critic_loss(q_values: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """J_Q = mean of (target - Q(s, a))^2 / 2 (equation 11); (batch, 1) both, ``target`` without gradient."""
    return 0.5 * F.mse_loss(q_values, target)


def log_jacobian(points: torch.Tensor) -> torch.Tensor:
    """Log prod (1 - tanh(u)^2) of ``points`` u, (batch, particles, d): how the tanh changes a density, (batch, particles)."""
    return (2 * (math.log(2.0) - points - F.softplus(-2 * points))).sum(-1)


def sampler_loss(particles: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """A scalar whose gradient moves the sampler's ``particles`` along ``direction`` (equation 14).

    Args:
        particles: (batch, particles, d), functions of the sampler's parameters.
        direction: :func:`stein_direction` at them, the same shape.
    """
    return -(direction * particles).sum(-1).mean()


def stein_direction(particles: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """Direction that moves ``particles`` towards the density with ``scores`` = grad log p at them (equation 13).

    phi(x_j) = mean_i [k(x_i, x_j) grad log p(x_i) + grad_{x_i} k(x_i, x_j)] with the Gaussian kernel
    k(x, y) = exp(-|x - y|^2 / h), h = median of the squared distances / log(particles + 1), per state.

    Args:
        particles: ``(batch, particles, d)``.
        scores: the same shape.

    Returns:
        The same shape; no gradient flows through it.
    """
    difference = particles[:, :, None] - particles[:, None]  # (batch, i, j, d): x_i - x_j
    squared = difference.square().sum(-1)
    count = particles.shape[1]
    width = squared.flatten(1).median(dim=1).values / math.log(count + 1)
    width = width.clamp_min(1e-6)[:, None, None]
    kernel = torch.exp(-squared / width)
    attraction = torch.einsum("bij,bid->bjd", kernel, scores)
    repulsion = (-2.0 / width * kernel)[..., None] * difference
    return ((attraction + repulsion.sum(1)) / count).detach()
