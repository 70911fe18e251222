"""Where the samples of a finished soft Q-learning run end, and how far its values are from the exact ones."""

from typing import Any

import gymnasium as gym
import numpy as np
import torch

from papergym.agents.sql.algorithm import SQL
from papergym.agents.sql.exact import ENV, action_rule, grid, soft_values
from papergym.agents.sql.policy import q_of

EPISODES = 200
"""Sampled episodes whose ends are counted."""
KEPT_ENDS = 60
"""End points kept for the figure."""
GOAL_NAMES = ("east", "west", "north", "south")
"""Of the goals of the environment, in its order."""
CORE = 4.0
"""Values are compared in the square from -CORE to CORE, outside the goals."""


def numbers(plan: Any, learner: Any, folder: Any) -> dict[str, Any]:
    """Numbers of a finished run.

    Returns:
        ``reached`` and ``east``, ``west``, ``north``, ``south``: shares of 200 sampled episodes that end at any and at each
        goal; ``evenness``: entropy of the four shares in units of log 4; ``value_error``: mean distance of the soft
        values from the exact ones; ``ends``. Nothing for another environment than SQL-MultiGoal-v0.
    """
    if plan.run.env != ENV:
        return {}
    goals, ends = sample_ends(learner.model, plan.run.seed)
    shares = np.bincount(goals[goals >= 0], minlength=4) / EPISODES
    return {
        "reached": float(shares.sum()),
        "evenness": evenness(shares),
        **dict(zip(GOAL_NAMES, shares.tolist())),
        "value_error": value_error(learner.model),
        "ends": " ".join(f"{x:.2f},{y:.2f}" for x, y in ends[:KEPT_ENDS]),
    }


def evenness(shares: np.ndarray) -> float:
    """Entropy of where episodes end, in units of log 4: 1 for four equal shares, 0 for a single goal or none."""
    total = shares.sum()
    parts = shares[shares > 0] / total if total else np.ones(1)
    return float(-(parts * np.log(parts)).sum() / np.log(4)) + 0.0


def sample_ends(model: SQL, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Goals reached (-1: none) and last positions of sampled episodes, ``(200,)`` and ``(200, 2)``."""
    env = gym.make(ENV)
    goals, ends = np.full(EPISODES, -1), np.zeros((EPISODES, 2))
    for episode in range(EPISODES):
        observation, info = env.reset(seed=20_000 + 1000 * seed + episode)
        terminated = truncated = False
        while not (terminated or truncated):
            observation, _, terminated, truncated, info = env.step(model.predict(observation)[0])
        goals[episode], ends[episode] = info["nearest_goal"] if terminated else -1, observation
    return goals, ends


def value_error(model: SQL) -> float:
    """Mean absolute distance of the critic's soft values from the exact ones, over the grid's points outside the goals."""
    axis, exact = soft_values(model.temperature, model.gamma)
    points = grid(axis)
    chosen = np.abs(points).max(axis=1) <= CORE
    actions, weights = action_rule(13)
    obs = torch.tensor(points[chosen], dtype=torch.float32)
    with torch.no_grad():
        q_values = q_of(model.critic, obs, torch.tensor(actions, dtype=torch.float32).expand(len(obs), -1, -1)).double()
    values = model.temperature * (q_values + torch.tensor(weights).log()).logsumexp(1).numpy()
    return float(np.abs(values - exact.ravel()[chosen]).mean())
