"""Vectors of categorical variables, as world models use them for what cannot be predicted."""

import torch


def whole(x: torch.Tensor) -> torch.Tensor:
    """``x`` in float32 if it is bfloat16, as autocast leaves what a network returns: losses need more digits."""
    return x.float() if x.dtype == torch.bfloat16 else x


def mixed_log_probs(logits: torch.Tensor, uniform: float) -> torch.Tensor:
    """Logarithms of ``(1 - uniform) softmax(logits) + uniform / classes``; no class has probability zero."""
    logits = whole(logits)
    if not uniform:
        return torch.log_softmax(logits, -1)
    # torch.softmax takes five times as long over a last axis of few classes on a CPU
    powers = torch.exp(logits - logits.detach().amax(-1, keepdim=True))
    return torch.log((1 - uniform) * powers / powers.sum(-1, keepdim=True) + uniform / logits.shape[-1])


def waiting_times(shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
    """Draws of an exponential distribution for :func:`sample_one_hot`, from torch's global generator."""
    return torch.rand(shape, device=like.device, dtype=like.dtype).log_().neg_()  # exponential_() takes five times as long


def sample_one_hot(log_probs: torch.Tensor, waits: torch.Tensor) -> torch.Tensor:
    """One-hot samples; the gradient is that of the probabilities (straight-through).

    Args:
        log_probs: ``(..., classes)``.
        waits: of the same shape, from :func:`waiting_times`. The class whose wait is over first wins, which it does with
            its probability. They are drawn by the caller, so that a whole sequence costs one draw.
    """
    probs = log_probs.exp()
    one_hot = torch.zeros_like(probs).scatter_(-1, (probs / waits).argmax(-1, keepdim=True), 1.0)
    return one_hot + (probs - probs.detach()) if probs.requires_grad else one_hot


def divergence(log_probs: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence KL(first || other), summed over the last two axes (variables, classes), nats."""
    return (log_probs.exp() * (log_probs - other)).sum((-2, -1))


def entropy(log_probs: torch.Tensor) -> torch.Tensor:
    """Entropy summed over the last two axes (variables, classes), nats."""
    return -(log_probs.exp() * log_probs).sum((-2, -1))
