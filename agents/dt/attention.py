"""Attention maps of a Decision Transformer."""

import numpy as np
import torch

from papergym.agents.dt.history import History
from papergym.agents.dt.policy import DecisionTransformerPolicy

TOKENS = ("return", "state", "action")
"""Kinds of the tokens of a step, in the order in which they are told; a policy with ``return_head`` has the state first."""


@torch.no_grad()
def attention_map(policy: DecisionTransformerPolicy, history: History) -> np.ndarray:
    """How much each token attends to each earlier one.

    Args:
        policy: is set to evaluation.
        history: what ``predict`` or ``act`` returned as the state, of n environments.

    Returns:
        float32 ``(n, layers, heads, T, T)``, T three tokens for each of the steps of the longest history; row i sums to 1 over
        the columns up to i. Rows of steps after an environment's ``history.last`` are padding.
    """
    policy.set_training_mode(False)
    x = policy.tokens(*policy.inputs(history))
    steps = x.shape[1]
    future = torch.ones(steps, steps, dtype=torch.bool, device=x.device).triu(1)
    maps = []
    for block in policy.gpt.blocks:
        query, key, _ = block.attention.split(block.norm1(x))  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        maps.append(scores.masked_fill(future, -torch.inf).softmax(-1))
        x = block(x)
    return torch.stack(maps, 1).cpu().numpy()


def step_attention(maps: np.ndarray) -> np.ndarray:
    """Mean over layers and heads, and over the tokens of the attending step, of the attention paid to whole steps.

    Args:
        maps: of :func:`attention_map`, (n, layers, heads, 3 K, 3 K).

    Returns:
        (n, K, K); row i sums to 1.
    """
    n, steps = len(maps), maps.shape[-1] // 3
    return maps.mean((1, 2)).reshape(n, steps, 3, steps, 3).mean(2).sum(-1)
