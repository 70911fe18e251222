"""Implicit Q-learning as a learner."""

import logging
import math
from collections.abc import Mapping

import numpy as np
import torch
from stable_baselines3.common.preprocessing import get_action_dim
from stable_baselines3.td3.policies import TD3Policy

from papergym.agents.data.dataset import Dataset
from papergym.agents.iql.config import Config
from papergym.agents.iql.fast import FastUpdate
from papergym.agents.iql.networks import Networks, Spread, StateValue
from papergym.agents.iql.update import Update
from papergym.agents.offline.transition_learner import TransitionLearner, flat
from papergym.agents.offline.transitions import Batch

log = logging.getLogger(__name__)


class IQL(TransitionLearner):
    """Implicit Q-learning (arXiv 2110.06169).

    Attributes:
        policy: SB3's TD3 policy, whose actor is the mode of the learned Gaussian:
            ``stable_baselines3.td3.policies.TD3Policy.load`` reads what :meth:`save` writes. Its target actor is not used.
        networks: everything that is learned.
    """

    policy: TD3Policy
    config: Config

    def build_networks(self) -> None:
        """Actor, two critics with targets, value network, and the spread of the actions."""
        arguments = self.policy_arguments()
        self.policy = TD3Policy(**arguments).to(self.device)
        names = ("observation_space", "action_space", "features_extractor_class")
        value = StateValue(list(self.config.hidden), **{name: arguments[name] for name in names}).to(self.device)
        spread = Spread(get_action_dim(self.env.action_space)).to(self.device)
        self.networks = Networks(self.policy, value, spread, self.config.learning_rate)
        fast = self.config.lean and flat(self.env.observation_space)
        self._update = (FastUpdate if fast else Update)(self.networks, self.config)

    def parts(self) -> Mapping[str, torch.nn.Module | torch.optim.Optimizer]:
        """Networks, optimizers, and the normalization."""
        net = self.networks
        optimizers = {"actor": net.actor_optimizer, "critic": net.critic_optimizer, "value": net.value_optimizer}
        return {
            "policy": self.policy,
            "value": net.value,
            "spread": net.spread,
            "normalizer": self.normalizer,
            **{f"{name}_optimizer": optimizer for name, optimizer in optimizers.items()},
        }

    def rewards(self, data: Dataset) -> np.ndarray | None:
        """Scaled by the range of the data's returns, if asked for."""
        return data.rewards * return_scale(data) if self.config.scale_rewards else None

    def update_on(self, batch: Batch) -> Mapping[str, torch.Tensor]:
        """One update of every network, the actor's with a step size that falls along a cosine."""
        share = min(self.done / self.config.total_steps, 1.0)
        self.networks.actor_optimizer.param_groups[0]["lr"] = 0.5 * (1 + math.cos(math.pi * share)) * self.config.learning_rate
        return self._update(batch)

    def sample(self, observation: np.ndarray) -> np.ndarray:
        """Drawn from the Gaussian and clipped to the action space."""
        with torch.no_grad():
            mean = self.policy.actor(self.policy.obs_to_tensor(observation)[0])
            noise = torch.randn(mean.shape, generator=self.noise, device=self.device)
            return self.to_action_space((mean + self.networks.spread().exp() * noise).clamp(-1, 1))


def return_scale(data: Dataset) -> float:
    """1000 / (best - worst return of the episodes), by which the official code scales rewards of MuJoCo tasks."""
    spread = float(data.returns.max() - data.returns.min())
    if spread == 0:
        log.warning(
            "every episode of %s has the same return: rewards are not scaled. --no-scale-rewards avoids this.", data.name
        )
        return 1.0
    return 1000 / spread
