"""Loss, optimiser groups and learning rate of the Trajectory Transformer."""

import math

import torch
from torch.nn import functional as F

from papergym.agents.tt.model import TrajectoryTransformer
from papergym.agents.tt.windows import Batch


def weights(model: TrajectoryTransformer, window: int, action: float, reward: float, value: float) -> torch.Tensor:
    """Weight of each token of a window, ``(window * size,)``; observations count 1."""
    of = [1.0] * model.observation_dim + [action] * model.action_dim + [reward, value]
    return torch.tensor(of, device=model.position.device).repeat(window)


def sequence_loss(model: TrajectoryTransformer, batch: Batch, weight: torch.Tensor) -> torch.Tensor:
    """Weighted cross-entropy of every token but the first, as a mean over all of them, masked ones included.

    Args:
        model: predicts.
        batch: B windows.
        weight: (window * size,), see :func:`weights`.
    """
    logits = model(batch.tokens[:, :-1], batch.goal).float()  # bfloat16 under autocast
    targets = batch.tokens[:, 1:]
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view_as(targets)
    return (losses * batch.mask[:, 1:] * weight[1:]).mean()


def groups(model: TrajectoryTransformer, decay: float) -> list[dict]:
    """AdamW's groups: ``decay`` for the matrices of linear layers and heads, none for biases, norms and embeddings."""
    matrices = [module.weight for module in model.modules() if isinstance(module, torch.nn.Linear)] + [model.head]
    names = {id(parameter) for parameter in matrices}
    others = [parameter for parameter in model.parameters() if id(parameter) not in names]
    return [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def rate(update: int, warmup: int, decay: int, schedule: str) -> float:
    """Factor of the learning rate: it rises linearly, then falls to a tenth along a cosine.

    Args:
        update: number of the update, from 1.
        warmup: updates of the rise.
        decay: update at which the cosine ends.
        schedule: ``flat`` stays at a tenth from there on. ``rising`` lets the cosine go on, as the official code does
            (trajectory/utils/training.py): the factor is 1 again at ``2 * decay - warmup``. ``constant`` has no cosine.
    """
    if update < warmup:
        return update / warmup
    if schedule == "constant":
        return 1.0
    progress = (update - warmup) / max(1, decay - warmup)
    if schedule == "flat":
        progress = min(progress, 1.0)
    return max(0.1, 0.5 * (1 + math.cos(math.pi * progress)))
