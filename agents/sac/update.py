"""One update of SAC (arXiv 1812.05905, algorithm 1) by autograd, on the losses of :mod:`papergym.agents.sac.losses`."""

from typing import Any

import torch
from stable_baselines3.common.preprocessing import get_action_dim
from stable_baselines3.common.utils import get_parameters_by_name, polyak_update
from stable_baselines3.sac.policies import SACPolicy

from papergym.agents.sac import losses
from papergym.agents.sac.value import ValueNetwork


class Update:
    """Networks, optimisers and temperature of one agent, and the step that moves them.

    Args:
        policy: stable-baselines3's, without gSDE; actor, critics and target critics are its own.
        gamma: discount of one-step transitions.
        value: the state-value network of the first version, or None.
        follows: what the actor climbs, a key of :data:`papergym.agents.sac.losses.FOLLOWED`.
    """

    def __init__(self, policy: SACPolicy, gamma: float, value: ValueNetwork | None = None, follows: str = "min") -> None:
        self.policy, self.gamma, self.value, self.follows = policy, gamma, value, follows
        self.temperature = 0.0
        """Fixed temperature, used unless :meth:`learn_temperature` was called."""
        self._temperature_optimizer: torch.optim.Optimizer | None = None

    def learn_temperature(self, log_temperature: torch.Tensor, optimizer: torch.optim.Optimizer, target_entropy: float) -> None:
        """Learn the temperature by its dual loss instead of keeping ``self.temperature``."""
        self._log_temperature, self._target_entropy = log_temperature, target_entropy
        self._temperature_optimizer = optimizer

    def __call__(self, batch: Any, generator: torch.Generator) -> tuple[dict[str, float], torch.Tensor]:
        """Temperature, critics, value network if there is one, then actor.

        Args:
            batch: what the replay buffer sampled; its field ``weights``, (batch, 1), if it has one, weighs the critics.
            generator: of the Gaussian noise, on the networks' device.

        Returns:
            Losses by name, and the absolute TD error of each transition, (batch, 1), averaged over the critics.
        """
        policy = self.policy
        policy.set_training_mode(True)
        size = 2 * len(batch.rewards), get_action_dim(policy.action_space)
        noise, next_noise = torch.randn(size, generator=generator, device=batch.rewards.device).chunk(2)

        action, log_prob = self._act(batch.observations, noise)
        found, temperature = self._update_temperature(log_prob)
        target = self._target(batch, next_noise, temperature)
        q_values = torch.stack(policy.critic(batch.observations, batch.actions))  # (critics, batch, 1)
        loss = losses.critic_loss(q_values, target, getattr(batch, "weights", None))
        found["critic_loss"] = step(policy.critic.optimizer, loss)

        q_values_of_policy = torch.stack(policy.critic(batch.observations, action))
        if self.value is not None:
            soft_value = losses.soft_value(q_values_of_policy, log_prob, temperature)
            loss = losses.value_loss(self.value(batch.observations), soft_value)
            found["value_loss"] = step(self.value.optimizer, loss)
        loss = losses.actor_loss(q_values_of_policy, log_prob, temperature, self.follows)
        found["actor_loss"] = step(policy.actor.optimizer, loss)
        return found, (q_values.detach() - target).abs().mean(0)

    def _act(self, observations: Any, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_std, _ = self.policy.actor.get_action_dist_params(observations)
        return losses.squashed_gaussian(mean, log_std, noise)

    def _update_temperature(self, log_prob: torch.Tensor) -> tuple[dict[str, float], float]:
        """Step on the temperature's loss; the other losses use the temperature before it, as stable-baselines3's do."""
        if self._temperature_optimizer is None:
            return {"ent_coef": self.temperature}, self.temperature
        temperature = self._log_temperature.exp().item()
        loss = losses.temperature_loss(self._log_temperature, log_prob, self._target_entropy)
        found = {"ent_coef": temperature, "ent_coef_loss": step(self._temperature_optimizer, loss)}
        losses.bound_temperature(self._log_temperature)
        return found, temperature

    @torch.no_grad()
    def _target(self, batch: Any, noise: torch.Tensor, temperature: float) -> torch.Tensor:
        if self.value is not None:
            next_value = self.value.target_value(batch.next_observations)
        else:
            action, log_prob = self._act(batch.next_observations, noise)
            q_values = torch.stack(self.policy.critic_target(batch.next_observations, action))
            next_value = losses.soft_value(q_values, log_prob, temperature)
        discount = self.gamma if batch.discounts is None else batch.discounts  # gamma^n of n-step returns
        return losses.critic_target(batch.rewards, batch.dones, discount, next_value)

    def move_targets(self, tau: float) -> None:
        """Move the targets by ``tau`` towards what they follow; running statistics of batch norms are copied."""
        if self.value is not None:
            self.value.move_target(tau)
            return
        critic, target = self.policy.critic, self.policy.critic_target
        polyak_update(critic.parameters(), target.parameters(), tau)
        polyak_update(get_parameters_by_name(critic, ["running_"]), get_parameters_by_name(target, ["running_"]), 1.0)


def step(optimizer: Any, loss: torch.Tensor) -> float:
    """One step of ``optimizer`` down the gradient of ``loss``; the loss as a number."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
