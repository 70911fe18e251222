"""The losses of PPO as the paper writes them, for autograd (1707.06347, sections 3 to 5), and the KL divergence they need."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from stable_baselines3.common.distributions import CategoricalDistribution, DiagGaussianDistribution, Distribution

from papergym.agents.errors import BadNumbersError

Objective = Literal["none", "clip", "fixed_kl", "adaptive_kl"]
OBJECTIVES: tuple[str, ...] = get_args(Objective)
KL_OBJECTIVES = ("fixed_kl", "adaptive_kl")

DIVERGED = "the policy has diverged. Checkpoints made before are kept; begin a new run with a smaller learning rate."
THRESHOLD = 1.5
"""The coefficient moves when the divergence leaves [d_targ / 1.5, 1.5 * d_targ] (section 4)."""
FACTOR = 2.0
"""By which the coefficient is then divided or multiplied (section 4)."""
BETA_BOUNDS = (2.0**-64, 2.0**64)
"""Within them the coefficient stays: without them it becomes 0 in some 1,000 updates, and never anything else again.

Beyond them nothing is left to change: the penalty, or the gain, has vanished from the loss in float32.
"""


@dataclass
class Surrogate:
    """What one minibatch is scored with.

    Attributes:
        objective: ``none`` = mean(r A) (eq. 6), ``clip`` (eq. 7), ``fixed_kl`` and ``adaptive_kl`` =
            mean(r A - beta KL[old, new]) (eq. 8); r is the probability ratio, A the advantage.
        clip_range: epsilon of eq. 7.
        beta: present KL coefficient of eq. 8.
        value_coef: c1 of eq. 9.
        entropy_coef: c2 of eq. 9.
    """

    objective: str
    clip_range: float = 0.2
    beta: float = 1.0
    value_coef: float = 0.5
    entropy_coef: float = 0.0

    @property
    def penalised(self) -> bool:
        """True if the loss holds the KL term."""
        return self.objective in KL_OBJECTIVES


def policy_loss(surrogate: Surrogate, ratio: torch.Tensor, advantage: torch.Tensor, kl: torch.Tensor | None) -> torch.Tensor:
    """Negated surrogate objective of a minibatch, a scalar.

    Args:
        surrogate: which objective, with its coefficients.
        ratio: pi_new(a|s) / pi_old(a|s), shape (batch,).
        advantage: shape (batch,).
        kl: KL[old, new] at each state, shape (batch,); read by the penalised objectives only.
    """
    gain = ratio * advantage
    if surrogate.objective == "clip":
        clipped = ratio.clamp(1 - surrogate.clip_range, 1 + surrogate.clip_range) * advantage
        return -torch.min(gain, clipped).mean()
    if surrogate.penalised:
        assert kl is not None, "the penalised objectives need the divergence"
        return -(gain - surrogate.beta * kl).mean()
    return -gain.mean()


def value_loss(values: torch.Tensor, returns: torch.Tensor) -> torch.Tensor:
    """L_VF = mean of (V(s) - V_targ)^2 (section 5), a scalar; (batch,) both."""
    return torch.nn.functional.mse_loss(returns, values)


def combined_loss(
    surrogate: Surrogate,
    ratio: torch.Tensor,
    advantage: torch.Tensor,
    kl: torch.Tensor | None,
    values: torch.Tensor,
    returns: torch.Tensor,
    entropy: torch.Tensor,
) -> torch.Tensor:
    """Eq. 9 negated: -(L - c1 L_VF + c2 S), a scalar.

    Args:
        surrogate: which objective L, c1 and c2.
        ratio: as in :func:`policy_loss`.
        advantage: as there.
        kl: as there.
        values: V(s), shape (batch,).
        returns: V_targ, shape (batch,).
        entropy: S at each state, nats, shape (batch,).
    """
    by_value, by_entropy = value_loss(values, returns), -entropy.mean()
    by_policy = policy_loss(surrogate, ratio, advantage, kl)
    return by_policy + surrogate.entropy_coef * by_entropy + surrogate.value_coef * by_value


def distribution_parameters(distribution: Distribution) -> tuple[torch.Tensor, ...]:
    """What :func:`exact_kl` reads of an SB3 distribution.

    Returns:
        (mean, log_std) of a diagonal Gaussian, each of shape (batch, actions); (log-probabilities,) of a categorical, of
        shape (batch, n).

    Raises:
        ValueError: another distribution, for which this module has no exact divergence.
    """
    if isinstance(distribution, DiagGaussianDistribution):
        return distribution.distribution.mean, distribution.distribution.stddev.log()
    if isinstance(distribution, CategoricalDistribution):
        return (distribution.distribution.logits,)
    raise ValueError(
        "the KL objectives have an exact divergence for Box and Discrete actions only, this policy has "
        f"{type(distribution).__name__}. Use objective='clip' or 'none'."
    )


def exact_kl(old: tuple[torch.Tensor, ...], new: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """KL[old, new] at each state, shape (batch,), from :func:`distribution_parameters` of both."""
    if len(old) == 1:
        return (old[0].exp() * (old[0] - new[0])).sum(dim=1)
    (old_mean, old_log_std), (new_mean, new_log_std) = old, new
    spread = ((2 * old_log_std).exp() + (old_mean - new_mean) ** 2) / (2 * (2 * new_log_std).exp())
    return (new_log_std - old_log_std + spread - 0.5).sum(dim=1)


def next_beta(beta: float, kl: float, d_targ: float) -> float:
    """Coefficient for the next policy update, from the mean KL[old, new] of this one (section 4), in :data:`BETA_BOUNDS`.

    Args:
        beta: present coefficient.
        kl: mean divergence over the states of the batch after the update.
        d_targ: target divergence.

    Raises:
        BadNumbersError: the divergence is not finite.
    """
    if not math.isfinite(kl):
        raise BadNumbersError(f"KL[old, new] after the update with beta={beta:g} is {kl}: {DIVERGED}")
    if kl < d_targ / THRESHOLD:
        beta /= FACTOR
    elif kl > d_targ * THRESHOLD:
        beta *= FACTOR
    low, high = BETA_BOUNDS
    return min(max(beta, low), high)
