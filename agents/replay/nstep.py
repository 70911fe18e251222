"""Returns over several steps, from a ring of transitions in which those of an episode lie side by side."""

import numpy as np


def returns(
    reward: np.ndarray, valid: np.ndarray, envs: np.ndarray, slots: np.ndarray, n_steps: int, gamma: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Discounted sums of up to ``n_steps`` rewards, fewer where the episode, or what is known of it, ends before.

    Args:
        reward: (n_envs, size) float32.
        valid: (n_envs, size) bool, a transition starts here; False behind the last one of an episode and behind the newest.
        envs: (batch,) environments.
        slots: (batch,) of the first transitions.
        n_steps: most rewards in a sum.
        gamma: discount.

    Returns:
        the sums (batch,) float32, the slots of the last transitions (batch,), and ``gamma`` to the number of rewards (batch,)
        float32, the discount of the value that follows.
    """
    window = (slots[:, None] + np.arange(n_steps)) % reward.shape[1]
    inside = np.logical_and.accumulate(valid[envs[:, None], window], axis=1)
    count = inside.sum(axis=1)
    sums = (reward[envs[:, None], window].astype(np.float64) * inside * gamma ** np.arange(n_steps)).sum(axis=1)
    last = window[np.arange(len(slots)), count - 1]
    return sums.astype(np.float32), last, (gamma**count).astype(np.float32)
