"""The loss of behaviour cloning."""

from typing import Any

import torch
from gymnasium import spaces
from torch.nn import functional as F


def cloning_loss(policy: Any, observations: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    """Mean squared distance of the policy's mode from the actions; for discrete actions, the cross-entropy.

    Args:
        policy: SB3's actor-critic policy, of which the actor is used.
        observations: (batch, ...).
        actions: (batch, ...) float, of the action space's shape, or (batch,) whole numbers.
    """
    distribution = policy.get_distribution(observations)
    if isinstance(policy.action_space, spaces.Discrete):
        return F.cross_entropy(distribution.distribution.logits, actions.long())
    return F.mse_loss(distribution.mode(), actions.flatten(1))  # the negative log-likelihood of a Gaussian of unit variance
