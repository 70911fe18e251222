"""What a bonus paid lately, recorded at the cost of one array write per step."""

from typing import Any

import numpy as np

RECENT = 1024


class Diagnostics:
    """Counts, sums and the latest rewards; summarised only when asked."""

    def __init__(self) -> None:
        self.count = 0
        self.zeros = 0
        self.total = 0.0
        self._recent = np.zeros(RECENT, np.float32)

    def add(self, rewards: np.ndarray) -> None:
        """Record a batch of rewards, (n,)."""
        if len(rewards) == 1:
            value = float(rewards[0])
            self._recent[self.count % RECENT] = value
            self.count += 1
            self.zeros += value == 0.0
            self.total += value
            return
        self._recent[(self.count + np.arange(len(rewards))) % RECENT] = rewards
        self.count += len(rewards)
        self.zeros += len(rewards) - int(np.count_nonzero(rewards))
        self.total += float(rewards.sum())

    def summary(self) -> dict[str, float]:
        """``rewards``, ``zero_fraction``, ``reward_mean`` and quantiles of the latest 1,024 rewards."""
        if self.count == 0:
            return {"rewards": 0.0}
        recent = self._recent[: min(self.count, RECENT)]
        quantiles = np.quantile(recent, (0.05, 0.5, 0.95))
        named = {f"reward_q{name}": float(value) for name, value in zip(("05", "50", "95"), quantiles)}
        share, mean = self.zeros / self.count, self.total / self.count
        return {"rewards": float(self.count), "zero_fraction": share, "reward_mean": mean, **named}

    def state_dict(self) -> dict[str, Any]:
        """Exact state."""
        return {"count": self.count, "zeros": int(self.zeros), "total": self.total, "recent": self._recent.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.count, self.zeros, self.total = int(state["count"]), int(state["zeros"]), float(state["total"])
        self._recent[:] = state["recent"]
