"""The centre-weighted score of an affordance map."""

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=8)
def gaussian(height: int, width: int, share: float = 0.5) -> np.ndarray:
    """(height, width) float64 centred Gaussian of peak 1, deviations ``share`` of width and height; read-only.

    Source: LS-Imagine's code, whose grid runs from minus to plus half the size, ends included.
    """
    x = np.linspace(-width // 2, width // 2, width) / (share * width)
    y = np.linspace(-height // 2, height // 2, height) / (share * height)
    out = np.exp(-0.5 * (y[:, None] ** 2 + x[None, :] ** 2))
    out.setflags(write=False)
    return out


def check_maps(maps: np.ndarray) -> np.ndarray:
    """``maps`` as (n, H, W).

    Raises:
        ValueError: another number of axes, or values that are not finite.
    """
    maps = np.asarray(maps)
    if maps.ndim != 3 or 0 in maps.shape:
        raise ValueError(f"Expected affordance maps (n, H, W), got shape {maps.shape}.")
    if not np.isfinite(maps).all():
        raise ValueError("Expected a finite affordance map, got NaN or infinity; the network that made it has diverged.")
    return maps


def gaussian_score(maps: np.ndarray) -> np.ndarray:
    """(n,) float64 means of (n, H, W) maps weighted by the Gaussian; a constant map scores its constant."""
    weight = gaussian(*check_maps(maps).shape[1:])
    return np.einsum("nhw,hw->n", maps, weight / weight.sum())
