"""A bonus of your own works as a Gymnasium, a vector and a stable-baselines3 wrapper without another line.

Seconds: python examples/own_bonus.py
"""

import argparse
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from papergym.wrappers import add_intrinsic_reward
from papergym.wrappers.intrinsic import Bonus


@dataclass(kw_only=True, eq=False)
class Farthest(Bonus):
    """Pays how much farther from the mean of all observations seen so far a new one is than their mean distance."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.sum, self.distance, self.count = 0.0, 0.0, 0

    def _embed(self, transitions: Any) -> np.ndarray:
        return np.asarray(transitions.next_obs, np.float64).reshape(len(transitions.next_obs), -1)

    def _raw(self, transitions: Any, x: np.ndarray) -> np.ndarray:
        if not self.count:
            return np.zeros(len(x), np.float32)
        away = np.linalg.norm(x - self.sum / self.count, axis=1)
        return np.maximum(away - self.distance / self.count, 0).astype(np.float32)

    def _store(self, transitions: Any, x: np.ndarray) -> None:
        if self.count:
            self.distance += np.linalg.norm(x - self.sum / self.count, axis=1).sum()
        self.sum, self.count = self.sum + x.sum(0), self.count + len(x)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint of the wrapper holds."""
        return {**super().state_dict(), "sum": np.asarray(self.sum), "distance": self.distance, "count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of state_dict."""
        super().load_state_dict(state)
        self.sum, self.distance, self.count = state["sum"], state["distance"], state["count"]


def main(steps: int) -> None:
    """Print what the bonus pays in a vector environment."""
    envs = add_intrinsic_reward(gym.make_vec("Pendulum-v1", num_envs=4, vectorization_mode="sync"), Farthest(), weight=0.1)
    envs.reset(seed=0)
    envs.action_space.seed(0)
    paid = [envs.step(envs.action_space.sample())[4]["reward_intrinsic"].mean() for _ in range(steps)]
    print(f"mean bonus of {steps} steps: {np.mean(paid):.3f}")
    envs.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=500)
    main(parser.parse_args().steps)
