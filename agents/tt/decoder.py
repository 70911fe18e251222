"""A batch of sequences that grows token by token, on the exact cache.

A window that moves by one transition moves all positions, so what is cached is worth nothing then: the window is read
again, once a transition. Beams have most of it in common, from the episode so far or from a parent that they share. The
sequences are therefore read as a tree, each distinct beginning once.
"""

import torch

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
        self.cache = self.model.gpt.cache()
        node = torch.zeros(len(past), dtype=torch.int64, device=past.device)  # of each row, in the level above
        if goal is not None:
            goals, node = torch.unique(goal, dim=0, return_inverse=True)
            self.model.gpt.extend(self.model.embed_goal(goals), self.cache, outputs=0)
            self.passes += goals.numel()
        waiting, first, parents = None, 0, node[:0]  # tokens of levels without a fork between them
        self.place = 0
        for number, tokens in enumerate(parts, 1):
            keys = torch.cat((node[:, None], tokens), 1)
            above = int(node.max()) + 1
            if number < len(parts):
                keys, node = torch.unique(keys, dim=0, return_inverse=True)
            if waiting is not None and len(keys) == above and bool((keys[1:, 0] > keys[:-1, 0]).all()):
                waiting = torch.cat((waiting, keys[:, 1:]), 1)
            else:
                if waiting is not None:
                    self._extend(waiting, parents, first, 0)
                first, waiting, parents = self.place, keys[:, 1:], keys[:, 0]
            self.place += tokens.shape[1]
        assert waiting is not None, "expected at least one token"
        hidden = self._extend(waiting, parents, first, 1)
        return self.model.logits(hidden[:, -1], self.place - 1)

    def _extend(self, tokens: torch.Tensor, parents: torch.Tensor, first: int, outputs: int) -> torch.Tensor:
        if self.cache.rows:
            self.cache.select(parents)
        self.passes += tokens.numel()
        return self.model.extend(tokens, self.cache, first, outputs)

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Add a token (B,) to each row; logits (B, bins + 1) of the next one."""
        hidden = self.model.extend(tokens[:, None], self.cache, self.place, 1)
        self.passes += len(tokens)
        self.place += 1
        return self.model.logits(hidden[:, -1], self.place - 1)

    def fork(self, times: int) -> None:
        """Make ``times`` rows of each row, one after the other."""
        self.cache.fork(times)

    def select(self, rows: torch.Tensor) -> None:
        """Take the named rows; see :meth:`papergym.agents.sequence.cache.Cache.select`."""
        self.cache.select(rows)
