"""Sinkhorn-Knopp assignment of a batch to prototypes (arXiv 2102.11271 section 4.1; SwAV, arXiv 2006.09882)."""

import torch


def sinkhorn(scores: torch.Tensor, temperature: float, iterations: int) -> torch.Tensor:
    """Soft assignment whose columns are used equally: rows sum to 1, columns to about batch / prototypes.

    Works on logarithms, in fp32 whatever the surrounding autocast: exp(-2 / temperature) underflows in half precision,
    and a prototype that nobody is near would become 0 / 0.

    Args:
        scores: (batch, prototypes) cosine similarities.
        temperature: divides the scores.
        iterations: pairs of column and row normalisations; the last one is over rows.

    Returns:
        (batch, prototypes) float32 (float64 for float64 scores), without gradient.
    """
    with torch.no_grad(), torch.autocast(scores.device.type, enabled=False):
        logits = (scores if scores.dtype == torch.float64 else scores.float()) / temperature
        for _ in range(iterations):
            logits = logits - logits.logsumexp(dim=0, keepdim=True)
            logits = logits - logits.logsumexp(dim=1, keepdim=True)
        return logits.softmax(dim=1)
