"""Soft value iteration on ``SQL-MultiGoal-v0`` in float64: what soft Q-learning should find."""

from functools import cache

import gymnasium as gym
import numpy as np
from scipy.sparse import csr_matrix

from papergym.envs.toys.multi_goal import GOALS, LIMIT, MultiGoal

ENV = "SQL-MultiGoal-v0"


@cache
def soft_values(temperature: float, gamma: float, spacing: float = 0.5, nodes: int = 13) -> tuple[np.ndarray, np.ndarray]:
    """Fixed point of V(s) = alpha log integral exp((r + gamma V(s')) / alpha) da (equations 2 and 3).

    The integral over actions is a Gauss-Legendre rule of ``nodes`` squared points, V between the grid's points is bilinear.

    Args:
        temperature: alpha.
        gamma: discount.
        spacing: of the grid, length units.
        nodes: of the quadrature, per coordinate.

    Returns:
        Coordinates ``(m,)`` of the grid along either axis, and V, ``(m, m)``, indexed by x, then y.
    """
    axis = np.arange(-LIMIT, LIMIT + spacing / 2, spacing)
    states, (actions, weights) = grid(axis), action_rule(nodes)
    reached = np.clip(states[:, None] + actions, -LIMIT, LIMIT)
    rewards, over = outcome(actions, reached)
    follow = _bilinear(axis, reached.reshape(-1, 2))
    values = np.zeros(len(states))
    while True:
        q_values = rewards + gamma * ~over * (follow @ values).reshape(rewards.shape)
        highest = q_values.max(axis=1, keepdims=True)
        update = highest[:, 0] + temperature * np.log(np.exp((q_values - highest) / temperature) @ weights)
        if np.abs(update - values).max() < 1e-6:
            return axis, update.reshape(len(axis), len(axis))
        values = update


def grid(axis: np.ndarray) -> np.ndarray:
    """All points of the square grid over ``axis``, ``(m * m, 2)``, x changing slowest."""
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def action_rule(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Points ``(nodes ** 2, 2)`` and weights of the quadrature over the square of actions."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    return grid(points), np.outer(weights, weights).ravel()


def outcome(actions: np.ndarray, reached: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rewards and whether a goal is reached, of ``actions`` that led to the positions ``reached`` ``(..., 2)``."""
    world = gym.make(ENV, disable_env_checker=True).unwrapped
    assert isinstance(world, MultiGoal)
    distance = np.linalg.norm(reached[..., None, :] - GOALS, axis=-1).min(axis=-1)
    over = distance < world.goal_radius
    cost = world.action_cost * np.square(actions).sum(axis=-1) + world.distance_cost * distance**2
    return world.goal_reward * over - cost, over


def _bilinear(axis: np.ndarray, points: np.ndarray) -> csr_matrix:
    """Matrix that interpolates values on the grid at ``points`` ``(k, 2)``."""
    place = (points - axis[0]) / (axis[1] - axis[0])
    low = np.clip(np.floor(place).astype(np.int64), 0, len(axis) - 2)
    share = place - low
    rows = np.repeat(np.arange(len(points)), 4)
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    columns = (low[:, None] + corners) @ np.array([len(axis), 1])
    parts = np.where(corners, share[:, None], 1 - share[:, None]).prod(axis=-1)
    return csr_matrix((parts.ravel(), (rows, columns.ravel())), shape=(len(points), len(axis) ** 2))
