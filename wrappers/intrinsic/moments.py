"""Running mean and variance of a stream, float64, merged batch by batch (Chan, Golub and LeVeque 1979)."""

from typing import Any

import numpy as np


class RunningMoments:
    """Count, mean and population variance of everything seen.

    Args:
        shape: shape of one element; ``()`` for scalars.
    """

    def __init__(self, shape: tuple[int, ...] = ()):
        self.count = 0
        self.mean = np.zeros(shape)
        self._squares = np.zeros(shape)

    @property
    def variance(self) -> np.ndarray:
        """Population variance; ones while fewer than two elements were seen."""
        return self._squares / self.count if self.count > 1 else np.ones_like(self._squares)

    @property
    def std(self) -> np.ndarray:
        """Population standard deviation; one wherever the stream has been constant, so that it is safe to divide by."""
        std = np.sqrt(self.variance)
        return np.where(std > 0, std, 1.0)

    def update(self, values: np.ndarray) -> None:
        """Add a batch, shape (n, *shape)."""
        values = np.asarray(values, np.float64)
        n = len(values)
        if n == 0:
            return
        if n == 1:  # a step of one environment: the same numbers without two reductions
            mean, squares = values[0], 0.0
        else:
            mean = values.mean(0)
            squares = ((values - mean) ** 2).sum(0)
        difference, total = mean - self.mean, self.count + n
        self._squares = self._squares + squares + difference**2 * (self.count * n / total)
        self.mean = self.mean + difference * (n / total)
        self.count = total

    def state_dict(self) -> dict[str, Any]:
        """Exact state."""
        return {"count": self.count, "mean": np.array(self.mean), "squares": np.array(self._squares)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: a count or squares below 0, or a mean and squares of different shapes; nothing is changed.
        """
        count, mean, squares = int(state["count"]), np.array(state["mean"], np.float64), np.array(state["squares"], np.float64)
        if count < 0 or (squares < 0).any() or mean.shape != squares.shape:
            raise ValueError(f"expected running moments of one shape, with a count and squares from 0, got {state!r}.")
        self.count, self.mean, self._squares = count, mean, squares
