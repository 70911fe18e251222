"""The losses of Proto-RL for autograd: clustering (arXiv 2102.11271, section 4.1), and SAC as the official code has it.

Every mean is over the batch; no gradient flows into targets.
"""

import torch
import torch.nn.functional as F


def clustering_loss(scores: torch.Tensor, assignment: torch.Tensor, temperature: float) -> torch.Tensor:
    """Mean cross-entropy of softmax(scores / temperature) against the assignment of the next observation.

    Args:
        scores: cosines of the predictions and the prototypes, (batch, prototypes).
        assignment: of :func:`papergym.agents.protorl.sinkhorn.sinkhorn`, the same shape, rows sum to 1.
        temperature: of the softmax.
    """
    return -(assignment * F.log_softmax(scores / temperature, dim=1)).sum(dim=1).mean()


def critic_target(
    rewards: torch.Tensor,
    continues: torch.Tensor,
    gamma: float | torch.Tensor,
    q_values: tuple[torch.Tensor, ...],
    log_prob: torch.Tensor,
    temperature: torch.Tensor,
) -> torch.Tensor:
    """R + gamma (min Q'(s', a') - alpha log pi(a'|s')), (batch, 1).

    Args:
        rewards: (batch, 1), intrinsic ones included.
        continues: (batch, 1), 0 where the episode terminated.
        gamma: discount; (batch, 1) of several steps each.
        q_values: of both target critics, (batch, 1) each.
        log_prob: (batch, 1).
        temperature: alpha, a scalar.
    """
    return rewards + gamma * continues * (torch.minimum(*q_values) - temperature * log_prob)


def critic_loss(q_values: tuple[torch.Tensor, ...], target: torch.Tensor) -> torch.Tensor:
    """Mean of (Q(s, a) - target)^2, summed over both critics; (batch, 1) each."""
    first, second = q_values
    return F.mse_loss(first, target) + F.mse_loss(second, target)


def actor_loss(q_values: tuple[torch.Tensor, ...], log_prob: torch.Tensor, temperature: torch.Tensor) -> torch.Tensor:
    """Mean of alpha log pi(a|s) - min Q(s, a); (batch, 1) each."""
    return (temperature * log_prob - torch.minimum(*q_values)).mean()


def temperature_loss(log_temperature: torch.Tensor, log_prob: torch.Tensor, target_entropy: float) -> torch.Tensor:
    """Mean of alpha (-log pi(a|s) - target entropy): the official code steps on alpha itself, through its logarithm."""
    surplus = (-log_prob - target_entropy).detach()
    return (log_temperature.exp() * surplus).mean()
