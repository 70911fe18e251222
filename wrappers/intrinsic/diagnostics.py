"""The latest rewards and distances of a bonus, recorded at the cost of two array writes per step."""

from typing import Any

import numpy as np

RECENT = 1024


class Recent:
    """How many numbers a stream has had, and the latest 1,024 of them."""

    def __init__(self) -> None:
        self.count = 0
        self._values = np.zeros(RECENT, np.float32)

    def add(self, values: np.ndarray) -> None:
        """Record a batch, (n,)."""
        n, place = len(values), self.count % RECENT
        if n == 1:
            self._values[place] = values[0]
        elif place + n <= RECENT:
            self._values[place : place + n] = values
        else:
            kept = values[-RECENT:]
            self._values[(self.count + n - len(kept) + np.arange(len(kept))) % RECENT] = kept
        self.count += n

    def quantiles(self, name: str) -> dict[str, float]:
        """The 5, 50 and 95 per cent quantiles of the finite ones, named ``{name}_q05`` and so on; none of an empty stream."""
        held = self._values[: min(self.count, RECENT)]
        held = held[np.isfinite(held)]
        if len(held) == 0:
            return {}
        return {f"{name}_q{q:02d}": float(value) for q, value in zip((5, 50, 95), np.quantile(held, (0.05, 0.5, 0.95)))}

    def state_dict(self) -> dict[str, Any]:
        """Exact state."""
        return {"count": self.count, "values": self._values.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.count = int(state["count"])
        self._values[:] = state["values"]


class Diagnostics:
    """Counts, sums and the latest rewards and distances; summarised only when asked."""

    def __init__(self) -> None:
        self.zeros = 0
        self.total = 0.0
        self.rewards, self.distances = Recent(), Recent()

    def add(self, rewards: np.ndarray, distances: np.ndarray | None = None) -> None:
        """Record a batch of rewards, (n,), and the distances behind them, (n,), inf where a neighbour is missing."""
        self.rewards.add(rewards)
        if len(rewards) == 1:
            value = float(rewards[0])
            self.zeros += value == 0.0
            self.total += value
        else:
            self.zeros += len(rewards) - int(np.count_nonzero(rewards))
            self.total += float(rewards.sum())
        if distances is not None:
            self.distances.add(distances)

    def summary(self) -> dict[str, float]:
        """``rewards``, ``zero_fraction``, ``reward_mean``; quantiles of the latest 1,024 rewards and distances."""
        count = self.rewards.count
        if count == 0:
            return {"rewards": 0.0}
        whole = {"rewards": float(count), "zero_fraction": self.zeros / count, "reward_mean": self.total / count}
        return {**whole, **self.rewards.quantiles("reward"), **self.distances.quantiles("distance")}

    def state_dict(self) -> dict[str, Any]:
        """Exact state."""
        recent = {"rewards": self.rewards.state_dict(), "distances": self.distances.state_dict()}
        return {"zeros": int(self.zeros), "total": self.total, **recent}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.zeros, self.total = int(state["zeros"]), float(state["total"])
        self.rewards.load_state_dict(state["rewards"])
        self.distances.load_state_dict(state["distances"])
