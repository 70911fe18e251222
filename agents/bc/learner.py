"""Behaviour cloning as a learner: supervised learning of a dataset's actions, counted in updates."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.policies import ActorCriticCnnPolicy, ActorCriticPolicy
from stable_baselines3.common.preprocessing import is_image_space

from papergym.agents.bc.config import Config
from papergym.agents.bc.losses import cloning_loss
from papergym.agents.data.dataset import Dataset
from papergym.agents.offline.config import require
from papergym.agents.offline.learner import OfflineLearner
from papergym.agents.offline.losses import descend
from papergym.agents.offline.transitions import check_discrete


class BehaviourCloning(OfflineLearner):
    """Learns to act as the data does, or as its best episodes do.

    Attributes:
        policy: SB3's actor-critic policy; the critic is not trained.
    """

    def __init__(
        self, env: gym.Env, config: Config, data: Dataset | None = None, *, seed: int = 0, device: str = "auto"
    ) -> None:
        super().__init__(env, config, data, seed=seed, device=device)
        check_discrete(env.observation_space, env.action_space)
        require(0 < config.share <= 1, "share", config.share, "above 0 and at most 1")
        self.config = config
        kind = ActorCriticCnnPolicy if is_image_space(env.observation_space) else ActorCriticPolicy
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.policy = kind(
                env.observation_space,
                env.action_space,
                lambda _: config.learning_rate,
                net_arch=list(config.hidden),
                activation_fn=torch.nn.ReLU,
                optimizer_kwargs={"weight_decay": config.weight_decay},
            ).to(self.device)

    def parts(self) -> Mapping[str, torch.nn.Module | torch.optim.Optimizer]:
        """Policy and optimiser."""
        return {"policy": self.policy, "optimizer": self.policy.optimizer}

    def begin(self, data: Dataset) -> None:
        """Keep the best episodes."""
        super().begin(data)
        self._cloned = data if self.config.share == 1 else data.best(self.config.share)
        self.policy.set_training_mode(True)

    def update(self, data: Dataset) -> Mapping[str, torch.Tensor]:
        """One step of Adam on a uniformly drawn minibatch."""
        rows = self.batches.integers(len(self._cloned), size=self.config.batch_size)
        observations = torch.as_tensor(self._cloned.observations[rows], device=self.device)
        actions = torch.as_tensor(self._cloned.actions[rows], device=self.device)
        loss = cloning_loss(self.policy, observations, actions)
        descend(self.policy.optimizer, loss)
        return {"loss": loss.detach()}

    def act(
        self,
        observation: Any,
        first: np.ndarray,
        reward: np.ndarray,
        target: float | None,
        state: Any = None,
        *,
        deterministic: bool = True,
    ) -> tuple[np.ndarray, Any]:
        """The policy's mode, or a sample of it."""
        action, state = self.policy.predict(observation, state, first, deterministic)
        self.policy.set_training_mode(True)
        return action, state

    def save(self, folder: Path) -> None:
        """``policy.zip``: ``stable_baselines3.common.policies.ActorCriticPolicy.load`` reads it."""
        self.policy.save(str(folder / "policy.zip"))
