"""Policy of soft Q-learning: one critic and a network that turns noise into actions."""

from typing import Any

import torch
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import get_action_dim
from stable_baselines3.common.torch_layers import create_mlp
from stable_baselines3.sac.policies import SACPolicy
from torch import nn

PARTICLES = 32
"""Samples among which a deterministic action is the one of the highest Q."""


class Sampler(BasePolicy):
    """Actions tanh(f(observation, noise)), the noise standard normal and as long as an action."""

    def __init__(self, *args: Any, net_arch: list[int], activation_fn: type[nn.Module], features_dim: int, **kwargs: Any):
        super().__init__(*args, squash_output=True, **kwargs)
        self.noise_dim = get_action_dim(self.action_space)
        self.network = nn.Sequential(*create_mlp(features_dim + self.noise_dim, self.noise_dim, net_arch, activation_fn))
        self.generator: torch.Generator | None = None

    def particles(self, obs: Any, count: int) -> torch.Tensor:
        """Samples before the tanh, ``(batch, count, action_dim)``."""
        features = self.extract_features(obs, self.features_extractor)
        shape = (len(features), count, self.noise_dim)
        noise = torch.randn(shape, generator=self.generator, device=features.device)
        return self.network(torch.cat([features[:, None].expand(-1, count, -1), noise], -1))

    def forward(self, obs: Any, deterministic: bool = False) -> torch.Tensor:
        """One sample per observation, ``(batch, action_dim)``; see :class:`SQLPolicy` for deterministic ones."""
        return torch.tanh(self.particles(obs, 1)[:, 0])

    def _predict(self, observation: Any, deterministic: bool = False) -> torch.Tensor:
        return self(observation, deterministic)


class SQLPolicy(SACPolicy):
    """Sampler as actor, one critic; the deterministic action is the best of 32 samples under the critic."""

    def make_actor(self, features_extractor: Any = None) -> Any:
        """The sampling network."""
        kwargs = self._update_features_extractor(self.net_args, features_extractor)
        return Sampler(**kwargs).to(self.device)

    def _predict(self, observation: Any, deterministic: bool = False) -> torch.Tensor:
        if not deterministic:
            return self.actor(observation)
        actions = torch.tanh(self.actor.particles(observation, PARTICLES))  # pyright: ignore[reportCallIssue]
        best = q_of(self.critic, observation, actions).argmax(1)
        return actions[torch.arange(len(actions)), best]


def q_of(critic: Any, obs: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    """The critic's Q / alpha of several actions per observation: ``(batch, n)`` for actions ``(batch, n, action_dim)``."""
    batch, count, size = actions.shape
    repeated = obs[:, None].expand(-1, count, *obs.shape[1:]).reshape(batch * count, *obs.shape[1:])
    return critic(repeated, actions.reshape(batch * count, size))[0].view(batch, count)
