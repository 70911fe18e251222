"""One update of TD3+BC by autograd, on the losses of :mod:`papergym.agents.td3bc.losses`."""

import torch
from stable_baselines3.common.utils import polyak_update
from stable_baselines3.td3.policies import TD3Policy

from papergym.agents.offline.losses import bellman_target, critic_loss, descend
from papergym.agents.offline.transitions import Batch
from papergym.agents.td3bc import losses
from papergym.agents.td3bc.config import Config


class Update:
    """The step that moves the networks of ``policy``."""

    def __init__(self, policy: TD3Policy, config: Config) -> None:
        self.policy, self.config = policy, config

    def __call__(self, batch: Batch, noise: torch.Tensor, *, move_actor: bool) -> dict[str, torch.Tensor]:
        """Critics, and every ``policy_delay``-th time actor and targets.

        Args:
            batch: transitions.
            noise: for the target's actions, standard normal, ``(batch, action_dim)``.
            move_actor: whether it is such a time.

        Returns:
            ``loss`` of the critics and ``q_value``, their mean on the data.
        """
        policy, config = self.policy, self.config
        with torch.no_grad():
            next_action = policy.actor_target(batch.next_observations)
            next_action = losses.smoothed_action(next_action, noise, config.policy_noise, config.noise_clip)
            next_q = torch.stack(policy.critic_target(batch.next_observations, next_action))
            target = bellman_target(batch.rewards, batch.dones, config.gamma, next_q.amin(0))
        q_values = torch.stack(policy.critic(batch.observations, batch.actions))
        loss = critic_loss(q_values, target)
        descend(policy.critic.optimizer, loss)
        if move_actor:
            self._move_actor(batch)
        return {"loss": loss.detach(), "q_value": q_values.detach().mean()}

    def _move_actor(self, batch: Batch) -> None:
        policy, config = self.policy, self.config
        actions = policy.actor(batch.observations)
        q_values = policy.critic.q1_forward(batch.observations, actions)
        loss = losses.actor_loss(q_values, actions, batch.actions, config.alpha)
        descend(policy.actor.optimizer, loss)
        polyak_update(policy.critic.parameters(), policy.critic_target.parameters(), config.tau)
        polyak_update(policy.actor.parameters(), policy.actor_target.parameters(), config.tau)
