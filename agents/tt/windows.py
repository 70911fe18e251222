"""Training windows: a dataset as tokens."""

from dataclasses import dataclass

import numpy as np
import torch

from papergym.agents.data.dataset import Dataset
from papergym.agents.tt.discretizer import Discretizer


def columns(data: Dataset, discount: float) -> np.ndarray:
    """Observation, action, reward and value of each transition, ``(n, N + M + 2)`` float64.

    The value is the discounted sum of the rewards behind the transition's own: ``V_t = sum_k discount**k r_{t+1+k}``.

    Args:
        data: Box observations and actions of one axis.
        discount: of the value.
    """
    values, after = np.zeros(len(data)), 0.0
    last = np.zeros(len(data), bool)
    last[data.starts[1:] - 1] = True
    for row in range(len(data) - 1, -1, -1):
        after = 0.0 if last[row] else after
        values[row] = after
        after = data.rewards[row] + discount * after
    return np.column_stack((data.observations, data.actions, data.rewards, values)).astype(np.float64)


@dataclass(frozen=True)
class Batch:
    """Windows of ``window`` transitions.

    Attributes:
        tokens: ``(B, window * size)`` int64.
        mask: ``(B, window * size)`` float32; 0 where no loss is counted.
        goal: ``(B, N)`` int64, the last observation of each window's episode; None for a model without a goal.
    """

    tokens: torch.Tensor
    mask: torch.Tensor
    goal: torch.Tensor | None


class Windows:
    """Windows of a dataset, as the official code cuts them.

    A window may begin at every transition but an episode's last one. Behind the end of the task stand stop tokens, which are
    learned; behind a time limit, or where data was cut, nothing is learned.

    Args:
        data: the episodes.
        discretizer: bins of its columns.
        window: transitions of a window.
        discount: see :func:`columns`.
        goal: give each window its goal.
    """

    def __init__(self, data: Dataset, discretizer: Discretizer, window: int, *, discount: float, goal: bool) -> None:
        self.window, self.size, self.stop = window, discretizer.dimensions, discretizer.bins
        device = discretizer.thresholds.device
        tokens = discretizer.tokens(torch.as_tensor(columns(data, discount), device=device))
        end = torch.full((1, self.size), self.stop, device=device)  # the row that stands for all behind an end
        self._tokens = torch.cat((tokens, end)).to(torch.int16)
        episode = np.repeat(np.arange(data.episodes), data.lengths)
        self._ends = torch.as_tensor(data.starts[1:][episode], device=device)
        self._stops = torch.as_tensor(data.terminated[data.starts[1:] - 1][episode], device=device)
        rows = np.arange(len(data))
        may_begin = (rows < data.starts[1:][episode] - 1) | (data.lengths[episode] == 1)
        self._starts = torch.as_tensor(rows[may_begin], device=device)
        self._goals = None
        if goal:
            last = torch.as_tensor(data.next_observations[data.starts[1:] - 1], device=device)
            self._goals = discretizer.tokens(last)[torch.as_tensor(episode, device=device)]
        self._hidden: torch.Tensor | None = None

    def hide(self, hidden: np.ndarray) -> None:
        """Put stop tokens in the place of numbers of observations, and learn nothing of what they were.

        Args:
            hidden: ``(n, N)`` bool for the n transitions of the data.
        """
        whole = np.zeros((len(self._tokens), self.size), bool)
        whole[:-1, : hidden.shape[1]] = hidden
        self._hidden = torch.as_tensor(whole, device=self._tokens.device)
        self._tokens = self._tokens.masked_fill(self._hidden, self.stop)

    def __len__(self) -> int:
        """Windows."""
        return len(self._starts)

    def batch(self, numbers: np.ndarray) -> Batch:
        """The windows with these numbers."""
        first = self._starts[torch.as_tensor(numbers, device=self._starts.device)]
        rows = first[:, None] + torch.arange(self.window, device=first.device)
        inside = rows < self._ends[first][:, None]
        rows = torch.where(inside, rows, len(self._tokens) - 1)
        tokens = self._tokens[rows].long()
        mask = (inside | self._stops[first][:, None])[..., None].expand_as(tokens)
        mask = mask if self._hidden is None else mask & ~self._hidden[rows]
        goal = None if self._goals is None else self._goals[first]
        return Batch(tokens.flatten(1), mask.flatten(1).float(), goal)
