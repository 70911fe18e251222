"""The update of TD3+BC with explicit gradients: the numbers of :class:`papergym.agents.td3bc.update.Update`."""

import torch
from stable_baselines3.td3.policies import TD3Policy

from papergym.agents.fast.fused_adam import FusedAdam
from papergym.agents.fast.stacked_mlp import StackedMLP, linear_layers
from papergym.agents.offline.losses import bellman_target, critic_loss
from papergym.agents.offline.transitions import Batch
from papergym.agents.td3bc import losses
from papergym.agents.td3bc.config import Config


class FastUpdate:
    """The step that moves the networks of ``policy``, whose modules share the memory of this object.

    Against autograd it runs both critics as one batched MLP, computes the gradients of the actor's loss with respect to the
    action alone, and steps with fused Adam.

    Args:
        policy: MLPs on flat observations.
        config: settings.
    """

    def __init__(self, policy: TD3Policy, config: Config) -> None:
        self.config = config
        self.actor, self.target_actor = (StackedMLP([linear_layers(net.mu)]) for net in (policy.actor, policy.actor_target))
        self.critics, self.target_critics = (
            StackedMLP([linear_layers(q) for q in net.q_networks]) for net in (policy.critic, policy.critic_target)
        )
        self._first_critic = self.critics.part(0)
        self._actor_adam = FusedAdam(policy.actor.optimizer, self.actor.parameters, self.actor.gradients)
        self._critic_adam = FusedAdam(policy.critic.optimizer, self.critics.parameters, self.critics.gradients)

    @torch.no_grad()
    def __call__(self, batch: Batch, noise: torch.Tensor, *, move_actor: bool) -> dict[str, torch.Tensor]:
        """Arguments and results of :class:`papergym.agents.td3bc.update.Update`."""
        config = self.config
        obs, next_obs = batch.observations.flatten(1), batch.next_observations.flatten(1)
        next_action = torch.tanh(self.target_actor.forward(next_obs)[0])
        next_action = losses.smoothed_action(next_action, noise, config.policy_noise, config.noise_clip)
        next_q = self.target_critics.forward(torch.cat([next_obs, next_action], 1))
        target = bellman_target(batch.rewards, batch.dones, config.gamma, next_q.amin(0))
        q_values = self.critics.forward(torch.cat([obs, batch.actions], 1))
        error = q_values - target
        self.critics.backward(error * (2 / len(obs)))
        self._critic_adam.step()
        if move_actor:
            self._move_actor(obs, batch.actions)
        return {"loss": critic_loss(q_values, target), "q_value": q_values.mean()}

    def _move_actor(self, obs: torch.Tensor, data_actions: torch.Tensor) -> None:
        actions = torch.tanh(self.actor.forward(obs)[0])
        q_values = self._first_critic.forward(torch.cat([obs, actions], 1))[0]
        weight = self.config.alpha / float(q_values.abs().mean())
        every = torch.zeros(len(obs), dtype=torch.int64, device=obs.device)  # each row counts in the first critic
        gradient = self._first_critic.input_gradient(every, -weight / len(obs), obs.shape[1])
        gradient += (actions - data_actions) * (2 / actions.numel())
        self.actor.backward((gradient * (1 - actions.square()))[None])  # through the tanh
        self._actor_adam.step()
        torch._foreach_lerp_(self.target_critics.tensors, self.critics.tensors, self.config.tau)
        torch._foreach_lerp_(self.target_actor.tensors, self.actor.tensors, self.config.tau)
