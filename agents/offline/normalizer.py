"""Normalization of observations by the mean and standard deviation of a dataset, and its place inside a saved policy."""

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import is_image_space
from torch import nn

from papergym.agents.data.dataset import Dataset


class ObservationNormalizer(nn.Module):
    """(observation - mean) / (std + epsilon); images and Discrete observations stay as they are.

    Args:
        space: of the observations.
        enabled: False leaves every observation as it is.
        epsilon: added to the standard deviation.

    Attributes:
        mean, scale: buffers of the observation's shape; the state of the module.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, space: spaces.Space, *, enabled: bool, epsilon: float = 1e-3) -> None:
        super().__init__()
        self.enabled = enabled and isinstance(space, spaces.Box) and not is_image_space(space)
        self.to_float = isinstance(space, spaces.Box) and not is_image_space(space)
        self.epsilon = epsilon
        shape = (space.shape or ()) if self.enabled else ()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("scale", torch.ones(shape))

    def fit(self, data: Dataset) -> None:
        """Take mean and standard deviation from all observations of the dataset."""
        if self.enabled:
            mean, std = data.state_statistics()
            self.mean.copy_(torch.from_numpy(mean))
            self.scale.copy_(torch.from_numpy(std + np.float32(self.epsilon)))

    def normalize(self, observations: Any) -> np.ndarray:
        """Observations ``(n, ...)`` as the networks take them: float32, or as they are for images and Discrete ones."""
        if not self.to_float:
            return np.asarray(observations)
        observations = np.asarray(observations, np.float32)
        return (observations - self.mean.cpu().numpy()) / self.scale.cpu().numpy() if self.enabled else observations

    def inside(self, policy: BasePolicy) -> BasePolicy:
        """A copy of ``policy`` that takes raw observations: the normalization is part of its first layers.

        W (s - mean) / scale + b = (W / scale) s + (b - W mean / scale), so plain stable-baselines3 loads and runs it; the
        actions are the same up to rounding.
        """
        policy = copy.deepcopy(policy)
        if self.enabled:
            with torch.no_grad():
                for layer in _first_layers(policy):
                    self._fold(layer)
        return policy

    def _fold(self, layer: nn.Linear) -> None:
        """The columns of the observation come first; those of a critic's action follow."""
        columns = layer.weight[:, : self.mean.numel()]
        scaled = columns.double() / self.scale.double().flatten()
        layer.bias.sub_((scaled @ self.mean.double().flatten()).to(layer.bias.dtype))
        columns.copy_(scaled)


def _first_layers(policy: BasePolicy) -> Iterable[nn.Linear]:
    """First layer of every MLP of SB3's TD3, SAC and DQN policies; each has at least one hidden layer."""
    for module in policy.modules():
        first = next(iter(module), None) if isinstance(module, nn.Sequential) else None
        if isinstance(first, nn.Linear):
            yield first
