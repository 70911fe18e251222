"""Conservative Q-learning as a learner."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.dqn.policies import DQNPolicy
from stable_baselines3.sac.policies import SACPolicy

from papergym.agents.cql.config import Config
from papergym.agents.cql.continuous import ContinuousUpdate
from papergym.agents.cql.discrete import DiscreteUpdate, FastDiscreteUpdate
from papergym.agents.cql.sampling import action_density
from papergym.agents.offline.transition_learner import TransitionLearner, flat
from papergym.agents.offline.transitions import Batch


class CQL(TransitionLearner):
    """CQL(H) (arXiv 2006.04779) on SAC, or on Double DQN where actions are discrete.

    Attributes:
        policy: SB3's ``SACPolicy``, or ``DQNPolicy``; the ``load`` of that class reads what :meth:`save` writes.
    """

    config: Config

    def build_networks(self) -> None:
        """SAC's networks, or a Q-network and its target."""
        arguments: dict[str, Any] = self.policy_arguments()
        self._update: DiscreteUpdate | ContinuousUpdate
        if isinstance(self.env.action_space, spaces.Discrete):
            self.policy = DQNPolicy(**arguments).to(self.device)
            fast = self.config.lean and flat(self.env.observation_space)
            self._update = (FastDiscreteUpdate if fast else DiscreteUpdate)(self.policy, self.config)
        else:
            self.policy = SACPolicy(**arguments).to(self.device)
            self._update = ContinuousUpdate(self.policy, self.config)

    def parts(self) -> Mapping[str, torch.nn.Module | torch.optim.Optimizer]:
        """Policy with its targets, temperature, optimizers, and the normalization."""
        return {**self._update.parts(), "normalizer": self.normalizer}

    def update_on(self, batch: Batch) -> Mapping[str, torch.Tensor]:
        """One update of every network."""
        return self._update(batch, self.noise, self.done)

    def sample(self, observation: np.ndarray) -> np.ndarray:
        """Drawn from the actor; for discrete actions the greedy one."""
        if not isinstance(self.policy, SACPolicy):
            return super().sample(observation)
        with torch.no_grad():
            mean, log_std, _ = self.policy.actor.get_action_dist_params(self.policy.obs_to_tensor(observation)[0])
            noise = torch.randn(mean.shape, generator=self.noise, device=self.device)
            return self.to_action_space(action_density(mean, log_std, noise)[0])
