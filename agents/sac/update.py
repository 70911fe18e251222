"""One update of SAC (1812.05905, algorithm 1) with every gradient written out; the arithmetic is stable-baselines3's."""

from typing import Any

import torch
from stable_baselines3.sac.policies import Actor, ContinuousCritic
from torch import nn

from papergym.agents.fast.adam import FusedAdam
from papergym.agents.fast.squashed import SquashedActor
from papergym.agents.fast.stacked import StackedMLP
from papergym.agents.sac.value import ValueNetwork


class Update:
    """Networks, optimisers and temperature of one agent, and the step that moves them.

    Args:
        actor: stable-baselines3's, a ReLU MLP without gSDE.
        critic: its critics, ReLU MLPs on flat observations; ``critic_target`` alike.
        critic_target: what bootstraps, unless ``value`` is given.
        gamma: discount of one-step transitions.
        value: the state-value network of the first version, or None.
    """

    def __init__(
        self,
        actor: Actor,
        critic: ContinuousCritic,
        critic_target: ContinuousCritic,
        gamma: float,
        value: ValueNetwork | None = None,
    ) -> None:
        self.gamma, self.value = gamma, value
        self.actor = SquashedActor(actor)
        self.critics, self.target_critics = (StackedMLP(_layers(module)) for module in (critic, critic_target))
        assert isinstance(actor.optimizer, torch.optim.Optimizer) and isinstance(critic.optimizer, torch.optim.Optimizer)
        self._actor_adam = FusedAdam(actor.optimizer, self.actor.network.parameters, self.actor.network.gradients)
        self._critic_adam = FusedAdam(critic.optimizer, self.critics.parameters, self.critics.gradients)
        self._temperature_adam: FusedAdam | None = None
        self.temperature = 0.0

    def learn_temperature(self, log_temperature: torch.Tensor, optimizer: torch.optim.Optimizer, target_entropy: float) -> None:
        """Learn the temperature by its dual loss instead of keeping ``self.temperature``."""
        self._log_temperature, self._target_entropy = log_temperature, target_entropy
        self._temperature_adam = FusedAdam(optimizer, [log_temperature], [torch.zeros_like(log_temperature)])

    @torch.no_grad()
    def __call__(self, batch: Any, generator: torch.Generator) -> tuple[dict[str, float], torch.Tensor]:
        """Temperature, critics, then actor.

        Args:
            batch: what the replay buffer sampled; its field ``weights``, ``(batch, 1)``, if it has one, weighs the critics.
            generator: of the Gaussian noise, on the networks' device.

        Returns:
            Losses by name, and the absolute TD error of each transition, ``(batch, 1)``, averaged over the critics.
        """
        obs = batch.observations.flatten(1).float()
        count = len(obs)
        both = torch.cat([obs, batch.next_observations.flatten(1).float()])
        noise = torch.randn(len(both), self.actor.network.biases[-1].shape[-1] // 2, generator=generator, device=obs.device)
        actions, log_probs = self.actor.forward(both, noise)
        log_prob = log_probs[:count]
        losses, temperature = self._update_temperature(log_prob)
        target = self._target(batch, both[count:], actions[count:], log_probs[count:], temperature)
        losses["critic_loss"], td_error = self._update_critics(batch, obs, target)

        q_values, chosen = self.critics.forward(torch.cat([obs, actions[:count]], 1)).min(dim=0)
        soft_q = q_values - temperature * log_prob
        if self.value is not None:
            with torch.enable_grad():
                losses["value_loss"] = self.value.update(obs, soft_q)
        losses["actor_loss"] = -soft_q.mean().item()
        gradient = self.critics.input_gradient(chosen[:, 0], -1.0 / count, obs.shape[1])  # of -mean(min Q)
        self.actor.backward(gradient, temperature)
        self._actor_adam.step()
        return losses, td_error

    def _update_temperature(self, log_prob: torch.Tensor) -> tuple[dict[str, float], float]:
        """Step on -(log alpha) (log pi + target entropy); the rest uses the temperature before it, as stable-baselines3."""
        if self._temperature_adam is None:
            return {"ent_coef": self.temperature}, self.temperature
        gap = log_prob.mean() + self._target_entropy
        losses = {"ent_coef": self._log_temperature.exp().item(), "ent_coef_loss": -(self._log_temperature * gap).item()}
        self._temperature_adam.gradients[0].fill_(-gap)
        self._temperature_adam.step()
        return losses, losses["ent_coef"]

    def _target(
        self, batch: Any, next_obs: torch.Tensor, action: torch.Tensor, log_prob: torch.Tensor, temperature: float
    ) -> torch.Tensor:
        if self.value is not None:
            value = self.value.target(next_obs)
        else:
            q_values = self.target_critics.forward(torch.cat([next_obs, action], 1))
            value = q_values.amin(dim=0) - temperature * log_prob
        discount = self.gamma if batch.discounts is None else batch.discounts
        return batch.rewards + (1 - batch.dones) * discount * value

    def _update_critics(self, batch: Any, obs: torch.Tensor, target: torch.Tensor) -> tuple[float, torch.Tensor]:
        """Step on half the mean squared error of each critic, summed over the critics."""
        error = self.critics.forward(torch.cat([obs, batch.actions], 1)) - target
        weights = getattr(batch, "weights", None)
        gradient = (error if weights is None else error * weights) / len(obs)
        self.critics.backward(gradient)
        self._critic_adam.step()
        return 0.5 * (gradient * error).sum().item(), error.abs().mean(dim=0)

    def move_targets(self, tau: float) -> None:
        """Move the targets by ``tau`` towards what they follow."""
        if self.value is not None:
            self.value.move_target(tau)
        else:
            torch._foreach_lerp_(self.target_critics.tensors, self.critics.tensors, tau)


def _layers(critic: ContinuousCritic) -> list[list[list[nn.Linear]]]:
    return [[[layer] for layer in network.children() if isinstance(layer, nn.Linear)] for network in critic.q_networks]
