"""The losses of conservative Q-learning, CQL(H) (arXiv 2006.04779, eq. 4), for autograd. Every mean is over the batch."""

import torch
from torch.nn import functional as F


def discrete_conservative_loss(q_values: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    """Mean of log sum_a exp Q(s, a) - Q(s, a_data).

    Args:
        q_values: (batch, actions).
        actions: (batch, 1) int64.
    """
    return (q_values.logsumexp(1, keepdim=True) - q_values.gather(1, actions)).mean()


def double_q_value(next_q: torch.Tensor, next_target_q: torch.Tensor) -> torch.Tensor:
    """Q'(s', argmax_a Q(s', a)), (batch, 1) (Double DQN).

    Args:
        next_q: of the network that chooses, (batch, actions).
        next_target_q: of the target network, (batch, actions).
    """
    return next_target_q.gather(1, next_q.argmax(1, keepdim=True))


def td_loss(q_values: torch.Tensor, actions: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean Huber loss of Q(s, a_data) - target; shapes as in :func:`discrete_conservative_loss`."""
    return F.smooth_l1_loss(q_values.gather(1, actions), target)


def conservative_loss(sampled_q: torch.Tensor, log_density: torch.Tensor, data_q: torch.Tensor) -> torch.Tensor:
    """Mean of log sum_j exp(Q_i(s, a_j) - log density(a_j)) - Q_i(s, a_data), summed over the critics.

    Dividing each exponential by the density of the law that its action is drawn from makes the sum an estimate of the integral
    over all actions (appendix F), up to the constant log of their number.

    Args:
        sampled_q: (critics, batch, sampled actions).
        log_density: (batch, sampled actions), without gradient.
        data_q: (critics, batch, 1).
    """
    return ((sampled_q - log_density).logsumexp(2, keepdim=True) - data_q).mean(1).sum()


def actor_loss(score: torch.Tensor, log_prob: torch.Tensor, temperature: torch.Tensor) -> torch.Tensor:
    """Mean of temperature * log pi(a|s) - score; all (batch, 1).

    Args:
        score: min_i Q_i(s, a) of the policy's action, or, in the cloning updates, log pi(a_data|s).
        log_prob: of the policy's action.
        temperature: without gradient.
    """
    return (temperature * log_prob - score).mean()


def temperature_loss(log_temperature: torch.Tensor, log_prob: torch.Tensor, target_entropy: float) -> torch.Tensor:
    """Mean of -log alpha (log pi(a|s) + target entropy), as in SAC; no gradient flows into ``log_prob``, (batch, 1)."""
    return -(log_temperature * (log_prob.detach() + target_entropy)).mean()
