"""What the agents share that learn values from single transitions."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import FlattenExtractor, NatureCNN

from papergym.agents.data.dataset import Dataset
from papergym.agents.offline.config import TransitionConfig
from papergym.agents.offline.learner import OfflineLearner
from papergym.agents.offline.normalizer import ObservationNormalizer
from papergym.agents.offline.transitions import Batch, Transitions, check_spaces


def flat(space: spaces.Space) -> bool:
    """Whether observations are vectors on which the updates with explicit gradients run."""
    return isinstance(space, spaces.Box) and not is_image_space(space)


class TransitionLearner(OfflineLearner):
    """An :class:`OfflineLearner` whose updates take uniformly drawn transitions.

    Attributes:
        policy: of SB3; it acts on normalized observations.
        normalizer: of the observations.
    """

    policy: BasePolicy

    def __init__(
        self, env: gym.Env, config: TransitionConfig, data: Dataset | None = None, *, seed: int = 0, device: str = "auto"
    ) -> None:
        super().__init__(env, config, data, seed=seed, device=device)
        check_spaces(env.observation_space, env.action_space)
        config.check()
        self.config = config
        self.normalizer = ObservationNormalizer(env.observation_space, enabled=config.normalize).to(self.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.build_networks()

    @abstractmethod
    def build_networks(self) -> None:
        """Make ``policy`` and whatever else is learned; torch's generator is seeded."""

    def policy_arguments(self) -> dict[str, Any]:
        """Arguments that SB3's policies have in common."""
        image = is_image_space(self.env.observation_space)
        return {
            "observation_space": self.env.observation_space,
            "action_space": self.env.action_space,
            "lr_schedule": lambda _: self.config.learning_rate,
            "net_arch": list(self.config.hidden),
            "features_extractor_class": NatureCNN if image else FlattenExtractor,
        }

    def fit(self, data: Dataset) -> None:
        """Fit the normalizer."""
        self.normalizer.fit(data)

    def begin(self, data: Dataset) -> None:
        """Hold the transitions as tensors."""
        super().begin(data)
        self.transitions = Transitions(data, self.policy, self.normalizer, self.rewards(data))

    def rewards(self, data: Dataset) -> np.ndarray | None:
        """Rewards to learn from, ``(n,)``; None for the dataset's own."""
        return None

    def update(self, data: Dataset) -> Mapping[str, torch.Tensor]:
        """One update on a uniformly drawn batch."""
        return self.update_on(self.transitions.sample(self.batches, self.config.batch_size))

    @abstractmethod
    def update_on(self, batch: Batch) -> Mapping[str, torch.Tensor]:
        """One update; numbers as in :meth:`update`."""

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
        """The policy's best action, or a sample where the policy is a distribution."""
        seen = self.normalizer.normalize(observation)
        return (self.policy.predict(seen, deterministic=True)[0] if deterministic else self.sample(seen)), state

    def sample(self, observation: np.ndarray) -> np.ndarray:
        """Actions for normalized observations, drawn from the policy; a deterministic policy has its one action."""
        return self.policy.predict(observation, deterministic=True)[0]

    def to_action_space(self, actions: torch.Tensor) -> np.ndarray:
        """Actions ``(n, action_dim)`` in [-1, 1] as the environment takes them, ``(n, ...)``."""
        shape = (-1, *(self.env.action_space.shape or ()))
        return self.policy.unscale_action(actions.detach().cpu().numpy().reshape(shape))

    def save(self, folder: Path) -> None:
        """``policy.zip`` for raw observations; plain SB3 loads it by the ``load`` of the policy's class."""
        self.normalizer.inside(self.policy).save(str(folder / "policy.zip"))
