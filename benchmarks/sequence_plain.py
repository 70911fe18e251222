"""Plain PyTorch forms of the Decision Transformer and the Trajectory Transformer, for ``sequence_speed.py``.

Written as single-file implementations are: attention step by step with a stored mask, windows put together one by one in numpy,
padding on the left, one head per dimension by ``einsum``. The names of the parts are those of Hugging Face's
``DecisionTransformerModel`` and of the official Trajectory Transformer, so the weights of ours can be loaded.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from papergym.agents.data.dataset import Dataset

HIDDEN = -1e4
"""Score of a masked token in the official Decision Transformer."""


class Transposed(nn.Module):
    """x W + b, with W as (in, out), as in GPT-2's code."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(0.02 * torch.randn(inputs, outputs)), nn.Parameter(torch.zeros(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in) -> (..., out)."""
        return torch.addmm(self.bias, x.reshape(-1, x.shape[-1]), self.weight).view(*x.shape[:-1], -1)


class DecisionAttention(nn.Module):
    """GPT-2's, with one head."""

    def __init__(self, width: int, dropout: float, length: int) -> None:
        super().__init__()
        self.c_attn, self.c_proj, self.drop = Transposed(width, 3 * width), Transposed(width, width), nn.Dropout(dropout)
        self.register_buffer("causal", torch.tril(torch.ones(length, length, dtype=torch.bool)), persistent=False)
        self.causal: torch.Tensor

    def forward(self, x: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """``hidden`` (B, 1, T): 0, or a large negative score for padding."""
        query, key, value = self.c_attn(x).chunk(3, -1)
        scores = query @ key.transpose(1, 2) / math.sqrt(x.shape[-1])
        causal = self.causal[: x.shape[1], : x.shape[1]]
        weights = (torch.where(causal, scores, HIDDEN) + hidden).softmax(-1)
        return self.drop(self.c_proj(self.drop(weights) @ value))


class DecisionBlock(nn.Module):
    """Attention and a ReLU network behind layer norms."""

    def __init__(self, width: int, dropout: float, length: int) -> None:
        super().__init__()
        self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(width), DecisionAttention(width, dropout, length), nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"c_fc": Transposed(width, 4 * width), "c_proj": Transposed(4 * width, width)})
        self.drop = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """(B, T, width) -> the same."""
        x = x + self.attn(self.ln_1(x), hidden)
        return x + self.drop(self.mlp["c_proj"](F.relu(self.mlp["c_fc"](self.ln_2(x)))))


class PlainDecisionTransformer(nn.Module):
    """For continuous actions in [-1, 1]; states are normalized and returns scaled by the caller."""

    def __init__(self, states: int, actions: int, *, width: int, layers: int, context: int, dropout: float, rows: int) -> None:
        super().__init__()
        self.context = context
        self.embed_timestep, self.embed_return = nn.Embedding(rows, width), nn.Linear(1, width)
        self.embed_state, self.embed_action = nn.Linear(states, width), nn.Linear(actions, width)
        self.embed_ln, self.drop = nn.LayerNorm(width), nn.Dropout(dropout)
        blocks = nn.ModuleList(DecisionBlock(width, dropout, 3 * context) for _ in range(layers))
        self.encoder = nn.ModuleDict({"h": blocks, "ln_f": nn.LayerNorm(width)})
        self.predict_action = nn.Sequential(nn.Linear(width, actions), nn.Tanh())

    def forward(self, states: Any, actions: Any, returns: Any, times: Any, mask: Any) -> torch.Tensor:
        """(B, K, ...) each, ``mask`` 0 for padding -> actions (B, K, A)."""
        time = self.embed_timestep(times)
        parts = (self.embed_return(returns), self.embed_state(states), self.embed_action(actions))
        x = torch.stack([part + time for part in parts], 1).permute(0, 2, 1, 3).reshape(len(states), -1, time.shape[-1])
        hidden = (1.0 - mask.repeat_interleave(3, 1))[:, None] * HIDDEN
        x = self.drop(self.embed_ln(x))
        for block in self.encoder["h"]:  # pyright: ignore[reportGeneralTypeIssues]
            x = block(x, hidden)
        x = self.encoder["ln_f"](x).reshape(len(states), -1, 3, time.shape[-1])
        return self.predict_action(x[:, :, 1])


def decision_batch(data: Dataset, model: PlainDecisionTransformer, scale: float, size: int, rng: np.random.Generator) -> list:
    """Windows drawn one by one: an episode by its length, a step of it, the returns-to-go behind it, padding on the left."""
    mean, std, columns = data.observations.mean(0), data.observations.std(0) + 1e-6, []
    episodes = rng.choice(data.episodes, size, p=data.lengths / data.lengths.sum())
    for episode in map(data.episode, episodes):
        first = int(rng.integers(len(episode.actions)))
        rows = slice(first, first + model.context)
        states, actions = (episode.observations[:-1][rows] - mean) / std, episode.actions[rows]
        left = episode.rewards[first:][::-1].cumsum()[::-1][: len(actions)] / scale
        short = model.context - len(actions)
        parts = (states, actions, left[:, None], first + np.arange(len(actions)), np.ones(len(actions)))
        columns.append([np.concatenate((np.zeros((short, *np.shape(part)[1:])), part)) for part in parts])
    states, actions, left, times, mask = (torch.from_numpy(np.stack(column)).float() for column in zip(*columns))
    return [states, actions, left, times.long(), mask]


def decision_update(model: PlainDecisionTransformer, data: Dataset, scale: float, size: int) -> Callable[[], Any]:
    """One gradient step of the official code's settings."""
    optimizer, rng = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=1e-4), np.random.default_rng(0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / 10_000, 1))

    def update() -> float:
        batch = decision_batch(data, model, scale, size, rng)
        kept = batch[-1] > 0
        loss = F.mse_loss(model(*batch)[kept], batch[1][kept])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        optimizer.step()
        schedule.step()
        return loss.item()

    return update


class TrajectoryAttention(nn.Module):
    """One projection each for query, key and value."""

    def __init__(self, width: int, heads: int, dropout: float, mask: torch.Tensor) -> None:
        super().__init__()
        self.key, self.query, self.value = (nn.Linear(width, width) for _ in range(3))
        self.proj, self.drop, self.heads = nn.Linear(width, width), nn.Dropout(dropout), heads
        self.register_buffer("mask", mask[None, None])
        self.mask: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, width) -> the same."""
        batch, steps, width = x.shape
        query, key, value = (
            part(x).view(batch, steps, self.heads, -1).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        scores = query @ key.transpose(2, 3) / math.sqrt(key.shape[-1])
        scores = scores.masked_fill(self.mask[:, :, :steps, :steps] == 0, float("-inf"))
        attended = self.drop(scores.softmax(-1)) @ value
        return self.drop(self.proj(attended.transpose(1, 2).contiguous().view(batch, steps, width)))


class TrajectoryBlock(nn.Module):
    """Attention and a GELU network behind layer norms."""

    def __init__(self, width: int, heads: int, dropout: float, mask: torch.Tensor) -> None:
        super().__init__()
        self.ln1, self.ln2, self.attn = (
            nn.LayerNorm(width),
            nn.LayerNorm(width),
            TrajectoryAttention(width, heads, dropout, mask),
        )
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(dropout))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, width) -> the same."""
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class PlainTrajectoryTransformer(nn.Module):
    """The network of arXiv 2106.02039."""

    def __init__(self, size: int, bins: int, length: int, *, width: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.size, self.bins, self.drop = size, bins, nn.Dropout(dropout)
        self.tok_emb, self.pos_emb = nn.Embedding(bins * size + 1, width), nn.Parameter(torch.zeros(1, length, width))
        mask = torch.tril(torch.ones(length, length))
        mask[:, size - 1 :: size] = 0
        self.blocks = nn.Sequential(*(TrajectoryBlock(width, heads, dropout, mask) for _ in range(layers)))
        self.ln_f = nn.LayerNorm(width)
        self.head = nn.ParameterDict({"weight": nn.Parameter(torch.zeros(size, bins + 1, width))})

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, T) -> logits (B, T, bins + 1)."""
        batch, steps = tokens.shape
        offsets = (torch.arange(self.size) * self.bins).repeat(-(-steps // self.size))[:steps]
        places = tokens + offsets
        places[tokens == self.bins] = self.bins * self.size
        x = self.ln_f(self.blocks(self.drop(self.tok_emb(places) + self.pos_emb[:, :steps])))
        short = -steps % self.size
        x = torch.cat([x, torch.zeros(batch, short, x.shape[-1])], 1).view(-1, self.size, x.shape[-1])
        return torch.einsum("eoi,bei->beo", self.head["weight"], x).reshape(batch, steps + short, -1)[:, :steps]


def trajectory_update(
    model: PlainTrajectoryTransformer, windows: Callable[[], tuple[torch.Tensor, torch.Tensor]], weight: torch.Tensor
) -> Callable[[], Any]:
    """One gradient step on ``windows()``: tokens and what of them counts."""
    matrices = [part.weight for part in model.modules() if isinstance(part, nn.Linear)] + [model.head["weight"]]
    known = {id(parameter) for parameter in matrices}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in known]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=6e-4, betas=(0.9, 0.95))

    def update() -> float:
        tokens, counts = windows()
        logits, wanted = model(tokens[:, :-1]), tokens[:, 1:]
        losses = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), wanted.reshape(-1), reduction="none")
        loss = (losses.view_as(wanted) * counts[:, 1:] * weight[1:]).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return update
