"""TD3+BC as a learner."""

from collections.abc import Mapping

import torch
from stable_baselines3.common.preprocessing import get_action_dim
from stable_baselines3.td3.policies import TD3Policy

from papergym.agents.offline.transition_learner import TransitionLearner, flat
from papergym.agents.offline.transitions import Batch
from papergym.agents.td3bc.config import Config
from papergym.agents.td3bc.fast import FastUpdate
from papergym.agents.td3bc.update import Update


class TD3BC(TransitionLearner):
    """TD3 with a behaviour cloning term (arXiv 2106.06860).

    Attributes:
        policy: SB3's TD3 policy; ``stable_baselines3.td3.policies.TD3Policy.load`` reads what :meth:`save` writes.
    """

    policy: TD3Policy
    config: Config

    def build_networks(self) -> None:
        """Actor, two critics and their targets."""
        self.policy = TD3Policy(**self.policy_arguments()).to(self.device)
        fast = self.config.lean and flat(self.env.observation_space)
        self._update = (FastUpdate if fast else Update)(self.policy, self.config)

    def parts(self) -> Mapping[str, torch.nn.Module | torch.optim.Optimizer]:
        """Policy with its targets, both optimizers, and the normalization."""
        return {
            "policy": self.policy,
            "actor_optimizer": self.policy.actor.optimizer,
            "critic_optimizer": self.policy.critic.optimizer,
            "normalizer": self.normalizer,
        }

    def update_on(self, batch: Batch) -> Mapping[str, torch.Tensor]:
        """Critics, and every ``policy_delay``-th time actor and targets."""
        size = len(batch.rewards), get_action_dim(self.policy.action_space)
        noise = torch.randn(size, generator=self.noise, device=self.device)
        return self._update(batch, noise, move_actor=(self.done + 1) % self.config.policy_delay == 0)
