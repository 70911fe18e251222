"""The loss of Double DQN with prioritised replay (arXiv 1511.05952, algorithm 1), for autograd."""

import torch
from torch.nn import functional as F


def td_target(
    rewards: torch.Tensor,
    dones: torch.Tensor,
    discount: "float | torch.Tensor",
    next_values: torch.Tensor,
    next_choice: torch.Tensor,
) -> torch.Tensor:
    """R + gamma Q_target(S', argmax_a Q(S', a)), (batch, 1) (algorithm 1, line 11).

    Args:
        rewards: (batch, 1).
        dones: (batch, 1), 1 for terminated transitions.
        discount: gamma, or gamma^n of n-step returns, (batch, 1).
        next_values: Q_target(S', .), (batch, actions).
        next_choice: what the action is the best of, (batch, actions): Q(S', .) in Double DQN, Q_target(S', .) in DQN.
    """
    next_value = next_values.gather(1, next_choice.argmax(dim=1, keepdim=True))
    return rewards + (1 - dones) * discount * next_value


def weighted_loss(values: torch.Tensor, target: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean of w H(target - Q(S, A)), with H the Huber loss whose slope is the TD error clipped to [-1, 1] (section 4).

    Args:
        values: Q(S, A), (batch, 1).
        target: (batch, 1), without gradient.
        weights: importance weights w = (N P)^-beta / max w, (batch, 1) (section 3.4; algorithm 1, line 10).
    """
    return (weights * F.smooth_l1_loss(values, target, reduction="none")).mean()
