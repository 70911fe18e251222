"""Conservative Q-learning for discrete actions, on Double DQN: by autograd, and with explicit gradients."""

from collections.abc import Mapping

import torch
from stable_baselines3.common.utils import polyak_update
from stable_baselines3.dqn.policies import DQNPolicy

from papergym.agents.cql import losses
from papergym.agents.cql.config import Config
from papergym.agents.fast.fused_adam import FusedAdam
from papergym.agents.fast.stacked_mlp import StackedMLP, linear_layers
from papergym.agents.offline.losses import bellman_target, descend
from papergym.agents.offline.transitions import Batch


class DiscreteUpdate:
    """The step that moves the Q-network and its target, by autograd."""

    def __init__(self, policy: DQNPolicy, config: Config) -> None:
        self.policy, self.config = policy, config

    def parts(self) -> Mapping[str, torch.nn.Module | torch.optim.Optimizer]:
        """Policy with its target, and optimizer."""
        return {"policy": self.policy, "optimizer": self.policy.optimizer}

    def __call__(self, batch: Batch, generator: torch.Generator, done: int) -> dict[str, torch.Tensor]:
        """One update.

        Returns:
            ``loss``; ``conservative_loss``, its part of that name before the weight; ``q_value``, the mean on the data.
        """
        policy, config = self.policy, self.config
        with torch.no_grad():
            next_q, next_target_q = policy.q_net(batch.next_observations), policy.q_net_target(batch.next_observations)
            next_value = losses.double_q_value(next_q, next_target_q)
            target = bellman_target(batch.rewards, batch.dones, config.gamma, next_value)
        q_values = policy.q_net(batch.observations)
        conservative = losses.discrete_conservative_loss(q_values, batch.actions)
        loss = losses.td_loss(q_values, batch.actions, target) + config.weight * conservative
        descend(policy.optimizer, loss)
        polyak_update(policy.q_net.parameters(), policy.q_net_target.parameters(), config.tau)
        data_q = q_values.detach().gather(1, batch.actions)
        return {"loss": loss.detach(), "conservative_loss": conservative.detach(), "q_value": data_q.mean()}


class FastDiscreteUpdate(DiscreteUpdate):
    """The numbers of :class:`DiscreteUpdate` for an MLP on flat observations, with explicit gradients and fused Adam."""

    def __init__(self, policy: DQNPolicy, config: Config) -> None:
        super().__init__(policy, config)
        self.network, self.target = (StackedMLP([linear_layers(net.q_net)]) for net in (policy.q_net, policy.q_net_target))
        self._adam = FusedAdam(policy.optimizer, self.network.parameters, self.network.gradients)

    @torch.no_grad()
    def __call__(self, batch: Batch, generator: torch.Generator, done: int) -> dict[str, torch.Tensor]:
        """See :class:`DiscreteUpdate`."""
        config, count = self.config, len(batch.rewards)
        both = torch.cat([batch.observations.flatten(1), batch.next_observations.flatten(1)])
        next_target_q = self.target.forward(both[count:])[0]
        q_values, next_q = self.network.forward(both)[0].split(count)
        next_value = losses.double_q_value(next_q, next_target_q)
        target = bellman_target(batch.rewards, batch.dones, config.gamma, next_value)
        conservative = losses.discrete_conservative_loss(q_values, batch.actions)
        loss = losses.td_loss(q_values, batch.actions, target) + config.weight * conservative

        data_q = q_values.gather(1, batch.actions)
        gradient = q_values.softmax(1) * config.weight  # of log sum exp; and of Huber's loss minus Q at the data's action
        gradient.scatter_add_(1, batch.actions, (data_q - target).clamp(-1, 1) - config.weight)
        self.network.backward((gradient / count)[None], rows=count)
        self._adam.step()
        torch._foreach_lerp_(self.target.tensors, self.network.tensors, config.tau)
        return {"loss": loss, "conservative_loss": conservative, "q_value": data_q.mean()}
