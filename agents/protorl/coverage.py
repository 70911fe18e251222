"""State coverage: how much of the world an agent has visited, against a random policy with the same number of steps.

Measured on the physical state of the world (privileged: no agent sees it), since intrinsic rewards of different runs
live in different embeddings and cannot be compared.
"""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from papergym.agents.checkpoint.state import State


def physical_features(env: gym.Env) -> np.ndarray:
    """Flat float32 features of the world behind ``env``: the observation of a dm_control task, which leaves out where it is.

    Raises:
        TypeError: the world is not a dm_control task of papergym.
    """
    from papergym.envs.dmc.env import DmControlEnv  # loads the simulator

    world: Any = env.unwrapped
    if not isinstance(world, DmControlEnv):
        raise TypeError(f"{world} is not a dm_control task, so its coverage cannot be measured. Set record_visits=False.")
    return world.state_vector()


class Visits:
    """Physical features of every step of a run."""

    def __init__(self) -> None:
        self.rows: list[np.ndarray] = []

    def record(self, venv: VecEnv) -> None:
        """Take in the present state of each environment."""
        base = venv.unwrapped
        if not isinstance(base, DummyVecEnv):
            raise TypeError(
                f"coverage reads the worlds in this process, not in {type(base).__name__}. Set record_visits=False."
            )
        self.rows.extend(physical_features(env) for env in base.envs)

    def array(self) -> np.ndarray:
        """(steps, features) float32."""
        return np.stack(self.rows) if self.rows else np.zeros((0, 0), np.float32)

    def state_dict(self) -> State:
        """Everything recorded."""
        return {"rows": self.array()}

    def load_state_dict(self, state: State) -> None:
        """Inverse of :meth:`state_dict`."""
        self.rows = list(np.array(state["rows"]))


def random_visits(make: Callable[[], gym.Env], steps: int, seed: int) -> np.ndarray:
    """(steps, features) of uniformly random actions in ``make()``."""
    env = make()
    env.action_space.seed(seed)
    env.reset(seed=seed)
    rows = []
    for _ in range(steps):
        *_, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()
        rows.append(physical_features(env))
    env.close()
    return np.stack(rows)


def occupied_cells(features: np.ndarray, reference: np.ndarray, width: float = 0.5) -> float:
    """Occupied cells of a grid, averaged over all pairs of features.

    In the full space nearly every step is in a new cell, so the cells of two features at a time are counted.

    Args:
        features: (steps, n) visited.
        reference: (m, n) whose standard deviations set the scale; the grid has no border.
        width: of a cell, in standard deviations of the reference.
    """
    scale = reference.std(axis=0)
    keep = scale > 1e-6
    cells = np.floor((features[:, keep] - reference[:, keep].mean(axis=0)) / scale[keep] / width).astype(np.int64)
    cells -= cells.min(axis=0)
    span, count = int(cells.max()) + 1, cells.shape[1]
    counts = [len(np.unique(cells[:, i] * span + cells[:, j])) for i in range(count) for j in range(i)]
    return float(np.mean(counts))


def particle_entropy(features: np.ndarray, reference: np.ndarray, k: int = 12, particles: int = 2000) -> float:
    """Mean log distance to the k-th nearest neighbour among evenly spaced steps, in standard deviations of ``reference``.

    Up to constants of n, k and ``particles``, the entropy per dimension in nats of the visited states (Kozachenko-Leonenko).
    """
    from scipy.spatial import KDTree

    scale = reference.std(axis=0)
    keep = scale > 1e-6
    picked = features[np.linspace(0, len(features) - 1, min(particles, len(features))).astype(int)][:, keep] / scale[keep]
    distance = KDTree(picked).query(picked, k=k + 1)[0][:, -1]
    return float(np.log(np.maximum(distance, 1e-6)).mean())


def coverage(visited: np.ndarray, baseline: np.ndarray) -> dict[str, float]:
    """Both measures for an agent and for a random policy of as many steps; a ratio above 1 means that more was covered.

    Args:
        visited: (steps, n) of the agent.
        baseline: (m, n) of the random policy, m >= steps; it also sets the scales.
    """
    baseline = baseline[: len(visited)]
    cells, random_cells = occupied_cells(visited, baseline), occupied_cells(baseline, baseline)
    return {
        "coverage_cells": cells,
        "coverage_cells_random": random_cells,
        "coverage_ratio": cells / random_cells,
        "coverage_entropy": particle_entropy(visited, baseline),
        "coverage_entropy_random": particle_entropy(baseline, baseline),
    }
