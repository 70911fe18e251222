"""The loss of RvS-R and what it is conditioned on (arXiv 2112.10751, section 3)."""

from typing import Any

import numpy as np
import torch

from papergym.agents.data.dataset import Dataset


def average_returns_to_go(data: Dataset, *, delayed: bool = False) -> np.ndarray:
    """Sum of the rewards from each step on, divided by the steps that are left of the longest episode, ``(n,)`` float32.

    The divisor is the longest episode's length minus the step's number, also in shorter episodes, as in the official code: what
    ends early gets a low average.

    Args:
        data: the episodes.
        delayed: all reward comes at the ends, so the whole return is to go at every step. The divisor is the longest episode's
            length then: acting is told the same average at every step.
    """
    left = data.lengths.max() - (0 if delayed else data.timesteps())
    return (data.returns_to_go() / left).astype(np.float32)


def cloning_loss(policy: Any, inputs: dict[str, torch.Tensor], actions: torch.Tensor) -> torch.Tensor:
    """Mean of -log pi(a | s, average return to go) (eq. 1).

    Args:
        policy: SB3's multi-input actor-critic policy, of which the actor is used.
        inputs: ``observation`` (batch, ...) and ``average_return`` (batch, 1).
        actions: (batch, ...) float, of the action space's shape, or (batch,) int64.
    """
    if actions.is_floating_point():
        actions = actions.flatten(1)
    return -policy.get_distribution(inputs).log_prob(actions).mean()
