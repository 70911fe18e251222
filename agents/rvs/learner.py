"""RvS-R as a learner."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import MultiInputActorCriticPolicy
from torch import nn

from papergym.agents.data.dataset import Dataset
from papergym.agents.offline.learner import OfflineLearner
from papergym.agents.offline.losses import descend
from papergym.agents.offline.transitions import check_discrete
from papergym.agents.rvs.config import Config
from papergym.agents.rvs.losses import average_returns_to_go, cloning_loss

log = logging.getLogger(__name__)


class Returns(nn.Module):
    """What acting needs to know of the data; buffers.

    Attributes:
        horizon: length of the longest episode, in steps.
        worst, best: returns of episodes.
    """

    horizon: torch.Tensor
    worst: torch.Tensor
    best: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("horizon", "worst", "best"):
            self.register_buffer(name, torch.ones((), dtype=torch.float64))

    def fit(self, data: Dataset) -> None:
        """Take them from the data."""
        self.horizon.fill_(float(data.lengths.max()))
        self.worst.fill_(float(data.returns.min()))
        self.best.fill_(float(data.returns.max()))


class RvS(OfflineLearner):
    """Cloning conditioned on the average return to go (arXiv 2112.10751).

    In evaluations the condition is the target return divided by the longest episode's length, the same at every step, as in
    the official code. Without a target it is the best return of the data.

    Attributes:
        policy: SB3's multi-input actor-critic policy on ``{"observation", "average_return"}``; the critic is not trained.
            ``stable_baselines3.common.policies.MultiInputActorCriticPolicy.load`` reads what :meth:`save` writes.
        returns: of the data.
    """

    def __init__(
        self, env: gym.Env, config: Config, data: Dataset | None = None, *, seed: int = 0, device: str = "auto"
    ) -> None:
        super().__init__(env, config, data, seed=seed, device=device)
        check_discrete(env.observation_space, env.action_space)
        self.config, self.returns, self._warned = config, Returns().to(self.device), False
        condition = spaces.Box(-np.inf, np.inf, (1,), np.float32)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.policy = MultiInputActorCriticPolicy(
                spaces.Dict({"observation": env.observation_space, "average_return": condition}),
                env.action_space,
                lambda _: config.learning_rate,
                net_arch={"pi": list(config.hidden), "vf": []},
                activation_fn=nn.ReLU,
                optimizer_kwargs={"eps": 1e-8},  # Adam's own default; SB3 takes 1e-5 here
            ).to(self.device)

    def parts(self) -> Mapping[str, torch.nn.Module | torch.optim.Optimizer]:
        """Policy, optimizer, and the data's returns."""
        return {"policy": self.policy, "optimizer": self.policy.optimizer, "returns": self.returns}

    @property
    def returns_range(self) -> tuple[float, float]:
        """Of the data."""
        return float(self.returns.worst), float(self.returns.best)

    def begin(self, data: Dataset) -> None:
        """Hold the transitions and their average returns to go as tensors."""
        super().begin(data)
        self.returns.fit(data)
        observations = data.observations
        if isinstance(self.env.observation_space, spaces.Box) and observations.dtype != np.uint8:
            observations = observations.astype(np.float32)
        columns = (observations, average_returns_to_go(data, delayed=self.config.delayed)[:, None], data.actions)
        self._columns = [torch.as_tensor(column, device=self.device) for column in columns]
        self.policy.set_training_mode(True)

    def update(self, data: Dataset) -> Mapping[str, torch.Tensor]:
        """One step of Adam on a uniformly drawn minibatch."""
        rows = torch.from_numpy(self.batches.integers(len(data), size=self.config.batch_size)).to(self.device)
        observations, condition, actions = (column.index_select(0, rows) for column in self._columns)
        loss = cloning_loss(self.policy, {"observation": observations, "average_return": condition}, actions)
        descend(self.policy.optimizer, loss)
        return {"loss": loss.detach()}

    def act(
        self,
        observation: Any,
        first: np.ndarray,
        reward: np.ndarray,
        target: float | np.ndarray | None,
        state: Any = None,
        *,
        deterministic: bool = True,
    ) -> tuple[np.ndarray, Any]:
        """The policy's mode for the target, or a sample of it; ``target`` may also be (n,), one for each environment."""
        worst, best = self.returns_range
        wanted = np.broadcast_to(np.asarray(best if target is None else target, float), (len(first),))
        outside = wanted[(wanted < worst) | (wanted > best)]
        if len(outside) and not self._warned:
            log.warning("the target %g is outside the data's returns, %g to %g.", outside[0], worst, best)
            self._warned = True
        told = (wanted / float(self.returns.horizon)).astype(np.float32)[:, None]
        if deterministic:
            inputs = {"observation": np.asarray(observation), "average_return": told}
            action, state = self.policy.predict(inputs, state, first, deterministic=True)
            self.policy.set_training_mode(True)
            return action, state
        return self._sample(np.asarray(observation), told), state

    @torch.no_grad()
    def _sample(self, observation: np.ndarray, told: np.ndarray) -> np.ndarray:
        """Drawn by this learner's generator."""
        inputs, _ = self.policy.obs_to_tensor({"observation": observation, "average_return": told})
        law = self.policy.get_distribution(inputs).distribution
        if isinstance(law, torch.distributions.Categorical):
            return torch.multinomial(law.probs, 1, generator=self.noise)[:, 0].cpu().numpy()
        assert isinstance(law, torch.distributions.Normal) and isinstance(self.env.action_space, spaces.Box)
        drawn = law.mean + law.stddev * torch.randn(law.mean.shape, generator=self.noise, device=self.device)
        actions = drawn.cpu().numpy().reshape(-1, *self.env.action_space.shape)
        return np.clip(actions, self.env.action_space.low, self.env.action_space.high)

    def save(self, folder: Path) -> None:
        """``policy.zip``; its observations hold ``average_return`` beside the environment's."""
        self.policy.save(str(folder / "policy.zip"))
