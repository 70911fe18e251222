"""The state-value network of the first version of SAC (1801.01290, section 4.2)."""

import copy

import torch
from stable_baselines3.common.torch_layers import create_mlp
from stable_baselines3.sac.policies import SACPolicy
from torch import nn


class ValueNetwork(nn.Module):
    """V(s), its target and its optimiser, on flat observations; as wide as the critics of ``policy``."""

    def __init__(self, policy: SACPolicy, learning_rate: float) -> None:
        super().__init__()
        arch = policy.critic_kwargs["net_arch"]
        width = policy.critic.features_extractor.features_dim
        self.network = nn.Sequential(*create_mlp(width, 1, arch, policy.activation_fn))
        self.target = copy.deepcopy(self.network).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=learning_rate)

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        """V(s), (batch, 1), of observations (batch, ...)."""
        return self.network(self._flat(obs))

    def target_value(self, obs: torch.Tensor) -> torch.Tensor:
        """V(s) of the target network, (batch, 1)."""
        return self.target(self._flat(obs))

    def move_target(self, tau: float) -> None:
        """Move the target's parameters by ``tau`` towards the network's."""
        with torch.no_grad():
            torch._foreach_lerp_(list(self.target.parameters()), list(self.network.parameters()), tau)

    def _flat(self, obs: torch.Tensor) -> torch.Tensor:
        return obs.flatten(1).to(next(self.network.parameters()).dtype)
