"""The Trajectory Transformer as a learner: next-token prediction on a dataset, counted in updates."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from papergym.agents.data.dataset import Dataset
from papergym.agents.offline.learner import OfflineLearner
from papergym.agents.tt.config import Config
from papergym.agents.tt.critic import run_critic
from papergym.agents.tt.discretizer import THRESHOLDS
from papergym.agents.tt.losses import groups, rate, sequence_loss, weights
from papergym.agents.tt.policy import MARGIN, TTPolicy
from papergym.agents.tt.prepare import observations
from papergym.agents.tt.windows import Windows, columns

log = logging.getLogger(__name__)

WARMUP_EPOCHS, DECAY_EPOCHS = 1, 20
"""Of the official code's learning rate."""


class TrajectoryTransformerLearner(OfflineLearner):
    """Learns the tokens of a dataset; acts by planning.

    Args:
        env: for its spaces; for a model with a goal, an environment with ``observation`` and ``desired_goal``, of which
            the data holds the former.
        config, data, seed, device: see :class:`papergym.agents.offline.learner.OfflineLearner`.

    Attributes:
        policy: network, bins and planner.
    """

    def __init__(
        self, env: gym.Env, config: Config, data: Dataset | None = None, *, seed: int = 0, device: str = "auto"
    ) -> None:
        config.check()
        super().__init__(observations(env) if config.goal else env, config, data, seed=seed, device=device)
        self.config = config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.policy = TTPolicy(env.observation_space, env.action_space, **policy_arguments(config)).to(self.device)
        self.policy.generator = self.noise
        self.policy.q_function = run_critic(config.critic, env, self.device) if config.critic else None
        model = self.policy.model
        self.optimizer = torch.optim.AdamW(groups(model, config.weight_decay), lr=config.learning_rate, betas=(0.9, 0.95))
        self._weights = weights(model, config.window, config.action_weight, config.reward_weight, config.value_weight)

    def parts(self) -> Mapping[str, torch.nn.Module | torch.optim.Optimizer]:
        """Policy, with the bins, and optimiser."""
        return {"policy": self.policy, "optimizer": self.optimizer}

    def rewarded(self, data: Dataset) -> Dataset:
        """With the penalty at the ends of the task, and then delayed, as the settings ask."""
        penalty = self.config.termination_penalty
        if penalty is not None:
            if ends_pay(data):
                log.warning(
                    f"{data.name}: steps that end the task pay more than any other, up to "
                    f"{data.rewards[data.terminated].max():g}, and termination_penalty puts {penalty:g} in their place. "
                    "Where an end is a success give --termination-penalty None."
                )
            data = data.with_terminal_reward(penalty)
        return super().rewarded(data)

    def fit(self, data: Dataset) -> None:
        """Choose the bins."""
        self.policy.bins.set(THRESHOLDS[self.config.discretizer](columns(data, self.config.gamma), self.config.bins))

    def begin(self, data: Dataset) -> None:
        """Cut the windows."""
        config, loaded = self.config, self._fitted
        super().begin(data)
        self._windows = Windows(data, self.policy.bins, config.window, discount=config.gamma, goal=config.goal)
        if loaded:
            self._look_outside(data)
        self.policy.set_training_mode(True)

    def _look_outside(self, data: Dataset) -> None:
        numbers = torch.as_tensor(columns(data, self.config.gamma), device=self.device)
        outside = self.policy.bins.outside(numbers, margin=MARGIN).any(1)
        if outside.any():
            log.warning(
                f"{100 * float(outside.float().mean()):.1f} % of the transitions of {data.name} have numbers outside the bins "
                "of the run that this one began with; such numbers count as the nearest bin."
            )

    def update(self, data: Dataset) -> Mapping[str, torch.Tensor]:
        """One step of AdamW on uniformly drawn windows."""
        config = self.config
        epoch = max(len(self._windows) // config.batch_size, 1)
        warmup, decay = config.warmup or WARMUP_EPOCHS * epoch, config.decay or DECAY_EPOCHS * epoch
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * rate(self.done + 1, warmup, decay, config.schedule)
        numbers = self.batches.integers(len(self._windows), size=config.batch_size)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.bf16):
            loss = sequence_loss(self.policy.model, self._windows.batch(numbers), self._weights)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.model.parameters(), config.max_grad_norm)
        self.optimizer.step()
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
        """The first action of a plan; a search by reward draws from ``noise``. ``target`` has no meaning."""
        self.policy.set_training_mode(False)
        if isinstance(observation, dict):
            batch: Any = {name: torch.as_tensor(part, device=self.device) for name, part in observation.items()}
        else:
            batch = torch.as_tensor(observation, device=self.device)
        actions, state = self.policy.plan(batch, np.asarray(first, bool), np.asarray(reward), state)
        self.policy.set_training_mode(True)
        return actions, state

    def save(self, folder: Path) -> None:
        """``policy.zip``: ``papergym.agents.tt.policy.TTPolicy.load`` reads it."""
        self.policy.save(str(folder / "policy.zip"))


def ends_pay(data: Dataset) -> bool:
    """Whether one in a hundred of the steps that end the task pays more than every other step: such an end is a success."""
    ends, others = data.rewards[data.terminated], data.rewards[~data.terminated]
    return bool(len(ends) and len(others) and (ends > others.max()).mean() > 0.01)


def policy_arguments(config: Config) -> dict[str, Any]:
    """What :class:`papergym.agents.tt.policy.TTPolicy` is made of."""
    model = {name: getattr(config, name) for name in ("bins", "window", "width", "layers", "heads", "dropout", "goal")}
    search = {name: getattr(config, name) for name in ("horizon", "beam_width", "n_expand", "context")}
    search |= {"action": (config.k_act, config.cdf_act), "observation": (config.k_obs, config.cdf_obs)}
    search["discount"] = config.gamma
    planner = {name: getattr(config, name) for name in ("planner", "density", "latency_s", "delayed")}
    return {"model": model, "search": search, **planner}
