"""The Decision Transformer as a learner: supervised learning of a dataset's actions, given the returns that they led to."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from papergym.agents.data.dataset import Dataset
from papergym.agents.dt.config import Config, check_rows
from papergym.agents.dt.losses import action_loss, return_loss
from papergym.agents.dt.policy import DecisionTransformerPolicy
from papergym.agents.dt.windows import Sampler
from papergym.agents.errors import UsageError
from papergym.agents.offline.learner import OfflineLearner

log = logging.getLogger(__name__)

SMALL, LARGE = 0.01, 100.0
"""Largest absolute return-to-go after division by the scale, outside of which a warning is due."""

SHAPE = ("context", "width", "layers", "heads", "dropout", "activation", "delayed")
SHAPE += ("return_values", "prior_power", "hide_returns", "timesteps")
"""Settings that the policy takes as they are."""


class DecisionTransformer(OfflineLearner):
    """Learns which action a return-to-go, a state and what came before them led to.

    Attributes:
        policy: :class:`papergym.agents.dt.policy.DecisionTransformerPolicy`.
    """

    def __init__(
        self, env: gym.Env, config: Config, data: Dataset | None = None, *, seed: int = 0, device: str = "auto"
    ) -> None:
        super().__init__(env, config, data, seed=seed, device=device)
        config.check()
        self.config = config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.policy = DecisionTransformerPolicy(
                env.observation_space,
                env.action_space,
                max_timestep=_max_timestep(env, config, data),
                **{name: getattr(config, name) for name in SHAPE},
            ).to(self.device)
        self.optimizer = torch.optim.AdamW(self.policy.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)

    def parts(self) -> Mapping[str, torch.nn.Module | torch.optim.Optimizer]:
        """Policy and optimizer."""
        return {"policy": self.policy, "optimizer": self.optimizer}

    @property
    def returns_range(self) -> tuple[float, float] | None:
        """Of the data; None where the network sees no return-to-go."""
        low, high = self.policy.returns_range.tolist()
        return None if self.config.hide_returns else (low, high)

    def fit(self, data: Dataset) -> None:
        """Take scale and state statistics from the data."""
        policy = self.policy
        if policy.normalized:
            mean, std = data.state_statistics()
            policy.state_mean.copy_(torch.as_tensor(mean).flatten())
            policy.state_std.copy_(torch.as_tensor(std).flatten())
        policy.return_scale.fill_(_largest(data) or 1.0)

    def begin(self, data: Dataset) -> None:
        """Take the target from the data, and cut windows.

        Raises:
            UsageError: an episode of more steps than the table of time steps has rows.
        """
        config, policy = self.config, self.policy
        check_rows(policy.max_timestep, int(data.lengths.max()), data.name)
        chosen = self._fitted or config.return_scale  # else the scale is that of the data
        super().begin(data)
        if config.return_scale:
            policy.return_scale.fill_(config.return_scale)
        policy.target.fill_(float(np.quantile(data.returns, config.target_quantile)))
        policy.returns_range.copy_(torch.tensor([data.returns.min(), data.returns.max()]))
        largest = _largest(data) if chosen else 0.0
        scaled = largest / policy.return_scale.item()
        if largest and not SMALL <= scaled <= LARGE:
            log.warning(
                f"return_scale {policy.return_scale.item():g} makes the largest return-to-go of {data.name}, {largest:g}, "
                f"{scaled:g}, expected about 1. Was it meant for other data? Give return_scale=0 to take it from the data."
            )
        self._windows = Sampler(data, config.context, sampling=config.sampling, whole=config.whole_windows, device=self.device)

    def update(self, data: Dataset) -> Mapping[str, torch.Tensor]:
        """One step of AdamW."""
        config, policy = self.config, self.policy
        policy.set_training_mode(True)
        batch = self._windows(self.batches, config.batch_size)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.bf16):
            actions, returns = policy(*batch[:4])
        numbers = {"action_loss": action_loss(policy, actions, batch)}
        if returns is not None:
            numbers["return_loss"] = return_loss(policy, returns, batch)
        loss = torch.stack(tuple(numbers.values())).sum()
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * min((self.done + 1) / max(config.warmup, 1), 1.0)
        self.optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), config.clip)
        self.optimizer.step()
        return {"loss": loss.detach(), "grad_norm": norm, **(numbers if returns is not None else {})}

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
        """The policy's action; ``target`` may also be (n,), one for each environment."""
        return self.policy.act(
            np.asarray(observation), first, reward, target, state, deterministic=deterministic, generator=self.noise
        )

    def save(self, folder: Path) -> None:
        """``policy.zip``: :meth:`DecisionTransformerPolicy.load` reads it, with target, scale and state statistics."""
        self.policy.save(str(folder / "policy.zip"))


def _largest(data: Dataset) -> float:
    """Absolute return-to-go."""
    return float(np.abs(data.returns_to_go()).max())


def _max_timestep(env: gym.Env, config: Config, data: Dataset | None) -> int:
    if config.max_timestep:
        return config.max_timestep
    limit = getattr(env.spec, "max_episode_steps", None) or 0
    longest = max(limit, 0 if data is None else int(data.lengths.max()))
    if not longest:
        raise UsageError("max_timestep is 0 and the environment has no time limit: give the length of the longest episode.")
    return longest
