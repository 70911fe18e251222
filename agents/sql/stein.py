"""The two formulas of soft Q-learning: the soft value by importance sampling, and the Stein variational direction."""

import math

import torch


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
