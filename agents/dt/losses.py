"""The losses of the Decision Transformer."""

import torch
from torch.nn import functional as F

from papergym.agents.dt.policy import DecisionTransformerPolicy
from papergym.agents.dt.windows import Windows


def action_loss(policy: DecisionTransformerPolicy, predicted: torch.Tensor, batch: Windows) -> torch.Tensor:
    """Mean over the steps that are no padding: squared error of actions in [-1, 1], or the cross-entropy of discrete ones.

    Args:
        policy: for its action space.
        predicted: (B, T, action_dim) of :meth:`DecisionTransformerPolicy.forward`.
        batch: what was given.
    """
    wanted, found = policy.encode_actions(batch.actions)[batch.valid], predicted[batch.valid].float()
    return F.cross_entropy(found, wanted.argmax(-1)) if policy.discrete else F.mse_loss(found, wanted)


def return_loss(policy: DecisionTransformerPolicy, logits: torch.Tensor, batch: Windows) -> torch.Tensor:
    """Cross-entropy of the returns-to-go, each taken as the nearest of the policy's values; mean as in :func:`action_loss`.

    Args:
        policy: for its values.
        logits: (B, T, values).
        batch: what was given.
    """
    nearest = (batch.returns[batch.valid][:, None] - policy.return_values).abs().argmin(-1)
    return F.cross_entropy(logits[batch.valid].float(), nearest)
