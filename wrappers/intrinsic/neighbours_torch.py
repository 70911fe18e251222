"""Exact k nearest neighbours on a torch device: products select candidates, differences give their distances."""

import numpy as np
import torch

SPARE = 16
ROWS = 256
"""Queries scored at once: bounds the (ROWS, memory) matrix of products."""


@torch.no_grad()
def nearest_on(
    device: str, queries: np.ndarray, memory: np.ndarray, squares: np.ndarray, k: int, *, skip_self: bool = False
) -> np.ndarray:
    """:func:`papergym.wrappers.intrinsic.neighbours.nearest` on ``device``: (n, k) float32, ascending.

    ``k + 16`` candidates are selected by float64 products and scored again from their differences.
    """
    x, y = (torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in (queries, memory))
    wide = y.double()
    norms = wide.pow(2).sum(1)  # float32 norms would not order rows that lie far from the origin
    chosen = min(k + SPARE, len(memory) - skip_self)
    out = []
    for start in range(0, len(x), ROWS):
        rows = x[start : start + ROWS]
        approximate = norms - 2 * rows.double() @ wide.T
        if skip_self:
            index = torch.arange(len(rows), device=device)
            approximate[index, index + start] = torch.inf
        candidates = approximate.topk(chosen, largest=False, sorted=False).indices
        exact = (rows[:, None] - y[candidates]).pow(2).sum(-1).sqrt()
        out.append(exact.topk(k, largest=False).values)
    return torch.cat(out).cpu().numpy()
