"""A dataset's transitions as tensors, in the form in which SB3's policies take them."""

from typing import NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy

from papergym.agents.data.dataset import Dataset
from papergym.agents.errors import UsageError
from papergym.agents.offline.normalizer import ObservationNormalizer


class Batch(NamedTuple):
    """Transitions.

    Attributes:
        observations, next_observations: ``(batch, ...)``, normalized where the agent normalizes.
        actions: ``(batch, action_dim)`` float32 in [-1, 1], or ``(batch, 1)`` int64.
        rewards: ``(batch, 1)``, as the agent scales them.
        dones: ``(batch, 1)`` float32; 1 where the task ended, 0 at a time limit.
    """

    observations: torch.Tensor
    actions: torch.Tensor
    rewards: torch.Tensor
    next_observations: torch.Tensor
    dones: torch.Tensor


def check_discrete(observation_space: spaces.Space, action_space: spaces.Space) -> None:
    """Raise UsageError for Discrete spaces whose numbers SB3's policies would not count from 0."""
    for what, space in (("observations", observation_space), ("actions", action_space)):
        if isinstance(space, spaces.Discrete) and space.start != 0:
            raise UsageError(f"{what}: expected a Discrete space that starts at 0, got {space}. Wrap the environment.")


def check_spaces(observation_space: spaces.Space, action_space: spaces.Space) -> None:
    """Raise UsageError for spaces that SB3's policies with a squashed actor do not take."""
    check_discrete(observation_space, action_space)
    if isinstance(action_space, spaces.Box) and not action_space.is_bounded():
        raise UsageError(f"actions: expected a bounded Box, got {action_space}. Wrap the environment in RescaleAction.")


class Transitions:
    """All transitions of a dataset, on the device of the networks.

    Args:
        data: the dataset.
        policy: scales the actions to [-1, 1].
        normalizer: of the observations, fitted.
        rewards: ``(n,)`` in place of the dataset's own; None for those.
    """

    def __init__(
        self, data: Dataset, policy: BasePolicy, normalizer: ObservationNormalizer, rewards: np.ndarray | None = None
    ) -> None:
        actions = data.actions
        if isinstance(policy.action_space, spaces.Box):
            actions = policy.scale_action(actions.astype(np.float32)).reshape(len(data), -1)
        else:
            actions = actions.reshape(len(data), 1).astype(np.int64)
        columns = (
            normalizer.normalize(data.observations),
            actions,
            np.asarray(data.rewards if rewards is None else rewards, np.float32)[:, None],
            normalizer.normalize(data.next_observations),
            data.terminated.astype(np.float32)[:, None],
        )
        self._columns = [torch.as_tensor(column, device=policy.device) for column in columns]

    def sample(self, generator: np.random.Generator, count: int) -> Batch:
        """``count`` transitions, drawn uniformly with replacement."""
        rows = torch.from_numpy(generator.integers(len(self._columns[0]), size=count)).to(self._columns[0].device)
        return Batch(*(column.index_select(0, rows) for column in self._columns))
