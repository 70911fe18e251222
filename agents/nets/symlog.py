"""Symlog, and numbers of unknown scale as categories with exponentially spaced bins (2301.04104, equations 9-11)."""

import torch

from papergym.agents.nets.categorical import whole


def symlog(x: torch.Tensor) -> torch.Tensor:
    """``sign(x) log(1 + |x|)``."""
    return torch.sign(x) * torch.log1p(torch.abs(x))


def symexp(x: torch.Tensor) -> torch.Tensor:
    """Inverse of :func:`symlog`."""
    return torch.sign(x) * torch.expm1(torch.abs(x))


def symexp_bins(count: int, limit: float = 20.0) -> torch.Tensor:
    """``(count,)`` ascending numbers, symexp of an even grid from ``-limit`` to ``limit``; exactly symmetric about zero."""
    low = symexp(torch.linspace(-limit, limit, count)[: count // 2])
    return torch.cat([low, torch.zeros(count % 2), -low.flip(0)])


def two_hot_mean(logits: torch.Tensor, bins: torch.Tensor) -> torch.Tensor:
    """Expected number of categories with ``logits`` ``(..., bins)``; ``(...)``.

    The two halves are added in mirrored order: equal probabilities give exactly zero, where bins of 4e8 would leave a rest.
    """
    weighted = torch.softmax(whole(logits), -1) * bins
    half = len(bins) // 2
    low, middle, high = weighted[..., :half], weighted[..., half : len(bins) - half], weighted[..., len(bins) - half :]
    return (low.flip(-1) + high).sum(-1) + middle.sum(-1)


def two_hot_loss(logits: torch.Tensor, bins: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross-entropy with the two bins next to ``target``, weighted so that their mean is the target.

    Args:
        logits: ``(..., bins)``.
        bins: ``(bins,)``, ascending. A target beyond them counts as the outermost bin.
        target: ``(...)``.

    Returns:
        ``(...)``.
    """
    above = torch.searchsorted(bins, target.contiguous()).clamp(1, len(bins) - 1)
    below = above - 1
    share = ((target - bins[below]) / (bins[above] - bins[below])).clamp(0, 1)
    log_probs = torch.log_softmax(whole(logits), -1)
    at_below, at_above = (log_probs.gather(-1, index[..., None])[..., 0] for index in (below, above))
    return -((1 - share) * at_below + share * at_above)
