"""Numbers to tokens and back: each dimension has exactly N bins, whatever its data."""

import heapq
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from papergym.agents.errors import UsageError


class Discretizer(nn.Module):
    """Bins of several dimensions.

    Args:
        thresholds: ``(bins + 1, dimensions)``, strictly increasing in each dimension.

    Attributes:
        thresholds: buffer, float64.
    """

    def __init__(self, thresholds: np.ndarray) -> None:
        super().__init__()
        if thresholds.ndim != 2 or len(thresholds) < 2 or not (np.diff(thresholds, axis=0) > 0).all():
            raise ValueError(f"expected thresholds (bins + 1, dimensions) that increase, got shape {thresholds.shape}.")
        self.register_buffer("thresholds", torch.tensor(thresholds, dtype=torch.float64))
        self.thresholds: torch.Tensor

    @classmethod
    def empty(cls, bins: int, dimensions: int) -> "Discretizer":
        """Bins of [0, 1], to be replaced by those of a checkpoint or of the data."""
        return cls(np.repeat(np.linspace(0, 1, bins + 1)[:, None], dimensions, 1))

    @property
    def bins(self) -> int:
        """Number of bins."""
        return len(self.thresholds) - 1

    @property
    def dimensions(self) -> int:
        """Number of dimensions."""
        return self.thresholds.shape[1]

    @property
    def log_widths(self) -> torch.Tensor:
        """Logarithms of the bins' widths in the units of the data, ``(bins, dimensions)`` float32."""
        return self.thresholds.diff(dim=0).log().float()

    def set(self, thresholds: np.ndarray) -> None:
        """Take other thresholds of the same shape."""
        self.thresholds.copy_(Discretizer(thresholds).thresholds)

    def tokens(self, values: torch.Tensor, first: int = 0) -> torch.Tensor:
        """Bins of numbers; those outside the data are in the outermost bins.

        Args:
            values: ``(..., k)``, of the dimensions ``first`` to ``first + k - 1``.
            first: dimension of the first column.

        Returns:
            ``(..., k)`` int64 in [0, bins).
        """
        inner = self.thresholds[1:-1, first : first + values.shape[-1]].T.contiguous()
        columns = values.to(self.thresholds).reshape(-1, values.shape[-1]).T.contiguous()
        return torch.searchsorted(inner, columns, right=True).T.reshape(values.shape)

    def outside(self, values: torch.Tensor, first: int = 0, margin: float = 0.0) -> torch.Tensor:
        """Which numbers lie outside the bins by more than ``margin`` of their range; bool, see :meth:`tokens`."""
        low, high = (self.thresholds[end, first : first + values.shape[-1]] for end in (0, -1))
        values, allowed = values.to(self.thresholds), margin * (high - low)
        return (values < low - allowed) | (values > high + allowed)

    def values(self, tokens: torch.Tensor, first: int = 0) -> torch.Tensor:
        """Middle of the bins, ``(..., k)`` float64; a stop token counts as the last bin, as in the official code."""
        tokens = tokens.clamp(0, self.bins - 1)
        columns = torch.arange(first, first + tokens.shape[-1], device=tokens.device)
        return (self.thresholds[tokens, columns] + self.thresholds[tokens + 1, columns]) / 2

    def expectation(self, probabilities: torch.Tensor, dimension: int) -> torch.Tensor:
        """Mean over bins, for probabilities ``(..., bins)``: ``(...)`` float64. Without the stop token's they sum to less."""
        edges = self.thresholds[:, dimension]
        return probabilities.double() @ ((edges[:-1] + edges[1:]) / 2)


def quantile_thresholds(data: np.ndarray, bins: int) -> np.ndarray:
    """Equally many rows of data in each bin, as far as ties and the number of rows allow.

    Where neighbouring quantiles are equal they count once, and the widest bins are halved until there are enough: sparse
    rewards and small data keep their values apart.

    Args:
        data: ``(n, dimensions)`` finite numbers.
        bins: number of bins.

    Returns:
        ``(bins + 1, dimensions)`` float64, strictly increasing.
    """
    _check(data, bins)
    ordered = np.sort(np.asarray(data, np.float64), axis=0)
    rows = np.append(np.arange(bins) * len(ordered) // bins, len(ordered) - 1)
    return np.stack([_fill(np.unique(column[rows]), bins) for column in ordered.T], axis=1)


def uniform_thresholds(data: np.ndarray, bins: int) -> np.ndarray:
    """Bins of equal width between each dimension's smallest and largest number; see :func:`quantile_thresholds`."""
    _check(data, bins)
    ranges = [_widened(*column) for column in zip(*(edge(np.asarray(data, np.float64), 0) for edge in (np.min, np.max)))]
    return np.stack([np.linspace(low, high, bins + 1) for low, high in ranges], axis=1)


THRESHOLDS = {"quantile": quantile_thresholds, "uniform": uniform_thresholds}


def _check(data: np.ndarray, bins: int) -> None:
    if data.ndim != 2 or not len(data) or not np.isfinite(data).all():
        raise UsageError(f"bins need finite numbers of shape (n, dimensions) with n >= 1, got {data.dtype} {data.shape}.")
    if bins < 2:
        raise UsageError(f"expected at least 2 bins, got {bins}.")


def _widened(low: float, high: float) -> tuple[float, float]:
    """The range, or one that holds it where it is too narrow to be divided: a constant lies in its middle."""
    least = 1e-6 * max(abs(low), abs(high), 1e-3)
    if high - low >= least:
        return low, high
    middle = low + (high - low) / 2
    return middle - least, middle + least


def _fill(edges: np.ndarray, bins: int) -> np.ndarray:
    """Halve the widest bins until there are ``bins``."""
    low, high = _widened(edges[0], edges[-1])
    if (low, high) != (edges[0], edges[-1]):
        return np.linspace(low, high, bins + 1)
    apart = 1e-9 * (high - low)  # closer ones could not be halved often enough
    inner = edges[1:-1][(np.diff(edges)[:-1] > apart) & (high - edges[1:-1] > apart)]
    edges = np.concatenate(([low], inner, [high]))
    widths = [(left - right, left, right) for left, right in pairwise(edges)]  # a heap gives the smallest first
    if len(widths) < bins:  # few distinct numbers: the largest gets a bin of its own, as the others have
        widths += _halves(*widths.pop())
    heapq.heapify(widths)
    while len(widths) < bins:
        for half in _halves(*heapq.heappop(widths)):
            heapq.heappush(widths, half)
    return np.append(np.sort([left for _, left, _ in widths]), edges[-1])


def _halves(_: float, left: float, right: float) -> list[tuple[float, float, float]]:
    middle = left + (right - left) / 2
    return [(left - middle, left, middle), (middle - right, middle, right)]
