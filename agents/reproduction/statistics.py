"""Interquartile means with bootstrap intervals over seeds (Agarwal et al. 2021, arXiv 2108.13264)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """Interquartile mean of some runs.

    Attributes:
        center: interquartile mean; with fewer than four runs nothing is trimmed, so it is the mean.
        low, high: 95% percentile bootstrap interval over runs; nan with fewer than two.
        count: runs.
        mean, std: mean and standard deviation (n - 1) over runs, for tables that give those.
    """

    center: float
    low: float
    high: float
    count: int
    mean: float
    std: float

    def __str__(self) -> str:
        interval = f" [{short(self.low)}, {short(self.high)}]" if self.count > 1 and self.low < self.high else ""
        return f"{short(self.center)}{interval}"


def short(value: float) -> str:
    """Four digits; from 10 000 on, all those before the point."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def interquartile_mean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Mean without the lowest and the highest quarter, along ``axis``."""
    return stats.trim_mean(values, 0.25, axis=axis)


def estimate(values: Sequence[float], seed: int = 0) -> Estimate:
    """Estimate from one number per run; numbers that are not finite are an error.

    Raises:
        ValueError: no runs, or a number that is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if not array.size or not np.isfinite(array).all():
        raise ValueError(f"expected finite numbers of at least one run, got {array}")
    center, mean = float(interquartile_mean(array)), float(array.mean())
    if array.size == 1:
        return Estimate(center, float("nan"), float("nan"), 1, mean, float("nan"))
    if np.ptp(array) == 0:  # scipy warns that the distribution is degenerate; the interval is a point
        return Estimate(center, center, center, array.size, mean, 0.0)
    found = stats.bootstrap(
        (array,),
        interquartile_mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(center, float(found.low), float(found.high), array.size, mean, float(array.std(ddof=1)))


def estimate_curves(curves: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Interquartile mean and the ends of its interval at every point.

    Args:
        curves: (runs, points) finite numbers.
        seed: of the bootstrap.

    Returns:
        center, low, high: (points,) each; the ends equal the center for a single run.
    """
    center = interquartile_mean(curves, axis=0)
    if len(curves) < 2:
        return center, center, center
    generator = np.random.default_rng(seed)
    picks = generator.integers(len(curves), size=(RESAMPLES // 4, len(curves)))
    resampled = interquartile_mean(curves[picks], axis=1)  # (resamples, points); whole curves are drawn
    low, high = np.percentile(resampled, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)], axis=0)
    return center, low, high
