"""Batches of few different sizes.

How many closer views, branches and jumps an update has differs from update to update. On a CPU each new size makes oneDNN
compile and keep its kernels anew, which took more than 13 MB of memory an update. So a batch is filled up with copies of its
own entries.
"""

import torch


def filled(count: int, unit: int, device: torch.device | None = None) -> torch.Tensor:
    """Indices of ``count`` entries, at least one, and of the first ones again, up to a multiple of ``unit``."""
    return torch.arange(-(-count // unit) * unit, device=device) % count
