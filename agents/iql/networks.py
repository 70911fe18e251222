"""What implicit Q-learning has beside SB3's TD3 policy: a state-value network, and the spread of the actor's Gaussian."""

from typing import Any

import torch
from stable_baselines3.common.policies import BaseModel
from stable_baselines3.common.torch_layers import create_mlp
from torch import nn

LOG_STD_MIN, LOG_STD_MAX = -5.0, 2.0
"""Bounds of the log standard deviation, as in the official code."""


class StateValue(BaseModel):
    """V(s), an MLP behind the features extractor that SB3's policies use.

    Args:
        hidden: ReLU units per hidden layer.
        **kwargs: spaces and features extractor, as of SB3's ``BaseModel``.
    """

    def __init__(self, hidden: list[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.features_extractor = self.make_features_extractor()
        self.v_net = nn.Sequential(*create_mlp(self.features_extractor.features_dim, 1, hidden))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Values, ``(batch, 1)``."""
        return self.v_net(self.extract_features(observations, self.features_extractor))


class Spread(nn.Module):
    """Log standard deviation of the actor's Gaussian, the same in every state.

    Args:
        action_dim: its size.
    """

    def __init__(self, action_dim: int) -> None:
        super().__init__()
        self.log_std = nn.Parameter(torch.zeros(action_dim))

    def forward(self) -> torch.Tensor:
        """Within its bounds, ``(action_dim,)``."""
        return self.log_std.clamp(LOG_STD_MIN, LOG_STD_MAX)


class Networks(nn.Module):
    """Everything that is learned.

    Args:
        policy: SB3's TD3 policy: its actor gives the mean of the Gaussian, its critics are the Q-functions.
        value: V(s).
        spread: of the Gaussian.
        learning_rate: Adam's, of every optimizer.
    """

    def __init__(self, policy: Any, value: StateValue, spread: Spread, learning_rate: float) -> None:
        super().__init__()
        self.policy, self.value, self.spread = policy, value, spread
        self.actor_optimizer = torch.optim.Adam([*policy.actor.parameters(), *spread.parameters()], lr=learning_rate)
        self.critic_optimizer = torch.optim.Adam(policy.critic.parameters(), lr=learning_rate)
        self.value_optimizer = torch.optim.Adam(value.parameters(), lr=learning_rate)
