"""The losses of soft actor-critic, as the papers write them, for autograd.

Equation numbers are those of "Soft Actor-Critic Algorithms and Applications" (arXiv 1812.05905); those marked v1 are of the
first version (arXiv 1801.01290). :class:`papergym.agents.sac.update.Update` steps on them, and
:class:`papergym.agents.sac.fast.FastUpdate` gives the same numbers with explicit gradients. Every mean is over the batch.
"""

import math
from collections.abc import Callable

import torch
from torch.nn import functional as F

EPSILON = 1e-6
"""Added to 1 - tanh(u)^2 inside the logarithm, as stable-baselines3's SquashedDiagGaussianDistribution does."""

LOG_TEMPERATURE_BOUNDS = (-30.0, 30.0)
"""A learned log alpha stays within them, some 100,000 steps of Adam from where it began. Without them a target entropy that
the policy cannot reach carries alpha to 0 or infinity in float32, and the error would name another number."""


def bound_temperature(log_temperature: torch.Tensor) -> None:
    """Put a learned log alpha back into :data:`LOG_TEMPERATURE_BOUNDS`, in place."""
    with torch.no_grad():
        log_temperature.clamp_(*LOG_TEMPERATURE_BOUNDS)


def squashed_gaussian(mean: torch.Tensor, log_std: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Action and log-density of a tanh-squashed Gaussian for given noise (appendix C; the reparameterisation of eq. 8).

    Args:
        mean: (batch, action_dim), before the tanh.
        log_std: (batch, action_dim).
        noise: (batch, action_dim), standard normal.

    Returns:
        a = tanh(u), (batch, action_dim), and log pi(a|s) = log N(u) - sum log(1 - tanh(u)^2), (batch, 1), where
        u = mean + std * noise.
    """
    action = torch.tanh(mean + log_std.exp() * noise)
    log_normal = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)  # (u - mean) / std is the noise
    log_prob = log_normal - torch.log(1 - action.square() + EPSILON)
    return action, log_prob.sum(1, keepdim=True)


def soft_value(q_values: torch.Tensor, log_prob: torch.Tensor, temperature: float) -> torch.Tensor:
    """V(s) = min_i Q_i(s, a) - alpha log pi(a|s), (batch, 1), for a drawn from pi (eq. 3 with the smaller critic).

    Args:
        q_values: (critics, batch, 1).
        log_prob: (batch, 1).
        temperature: alpha.
    """
    return q_values.amin(0) - temperature * log_prob


def critic_target(
    rewards: torch.Tensor, dones: torch.Tensor, discount: "float | torch.Tensor", next_value: torch.Tensor
) -> torch.Tensor:
    """R + gamma V(s'), (batch, 1) (eq. 2); all arguments are (batch, 1), ``dones`` is 1 for terminated transitions.

    ``next_value`` is :func:`soft_value` under the target critics, or in v1 the target value network (v1 eq. 8).
    """
    return rewards + (1 - dones) * discount * next_value


def critic_loss(q_values: torch.Tensor, target: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """J_Q = mean of (Q(s, a) - target)^2 / 2, summed over the critics (eq. 5, v1 eq. 7).

    Args:
        q_values: (critics, batch, 1).
        target: (batch, 1), without gradient.
        weights: importance weights of prioritised replay (arXiv 1511.05952, section 3.4), (batch, 1); None: all 1.
    """
    error = 0.5 * (q_values - target).square()
    if weights is not None:
        error = weights * error
    return error.mean(1).sum()


FOLLOWED: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "min": lambda q_values: q_values.amin(0),
    "mean": lambda q_values: q_values.mean(0),
    "first": lambda q_values: q_values[0],
}
"""What the actor can climb: the smallest critic (paper, stable-baselines3), the mean (rail-berkeley/softlearning) or the first
one (haarnoja/sac); (critics, batch, 1) to (batch, 1)."""


def actor_loss(q_values: torch.Tensor, log_prob: torch.Tensor, temperature: float, follows: str = "min") -> torch.Tensor:
    """J_pi = mean of alpha log pi(a|s) - min_i Q_i(s, a) (eq. 7 and 9, v1 eq. 12).

    Args:
        q_values: (critics, batch, 1).
        log_prob: (batch, 1).
        temperature: alpha.
        follows: what stands in place of the minimum, a key of :data:`FOLLOWED`.
    """
    return -(FOLLOWED[follows](q_values) - temperature * log_prob).mean()


def temperature_loss(log_temperature: torch.Tensor, log_prob: torch.Tensor, target_entropy: float) -> torch.Tensor:
    """J(alpha) = mean of -alpha (log pi(a|s) + target entropy) (eq. 18), with log alpha in place of alpha.

    The logarithm is what the authors' code and stable-baselines3 step on; it moves alpha in the same direction.

    Args:
        log_temperature: log alpha, (1,) or a scalar.
        log_prob: (batch, 1); no gradient flows into it.
        target_entropy: nats.
    """
    return -(log_temperature * (log_prob.detach() + target_entropy)).mean()


def value_loss(values: torch.Tensor, soft_values: torch.Tensor) -> torch.Tensor:
    """J_V = mean of (V(s) - soft value)^2 / 2 (v1 eq. 5); (batch, 1) both, no gradient flows into ``soft_values``."""
    return 0.5 * F.mse_loss(values, soft_values.detach())
