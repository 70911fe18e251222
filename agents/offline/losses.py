"""Parts of losses that the agents share, every mean over the batch, and the step down a loss."""

import torch


def bellman_target(rewards: torch.Tensor, dones: torch.Tensor, gamma: float, next_values: torch.Tensor) -> torch.Tensor:
    """Reward + gamma * next value, without the latter where the task ended; all (batch, 1)."""
    return rewards + (1 - dones) * gamma * next_values


def critic_loss(q_values: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean of (Q_i(s, a) - target)^2, summed over the critics.

    Args:
        q_values: (critics, batch, 1).
        target: (batch, 1), without gradient.
    """
    return (q_values - target).square().mean(1).sum()


def descend(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """One step of ``optimizer`` on the gradient of ``loss``."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
