"""A batch of sequences that grows token by token, on the exact cache.

A window that moves by one transition moves all positions, so what is cached is worth nothing then: the window is read
again, once a transition. Beams have most of it in common, from the episode so far or from a parent that they share. The
sequences are therefore read as a tree, each distinct beginning once.
"""

import torch

from papergym.agents.fast.precision import fast_matmul
from papergym.agents.tt.model import TrajectoryTransformer


class Decoder:
    """Next-token logits of sequences; see the module's docstring.

    Args:
        model: in evaluation mode.

    Attributes:
        passes: tokens that went through the model, over all rows: what the decoding has cost.
    """

    def __init__(self, model: TrajectoryTransformer) -> None:
        self.model = model
        self.passes = 0
        self.place = 0  # position of the next token

    def read(self, past: torch.Tensor, current: torch.Tensor | None = None, goal: torch.Tensor | None = None) -> torch.Tensor:
        """Begin with whole transitions, and tokens of the present one.

        Args:
            past: (B, K, size) int64; K may be 0 where there are tokens of the present one.
            current: (B, c) int64; None for none.
            goal: (B, N) int64, for a model with a goal.

        Returns:
            (B, bins + 1) logits of the next token of each row, in their order.
        """
        parts = [past[:, step] for step in range(past.shape[1])] + ([] if current is None else [current])
        self.cache, self.place = self.model.gpt.cache(), 0
        node = torch.zeros(len(past), dtype=torch.int64, device=past.device)
        if goal is not None:
            goals, node = torch.unique(goal, dim=0, return_inverse=True)
            self.model.gpt.extend(self.model.embed_goal(goals), self.cache, outputs=0)
            self.passes += goals.numel()
        *levels, (last, parents) = _levels(parts, node)
        for tokens, above in levels:
            self._extend(tokens, above, 0)
        hidden = self._extend(last, parents, 1)
        return self.model.logits(hidden[:, -1], self.place - 1)

    def _extend(self, tokens: torch.Tensor, parents: torch.Tensor, outputs: int) -> torch.Tensor:
        if self.cache.rows:
            self.cache.select(parents)
        return self._pass(tokens, outputs)

    def _pass(self, tokens: torch.Tensor, outputs: int) -> torch.Tensor:
        """Add tokens (B, T) to the rows; hidden states (B, outputs, W) of the last ones."""
        with fast_matmul(tokens.device, rows=tokens.numel()):
            hidden = self.model.extend(tokens, self.cache, self.place, outputs)
        self.passes += tokens.numel()
        self.place += tokens.shape[1]
        return hidden

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Add a token (B,) to each row; logits (B, bins + 1) of the next one."""
        hidden = self._pass(tokens[:, None], 1)
        return self.model.logits(hidden[:, -1], self.place - 1)

    def fork(self, times: int) -> None:
        """Make ``times`` rows of each row, one after the other."""
        self.cache.fork(times)

    def select(self, rows: torch.Tensor) -> None:
        """Take the named rows; see :meth:`papergym.agents.sequence.cache.Cache.select`."""
        self.cache.select(rows)


def _levels(parts: list[torch.Tensor], node: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The sequences as a tree.

    Args:
        parts: what follows each other, (B, T) tokens each.
        node: (B,) node of the root's level, 0 ... k - 1, that each row begins at.

    Returns:
        For each level its nodes' tokens (nodes, T) and parents (nodes,). The nodes of the last level are the rows in their
        order; those above it are distinct. Levels between which nothing forks are one.
    """
    levels: list[tuple[torch.Tensor, torch.Tensor]] = []
    for number, tokens in enumerate(parts, 1):
        above = int(node.max()) + 1
        keys = torch.cat((node[:, None], tokens), 1)
        if number < len(parts):
            keys, node = torch.unique(keys, dim=0, return_inverse=True)
        parents, tokens = keys[:, 0], keys[:, 1:]
        if levels and len(parents) == above and bool((parents[1:] > parents[:-1]).all()):
            levels[-1] = torch.cat((levels[-1][0], tokens), 1), levels[-1][1]
        else:
            levels.append((tokens, parents))
    return levels
