"""One update of implicit Q-learning by autograd, on the losses of :mod:`papergym.agents.iql.losses`."""

import torch
from stable_baselines3.common.utils import polyak_update

from papergym.agents.iql import losses
from papergym.agents.iql.config import Config
from papergym.agents.iql.networks import Networks
from papergym.agents.offline.losses import bellman_target, critic_loss, descend
from papergym.agents.offline.transitions import Batch


class Update:
    """The step that moves the networks."""

    def __init__(self, networks: Networks, config: Config) -> None:
        self.networks, self.config = networks, config

    def __call__(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Value, actor, critics, targets: the order of the official code (the paper updates the actor after all values).

        Returns:
            ``loss`` of the critics, ``value_loss``, ``actor_loss``, ``q_value``, the mean on the data, and ``weight``, the
            mean weight of the cloned actions.
        """
        net, config = self.networks, self.config
        policy = net.policy
        with torch.no_grad():
            target_q = torch.stack(policy.critic_target(batch.observations, batch.actions))
        value_loss = losses.value_loss(net.value(batch.observations), target_q, config.expectile)
        descend(net.value_optimizer, value_loss)

        with torch.no_grad():
            weights = losses.advantage_weights(target_q, net.value(batch.observations), config.beta, config.largest_weight)
            target = bellman_target(batch.rewards, batch.dones, config.gamma, net.value(batch.next_observations))
        log_prob = losses.log_density(batch.actions, policy.actor(batch.observations), net.spread())
        actor_loss = losses.actor_loss(log_prob, weights)
        descend(net.actor_optimizer, actor_loss)

        q_values = torch.stack(policy.critic(batch.observations, batch.actions))
        loss = critic_loss(q_values, target)
        descend(net.critic_optimizer, loss)
        polyak_update(policy.critic.parameters(), policy.critic_target.parameters(), config.tau)
        found = {"loss": loss, "value_loss": value_loss, "actor_loss": actor_loss, "q_value": q_values.mean()}
        return {**{name: value.detach() for name, value in found.items()}, "weight": weights.mean()}
