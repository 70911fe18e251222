"""The losses of implicit Q-learning (arXiv 2110.06169), for autograd. Every mean is over the batch."""

import math

import torch


def value_loss(values: torch.Tensor, q_values: torch.Tensor, expectile: float) -> torch.Tensor:
    """Mean of |expectile - 1(u < 0)| u^2 with u = min_i Q'_i(s, a) - V(s) (eq. 5).

    Args:
        values: (batch, 1).
        q_values: of the target critics, (critics, batch, 1), without gradient.
        expectile: in (0, 1).
    """
    gap = q_values.amin(0) - values
    return (torch.where(gap < 0, 1 - expectile, expectile) * gap.square()).mean()


def advantage_weights(q_values: torch.Tensor, values: torch.Tensor, beta: float, largest: float) -> torch.Tensor:
    """exp(beta (min_i Q'_i(s, a) - V(s))), at most ``largest``; (batch, 1), arguments as in :func:`value_loss`."""
    return ((q_values.amin(0) - values) * beta).exp().clamp(max=largest)


def log_density(actions: torch.Tensor, mean: torch.Tensor, log_std: torch.Tensor) -> torch.Tensor:
    """Of a Gaussian at ``actions``, summed over the dimensions, (batch, 1).

    Args:
        actions: (batch, action_dim).
        mean: (batch, action_dim).
        log_std: (action_dim,).
    """
    z = (actions - mean) / log_std.exp()
    return (-0.5 * z.square() - log_std - 0.5 * math.log(2 * math.pi)).sum(1, keepdim=True)


def actor_loss(log_prob: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean of -weight * log pi(a|s) of the data's actions (eq. 7); both (batch, 1), ``weights`` without gradient."""
    return -(weights * log_prob).mean()
