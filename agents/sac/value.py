"""The state-value network of the first version of SAC (1801.01290, section 4.2)."""

import copy

import torch
from stable_baselines3.common.torch_layers import create_mlp
from stable_baselines3.sac.policies import SACPolicy
from torch import nn


class ValueNetwork(nn.Module):
    """V(s), its target and its optimiser; as wide as the critics of ``policy``."""

    def __init__(self, policy: SACPolicy, learning_rate: float) -> None:
        super().__init__()
        arch = policy.critic_kwargs["net_arch"]
        width = policy.critic.features_extractor.features_dim
        self.network = nn.Sequential(*create_mlp(width, 1, arch, policy.activation_fn))
        self.target = copy.deepcopy(self.network).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=learning_rate)

    def update(self, obs: torch.Tensor, soft_q: torch.Tensor) -> float:
        """Step on half the squared residual to ``soft_q`` = min Q(s, a) - alpha log pi(a|s), ``(batch, 1)`` (equation 5)."""
        loss = 0.5 * nn.functional.mse_loss(self.network(obs), soft_q)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def move_target(self, tau: float) -> None:
        """Move the target's parameters by ``tau`` towards the network's."""
        with torch.no_grad():
            torch._foreach_lerp_(list(self.target.parameters()), list(self.network.parameters()), tau)
