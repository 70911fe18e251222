"""The update of SAC with explicit gradients: the numbers of :class:`papergym.agents.sac.update.Update` to float tolerance."""

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.sac.policies import SACPolicy

from papergym.agents.fast.fused_adam import FusedAdam
from papergym.agents.fast.squashed_actor import SquashedActor
from papergym.agents.fast.stacked_mlp import StackedMLP, is_relu_mlp, linear_layers
from papergym.agents.sac.losses import FOLLOWED, bound_temperature, critic_target, value_loss
from papergym.agents.sac.update import step
from papergym.agents.sac.value import ValueNetwork


def refusal(policy: SACPolicy) -> str:
    """Why the fast update cannot train ``policy``; "" if it can."""
    space, actor = policy.observation_space, policy.actor
    if not isinstance(space, spaces.Box) or is_image_space(space) or not isinstance(actor.features_extractor, FlattenExtractor):
        return "observations are not flat vectors"
    if policy.share_features_extractor:
        return "actor and critics share their features"
    if not all(is_relu_mlp(network) for network in (actor.latent_pi, *policy.critic.q_networks)):
        return "actor and critics are not ReLU networks"
    return ""


class FastUpdate:
    """Networks, optimisers and temperature of one agent, and the step that moves them.

    Against autograd it saves the gradients of the critics in the actor's loss, runs all critics as one batched MLP, makes
    one pass of the actor over both observations, and steps with fused Adam. The modules of ``policy`` share its memory.

    Args:
        policy: stable-baselines3's, without gSDE, one for which :func:`refusal` has no reason.
        gamma: discount of one-step transitions.
        value: the state-value network of the first version, or None.
        follows: what the actor climbs, a key of :data:`papergym.agents.sac.losses.FOLLOWED`.
    """

    def __init__(self, policy: SACPolicy, gamma: float, value: ValueNetwork | None = None, follows: str = "min") -> None:
        self.gamma, self.value, self.follows = gamma, value, follows
        actor, critic = policy.actor, policy.critic
        self.actor = SquashedActor(actor)
        self.critics, self.target_critics = (
            StackedMLP([linear_layers(network) for network in module.q_networks]) for module in (critic, policy.critic_target)
        )
        assert isinstance(actor.optimizer, torch.optim.Optimizer) and isinstance(critic.optimizer, torch.optim.Optimizer)
        self._actor_adam = FusedAdam(actor.optimizer, self.actor.network.parameters, self.actor.network.gradients)
        self._critic_adam = FusedAdam(critic.optimizer, self.critics.parameters, self.critics.gradients)
        self._temperature_adam: FusedAdam | None = None
        self.temperature = 0.0
        """Fixed temperature, used unless :meth:`learn_temperature` was called."""

    def learn_temperature(self, log_temperature: torch.Tensor, optimizer: torch.optim.Optimizer, target_entropy: float) -> None:
        """Learn the temperature by its dual loss instead of keeping ``self.temperature``."""
        self._log_temperature, self._target_entropy = log_temperature, target_entropy
        self._temperature_adam = FusedAdam(optimizer, [log_temperature], [torch.zeros_like(log_temperature)])

    @torch.no_grad()
    def __call__(self, batch: Any, generator: torch.Generator) -> tuple[dict[str, float], torch.Tensor]:
        """Arguments, order and results of :class:`papergym.agents.sac.update.Update`."""
        dtype = self.critics.weights[0].dtype
        obs = batch.observations.flatten(1).to(dtype)
        count = len(obs)
        both = torch.cat([obs, batch.next_observations.flatten(1).to(dtype)])
        noise = torch.randn(len(both), self.actor.network.biases[-1].shape[-1] // 2, generator=generator, device=obs.device)
        actions, log_probs = self.actor.forward(both, noise)
        log_prob = log_probs[:count]
        found, temperature = self._update_temperature(log_prob)
        target = self._target(batch, both[count:], actions[count:], log_probs[count:], temperature)
        found["critic_loss"], td_error = self._update_critics(batch, obs, target)

        q_values = self.critics.forward(torch.cat([obs, actions[:count]], 1))
        smallest, chosen = q_values.min(dim=0)
        soft_q = smallest - temperature * log_prob
        if self.value is not None:
            with torch.enable_grad():
                found["value_loss"] = step(self.value.optimizer, value_loss(self.value(obs), soft_q))
        if self.follows != "min":
            soft_q = FOLLOWED[self.follows](q_values) - temperature * log_prob
        found["actor_loss"] = -soft_q.mean().item()
        self.actor.backward(self._action_gradient(chosen[:, 0], obs.shape[1]), temperature)
        self._actor_adam.step()
        return found, td_error

    def _action_gradient(self, smallest: torch.Tensor, start: int) -> torch.Tensor:
        """Gradient in the actions, which begin at input ``start``, of minus the mean of what the actor climbs."""
        count, critics = len(smallest), len(self.critics.weights[0])
        if self.follows == "mean":
            every = [torch.full_like(smallest, critic) for critic in range(critics)]
            return sum(self.critics.input_gradient(one, -1.0 / (count * critics), start) for one in every)  # pyright: ignore[reportReturnType]
        chosen = smallest if self.follows == "min" else torch.zeros_like(smallest)
        return self.critics.input_gradient(chosen, -1.0 / count, start)

    def _update_temperature(self, log_prob: torch.Tensor) -> tuple[dict[str, float], float]:
        """Step on -(log alpha) (log pi + target entropy); the other losses use the temperature before it."""
        if self._temperature_adam is None:
            return {"ent_coef": self.temperature}, self.temperature
        gap = log_prob.mean() + self._target_entropy
        found = {"ent_coef": self._log_temperature.exp().item(), "ent_coef_loss": -(self._log_temperature * gap).item()}
        self._temperature_adam.gradients[0].fill_(-gap)
        self._temperature_adam.step()
        bound_temperature(self._log_temperature)
        return found, found["ent_coef"]

    def _target(
        self, batch: Any, next_obs: torch.Tensor, action: torch.Tensor, log_prob: torch.Tensor, temperature: float
    ) -> torch.Tensor:
        if self.value is not None:
            value = self.value.target_value(next_obs)
        else:
            q_values = self.target_critics.forward(torch.cat([next_obs, action], 1))
            value = q_values.amin(dim=0) - temperature * log_prob
        discount = self.gamma if batch.discounts is None else batch.discounts
        return critic_target(batch.rewards, batch.dones, discount, value)

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
