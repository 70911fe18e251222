"""The Trajectory Transformer: a GPT over the dimensions of states, actions, rewards and values, each a token."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from papergym.agents.sequence.cache import Cache
from papergym.agents.sequence.gpt import GPT


class TrajectoryTransformer(nn.Module):
    """Logits of the next token at each position (arXiv 2106.02039, section 3.1).

    A transition is ``observation_dim + action_dim + 2`` tokens in the order observation, action, reward, value. Each dimension
    has its own embeddings and its own head. Value tokens hold the future, so no token attends to them, not even they
    themselves; through the residual they act at their own position only.

    Args:
        observation_dim: N, numbers of an observation.
        action_dim: M, numbers of an action.
        bins: V, tokens of each dimension. The token V, the stop token, stands for all dimensions after a terminal step.
        window: transitions of the longest input.
        width: of the embeddings.
        layers: blocks of the GPT.
        heads: its attention heads.
        dropout: of embeddings, attention weights and residuals.
        goal: put the tokens of a goal observation before the sequence (section 3.2). They have embeddings of their own
            and no position.
    """

    def __init__(
        self,
        observation_dim: int,
        action_dim: int,
        *,
        bins: int = 100,
        window: int = 10,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
        dropout: float = 0.1,
        goal: bool = False,
    ) -> None:
        super().__init__()
        self.observation_dim, self.action_dim, self.bins, self.window = observation_dim, action_dim, bins, window
        self.size = observation_dim + action_dim + 2  # tokens of a transition
        self.token = nn.Embedding(bins * self.size + 1, width)
        self.position = nn.Parameter(torch.zeros(window * self.size - 1, width))
        self.goal = nn.Embedding(bins * observation_dim, width) if goal else None
        self.gpt = GPT(width, layers, heads, dropout=dropout)
        self.head = nn.Parameter(torch.empty(self.size, bins + 1, width))
        for embedding in filter(None, (self.token, self.goal)):
            nn.init.normal_(embedding.weight, std=0.02)
        for matrix in self.head:
            nn.init.kaiming_uniform_(matrix, a=math.sqrt(5))
        visible = torch.ones(self.size, dtype=torch.bool)
        visible[-1] = False
        self.register_buffer("visible", visible, persistent=False)  # which tokens of a transition are attended to
        self.visible: torch.Tensor

    def embed(self, tokens: torch.Tensor, first: int = 0) -> torch.Tensor:
        """Embeddings and positions.

        Args:
            tokens: (B, T) int64 in [0, bins], of which ``bins`` is the stop token.
            first: position of the first one; position 0 is the first dimension of an observation.

        Returns:
            (B, T, width).
        """
        places = torch.arange(first, first + tokens.shape[1], device=tokens.device)
        rows = torch.where(tokens == self.bins, self.bins * self.size, tokens + places % self.size * self.bins)
        return self.token(rows) + self.position[places]

    def embed_goal(self, goal: torch.Tensor) -> torch.Tensor:
        """(B, N) int64 tokens of goal observations -> (B, N, width)."""
        if self.goal is None:
            raise ValueError("the model was made without a goal: make it with goal=True.")
        return self.goal(goal + torch.arange(self.observation_dim, device=goal.device) * self.bins)

    def visible_columns(self, steps: int, first: int = 0) -> torch.Tensor:
        """(steps,) bool: the tokens from position ``first`` on that are attended to."""
        return self.visible[torch.arange(first, first + steps, device=self.visible.device) % self.size]

    def forward(self, tokens: torch.Tensor, goal: torch.Tensor | None = None) -> torch.Tensor:
        """Logits of the next token at each position.

        Args:
            tokens: (B, T) int64, T at most ``window * size - 1``; padding stands on the right.
            goal: (B, N) int64 if the model has a goal.

        Returns:
            (B, T, bins + 1).
        """
        steps = tokens.shape[1]
        if steps > len(self.position):
            raise ValueError(f"expected at most {len(self.position)} tokens, {self.window} transitions less one, got {steps}.")
        if (goal is None) != (self.goal is None):
            raise ValueError(f"expected {'no ' if self.goal is None else 'a '}goal: the model was made so.")
        x, visible = self.embed(tokens), self.visible_columns(steps)
        if goal is not None:
            x = torch.cat((self.embed_goal(goal), x), 1)
            visible = F.pad(visible, (self.observation_dim, 0), value=True)
        mask = torch.tril(torch.ones(len(visible), len(visible), dtype=torch.bool, device=x.device)) & visible
        return self._all_logits(self.gpt(x, mask)[:, -steps:])

    def _all_logits(self, hidden: torch.Tensor) -> torch.Tensor:
        batch, steps, width = hidden.shape
        whole = F.pad(hidden, (0, 0, 0, -steps % self.size)).view(-1, self.size, width)
        return torch.einsum("bdw,dvw->bdv", whole, self.head).reshape(batch, -1, self.bins + 1)[:, :steps]

    def logits(self, hidden: torch.Tensor, position: int) -> torch.Tensor:
        """Hidden states (B, width) at one position -> logits (B, bins + 1) of the token that follows."""
        return F.linear(hidden, self.head[position % self.size])

    def extend(self, tokens: torch.Tensor, cache: Cache, first: int, outputs: int) -> torch.Tensor:
        """Hidden states (B, outputs, width) of the last of new tokens (B, T); see :meth:`forward` and ``GPT.extend``."""
        steps = tokens.shape[1]
        visible = None if steps == 1 and (first + 1) % self.size else self.visible_columns(steps, first)
        return self.gpt.extend(self.embed(tokens, first), cache, visible, outputs)
