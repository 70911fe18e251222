"""Windows of K steps drawn from a dataset, padded on the right."""

from typing import Literal, NamedTuple

import numpy as np
import torch

from papergym.agents.data.dataset import Dataset

Sampling = Literal["length", "uniform", "stratified"]

STRATA = 10
"""Intervals of equal width between the lowest and the highest return, for ``stratified``."""


class Windows(NamedTuple):
    """A batch of windows.

    Attributes:
        observations: (B, T, ...), T the longest window of the batch.
        actions: (B, T, ...).
        returns: (B, T) float32, returns-to-go.
        timesteps: (B, T) int64.
        valid: (B, T) bool, False for padding.
    """

    observations: torch.Tensor
    actions: torch.Tensor
    returns: torch.Tensor
    timesteps: torch.Tensor
    valid: torch.Tensor


class Sampler:
    """Draws windows.

    Args:
        data: whole episodes.
        context: steps K of a window.
        sampling: ``length``: each step of the data is equally often a window's first (the paper's rule: an episode by its
            length, then a step in it); ``uniform``: each episode equally often; ``stratified``: each of ten intervals of the
            return that holds an episode equally often.
        whole: a window that would reach over the end of its episode begins earlier: training then sees what acting does.
        device: of the batches.
    """

    def __init__(self, data: Dataset, context: int, *, sampling: Sampling, whole: bool, device: torch.device | str) -> None:
        self.context, self.whole, self.device = context, whole, device
        observations = data.observations.astype(np.float32) if data.observations.dtype == np.float64 else data.observations
        arrays = (observations, data.actions, data.returns_to_go().astype(np.float32), data.timesteps())
        self._columns = tuple(torch.as_tensor(array, device=device) for array in arrays)
        self._begin, self._end = (np.repeat(ends, data.lengths) for ends in (data.starts[:-1], data.starts[1:]))
        self._bounds = np.cumsum(step_weights(data, sampling))

    def __call__(self, rng: np.random.Generator, batch_size: int) -> Windows:
        """A batch of windows."""
        first = np.searchsorted(self._bounds, rng.random(batch_size) * self._bounds[-1], side="right")
        first = np.minimum(first, len(self._bounds) - 1)
        begin, end = self._begin[first], self._end[first]
        first = np.maximum(np.minimum(first, end - self.context), begin) if self.whole else first
        rows = first[:, None] + np.arange(min(self.context, int((end - first).max())))
        valid = torch.as_tensor(rows < end[:, None], device=self.device)
        places = torch.as_tensor(np.minimum(rows, end[:, None] - 1), device=self.device)
        observations, actions, returns, timesteps = (column[places] for column in self._columns)
        return Windows(observations, actions, returns, timesteps, valid)


def step_weights(data: Dataset, sampling: Sampling) -> np.ndarray:
    """Weight with which each step is a window's first, (n,) float64; see :class:`Sampler`."""
    if sampling == "length":
        return np.ones(len(data))
    if sampling == "uniform":
        return np.repeat(1 / data.lengths, data.lengths)
    low, high = data.returns.min(), data.returns.max()
    stratum = np.minimum((data.returns - low) / max(high - low, 1e-12) * STRATA, STRATA - 1).astype(int)
    steps = np.bincount(stratum, data.lengths, minlength=STRATA)
    return np.repeat(1 / steps[stratum], data.lengths)
