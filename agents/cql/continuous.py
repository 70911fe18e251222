"""Conservative Q-learning for continuous actions, on SAC, by autograd.

Nearly all of its time goes into the critics' matrix products over all sampled actions; explicit gradients gain nothing there.
The actor is run once per state, and its actions differ by their noise.
"""

from collections.abc import Mapping

import torch
from stable_baselines3.common.preprocessing import get_action_dim
from stable_baselines3.common.utils import polyak_update
from stable_baselines3.sac.policies import SACPolicy
from torch import nn

from papergym.agents.cql import losses
from papergym.agents.cql.config import Config
from papergym.agents.cql.sampling import action_density, log_density, sampled_actions
from papergym.agents.offline.losses import bellman_target, critic_loss, descend
from papergym.agents.offline.transitions import Batch


class Temperature(nn.Module):
    """SAC's temperature, learned; the state of the module is its logarithm."""

    def __init__(self) -> None:
        super().__init__()
        self.log = nn.Parameter(torch.zeros(1))


class ContinuousUpdate:
    """The step that moves the networks of ``policy``, by autograd."""

    def __init__(self, policy: SACPolicy, config: Config) -> None:
        self.policy, self.config = policy, config
        self.action_dim = get_action_dim(policy.action_space)
        self.temperature = Temperature().to(policy.device)
        self.temperature_optimizer = torch.optim.Adam(self.temperature.parameters(), lr=config.policy_learning_rate)
        policy.actor.optimizer.param_groups[0]["lr"] = config.policy_learning_rate

    def parts(self) -> Mapping[str, torch.nn.Module | torch.optim.Optimizer]:
        """Policy with its targets, temperature, and optimizers."""
        return {
            "policy": self.policy,
            "actor_optimizer": self.policy.actor.optimizer,
            "critic_optimizer": self.policy.critic.optimizer,
            "temperature": self.temperature,
            "temperature_optimizer": self.temperature_optimizer,
        }

    def __call__(self, batch: Batch, generator: torch.Generator, done: int) -> dict[str, torch.Tensor]:
        """Critics, actor, temperature, targets; the losses use the temperature before the update.

        Args:
            batch: transitions.
            generator: of the sampled actions.
            done: updates before this one.

        Returns:
            ``loss`` of the critics; ``conservative_loss``, its part of that name before the weight; ``q_value``, the mean on
            the data; ``temperature``, before the update.
        """
        temperature = self.temperature.log.detach().exp()
        noise = torch.randn(len(batch.rewards), self.action_dim, generator=generator, device=self.policy.device)
        next_noise = torch.randn(noise.shape, generator=generator, device=self.policy.device)
        found = self._move_critics(batch, next_noise, generator)
        log_prob = self._move_actor(batch, noise, temperature, cloning=done < self.config.cloning_updates)
        descend(self.temperature_optimizer, losses.temperature_loss(self.temperature.log, log_prob, -self.action_dim))
        polyak_update(self.policy.critic.parameters(), self.policy.critic_target.parameters(), self.config.tau)
        return {**found, "temperature": temperature.squeeze()}

    def _move_critics(self, batch: Batch, noise: torch.Tensor, generator: torch.Generator) -> dict[str, torch.Tensor]:
        policy, config = self.policy, self.config
        with torch.no_grad():
            get = policy.actor.get_action_dist_params
            law, next_law = get(batch.observations)[:2], get(batch.next_observations)[:2]
            next_action, _ = action_density(*next_law, noise)
            next_q = torch.stack(policy.critic_target(batch.next_observations, next_action))
            target = bellman_target(batch.rewards, batch.dones, config.gamma, next_q.amin(0))
            actions, density = sampled_actions(law, next_law, config.sampled_actions, generator)
        data_q = torch.stack(policy.critic(batch.observations, batch.actions))
        repeated = batch.observations.repeat_interleave(actions.shape[1], 0)
        sampled_q = torch.stack(policy.critic(repeated, actions.flatten(0, 1))).view(len(data_q), *density.shape)
        conservative = losses.conservative_loss(sampled_q, density, data_q)
        loss = critic_loss(data_q, target) + config.weight * conservative
        descend(policy.critic.optimizer, loss)
        return {"loss": loss.detach(), "conservative_loss": conservative.detach(), "q_value": data_q.detach().mean()}

    def _move_actor(self, batch: Batch, noise: torch.Tensor, temperature: torch.Tensor, *, cloning: bool) -> torch.Tensor:
        """One step; the log-density of the actor's action before it, ``(batch, 1)``."""
        policy = self.policy
        mean, log_std, _ = policy.actor.get_action_dist_params(batch.observations)
        action, log_prob = action_density(mean, log_std, noise)
        if cloning:
            score = log_density(mean, log_std, batch.actions)
        else:
            score = torch.stack(policy.critic(batch.observations, action)).amin(0)
        loss = losses.actor_loss(score, log_prob, temperature)
        descend(policy.actor.optimizer, loss)
        return log_prob
