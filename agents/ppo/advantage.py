"""Generalised advantage estimation over fixed-length segments (1707.06347, eq. 10 to 12)."""

import numpy as np


def gae(
    rewards: np.ndarray, values: np.ndarray, next_values: np.ndarray, ends: np.ndarray, gamma: float, lam: float
) -> np.ndarray:
    """Truncated GAE(lambda) of one environment's segment, shape (T,), float64; lambda = 1 is the truncated estimator of eq. 10.

    Args:
        rewards: shape (T,); at a time limit the caller has added gamma * V(last observation).
        values: V(s_t), shape (T,).
        next_values: V after the last step, shape () or (1,).
        ends: True where the episode ended after step t, by termination or time limit, shape (T,).
        gamma: discount.
        lam: lambda.
    """
    last, following = 0.0, float(np.reshape(next_values, -1)[0])
    result = [0.0] * len(rewards)
    steps = zip(range(len(rewards) - 1, -1, -1), rewards[::-1].tolist(), values[::-1].tolist(), ends[::-1].tolist())
    decay = gamma * lam
    for t, reward, value, end in steps:
        if end:
            last = reward - value
        else:
            last = reward + gamma * following - value + decay * last
        following = value
        result[t] = last
    return np.asarray(result)
