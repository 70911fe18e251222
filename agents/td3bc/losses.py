"""The losses of TD3+BC (arXiv 2106.06860, section 5), for autograd. Actions lie in [-1, 1]; every mean is over the batch."""

import torch
from torch.nn import functional as F


def smoothed_action(action: torch.Tensor, noise: torch.Tensor, std: float, clip: float) -> torch.Tensor:
    """The target policy's action with clipped noise (TD3's target policy smoothing).

    Args:
        action: (batch, action_dim).
        noise: (batch, action_dim), standard normal.
        std: standard deviation of the noise.
        clip: bound of the noise.
    """
    return (action + (std * noise).clamp(-clip, clip)).clamp(-1, 1)


def actor_loss(q_values: torch.Tensor, actions: torch.Tensor, data_actions: torch.Tensor, alpha: float) -> torch.Tensor:
    """Mean of -lambda Q(s, pi(s)) + (pi(s) - a)^2, with lambda = alpha / mean |Q(s, pi(s))| held constant (eq. 3 to 5).

    Args:
        q_values: of the first critic, (batch, 1).
        actions: pi(s), (batch, action_dim).
        data_actions: (batch, action_dim); the square is averaged over the action's dimensions, as in the authors' code.
        alpha: weight of the values.
    """
    weight = alpha / q_values.abs().mean().detach()
    return -weight * q_values.mean() + F.mse_loss(actions, data_actions)
