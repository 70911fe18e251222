"""The update of implicit Q-learning with explicit gradients: the numbers of :class:`papergym.agents.iql.update.Update`."""

import torch

from papergym.agents.fast.fused_adam import FusedAdam
from papergym.agents.fast.stacked_mlp import StackedMLP, linear_layers
from papergym.agents.iql import losses
from papergym.agents.iql.config import Config
from papergym.agents.iql.networks import LOG_STD_MAX, LOG_STD_MIN, Networks
from papergym.agents.offline.losses import bellman_target, critic_loss
from papergym.agents.offline.transitions import Batch


class FastUpdate:
    """The step that moves the networks, whose modules share the memory of this object.

    Against autograd it runs both critics as one batched MLP and the values of both observations in one pass, and steps with
    fused Adam.

    Args:
        networks: MLPs on flat observations.
        config: settings.
    """

    def __init__(self, networks: Networks, config: Config) -> None:
        self.config, self.log_std = config, networks.spread.log_std
        policy = networks.policy
        self.value, self.actor = StackedMLP([linear_layers(networks.value.v_net)]), StackedMLP([linear_layers(policy.actor.mu)])
        self.critics, self.target_critics = (
            StackedMLP([linear_layers(q) for q in net.q_networks]) for net in (policy.critic, policy.critic_target)
        )
        self._log_std_gradient = torch.zeros_like(self.log_std)
        self._value_adam = FusedAdam(networks.value_optimizer, self.value.parameters, self.value.gradients)
        self._critic_adam = FusedAdam(networks.critic_optimizer, self.critics.parameters, self.critics.gradients)
        self._actor_adam = FusedAdam(
            networks.actor_optimizer,
            [*self.actor.parameters, self.log_std],
            [*self.actor.gradients, self._log_std_gradient],
        )

    @torch.no_grad()
    def __call__(self, batch: Batch) -> dict[str, torch.Tensor]:
        """See :class:`papergym.agents.iql.update.Update`."""
        config, obs = self.config, batch.observations.flatten(1)
        pairs = torch.cat([obs, batch.actions], 1)
        target_q = self.target_critics.forward(pairs)
        value_loss = self._move_value(obs, target_q)
        values = self.value.forward(torch.cat([obs, batch.next_observations.flatten(1)]))[0]
        weights = losses.advantage_weights(target_q, values[: len(obs)], config.beta, config.largest_weight)
        actor_loss = self._move_actor(obs, batch.actions, weights)

        target = bellman_target(batch.rewards, batch.dones, config.gamma, values[len(obs) :])
        q_values = self.critics.forward(pairs)
        self.critics.backward((q_values - target) * (2 / len(obs)))
        self._critic_adam.step()
        torch._foreach_lerp_(self.target_critics.tensors, self.critics.tensors, config.tau)
        found = {"loss": critic_loss(q_values, target), "value_loss": value_loss, "actor_loss": actor_loss}
        return {**found, "q_value": q_values.mean(), "weight": weights.mean()}

    def _move_value(self, obs: torch.Tensor, target_q: torch.Tensor) -> torch.Tensor:
        values = self.value.forward(obs)[0]
        gap = target_q.amin(0) - values
        slope = torch.where(gap < 0, 1 - self.config.expectile, self.config.expectile)
        self.value.backward((slope * gap * (-2 / len(obs)))[None])
        self._value_adam.step()
        return (slope * gap.square()).mean()

    def _move_actor(self, obs: torch.Tensor, actions: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        mean, log_std = torch.tanh(self.actor.forward(obs)[0]), self.log_std.clamp(LOG_STD_MIN, LOG_STD_MAX)
        loss = losses.actor_loss(losses.log_density(actions, mean, log_std), weights)
        z, scale = (actions - mean) / log_std.exp(), weights / len(obs)
        self.actor.backward((-scale * z / log_std.exp() * (1 - mean.square()))[None])  # through the tanh
        inside = (self.log_std >= LOG_STD_MIN) & (self.log_std <= LOG_STD_MAX)
        self._log_std_gradient.copy_((scale * (1 - z.square())).sum(0) * inside)
        self._actor_adam.step()
        return loss
