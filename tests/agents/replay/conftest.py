from collections.abc import Callable

import numpy as np
import pytest
from gymnasium import spaces

from papergym.agents.replay.prioritized import PrioritizedReplayBuffer

OBSERVATIONS = spaces.Box(-np.inf, np.inf, (2,), np.float64)
ACTIONS = spaces.Discrete(4)


@pytest.fixture
def filled() -> Callable[..., PrioritizedReplayBuffer]:
    """Builds a buffer and adds ``steps`` transitions per environment; observation = (running number, environment)."""

    def build(steps: int, size: int, n_envs: int = 1, ends: tuple[int, ...] = (), **kwargs) -> PrioritizedReplayBuffer:
        buffer = PrioritizedReplayBuffer(size, OBSERVATIONS, ACTIONS, device="cpu", n_envs=n_envs, seed=3, **kwargs)
        for step in range(steps):
            extend(buffer, step, step in ends)
        return buffer

    def extend(buffer: PrioritizedReplayBuffer, step: int, end: bool = False) -> None:
        n = buffer.n_envs
        columns = np.arange(n)
        observation = np.stack([np.full(n, step), columns], axis=1)
        buffer.add(
            observation,
            observation + np.array([1, 0]),
            np.full(n, step % 4),
            np.full(n, float(step)),
            np.full(n, end),
            [{}] * n,
        )

    build.extend = extend  # pyright: ignore[reportFunctionMemberAccess]
    return build
