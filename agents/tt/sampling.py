"""Drawing tokens: the filters of the official planner, and inverse transform sampling, so that draws can be repeated."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

Draw = Callable[[int, int], torch.Tensor]
"""``draw(environments, rows)``: uniform numbers in [0, 1), float32, one for each row of each environment."""


@dataclass(frozen=True)
class Filter:
    """Which tokens may be drawn.

    Attributes:
        k: only the k most likely ones; None: all.
        cdf: drop the least likely ones that hold up to this share of the probability, and at least one; None: none.
    """

    k: int | None = None
    cdf: float | None = None

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        """Probabilities (B, n) of what is left, for logits (B, n); trajectory/search/sampling.py."""
        if self.cdf is not None:
            probabilities = logits.softmax(-1)
            ordered = probabilities.sort(-1).values
            last = (ordered.cumsum(-1) < self.cdf).sum(-1, keepdim=True).sub(1).clamp(min=0)
            dropped = probabilities <= ordered.gather(-1, last)
            logits = logits.masked_fill(dropped, -1000.0)  # not minus infinity: where all are dropped, all are as likely
        if self.k is not None:
            least = logits.topk(min(self.k, logits.shape[-1]), -1).values[..., -1:]
            logits = logits.masked_fill(logits < least, float("-inf"))
        return logits.softmax(-1)

    def sample(self, logits: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """Tokens (B,) for logits (B, n) and uniform numbers (B,) in [0, 1); the most likely one where k is 1."""
        if self.k == 1:
            return logits.argmax(-1)
        cumulative = self(logits).cumsum(-1)
        return (cumulative <= uniform[:, None].to(logits.device) * cumulative[:, -1:]).sum(-1).clamp(max=logits.shape[-1] - 1)


def uniform_draws(generator: torch.Generator) -> Draw:
    """Uniform numbers of a generator, on its device."""
    return lambda environments, rows: torch.rand(environments, rows, generator=generator, device=generator.device)
