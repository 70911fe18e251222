"""Behaviour cloning as a learner: supervised learning of a dataset's actions, counted in updates."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.policies import ActorCriticCnnPolicy, ActorCriticPolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.utils import get_device

from papergym.agents.bc.config import Config
from papergym.agents.bc.losses import cloning_loss
from papergym.agents.checkpoint.sb3state import module_state, set_module_state
from papergym.agents.checkpoint.state import CheckpointError, State, generator_state, set_generator_state
from papergym.agents.data.transitions import Transitions, check_environment, load_transitions
from papergym.agents.errors import BadNumbersError
from papergym.agents.runner.learner import Hooks


class BehaviourCloning:
    """Learns to act as the data does; a :class:`papergym.agents.runner.learner.Learner`.

    Args:
        env: for its spaces; it is not stepped.
        config: settings.
        data: transitions; None reads ``config.dataset`` when learning begins.
        seed: of the network and of the batches.
        device: of the network.

    Attributes:
        policy: SB3's actor-critic policy; the critic is not trained.
    """

    def __init__(
        self, env: gym.Env, config: Config, data: Transitions | None = None, *, seed: int = 0, device: str = "auto"
    ) -> None:
        self.config, self.env, self._data = config, env, data
        if data is not None:
            check_environment(data, env, "in memory")
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
            ).to(get_device(device))
        self._batches = np.random.default_rng([seed, 1])
        self._updates, self._losses = 0, [0.0, 0.0]  # sum and number since the last metrics

    @property
    def done(self) -> int:
        """Updates."""
        return self._updates

    def least_budget(self) -> tuple[int, str]:
        """The first update is the first of the budget."""
        return 1, "nothing"

    def learn(self, budget: int, hooks: Hooks) -> None:
        """Update on uniformly drawn minibatches.

        Raises:
            BadNumbersError: the loss is not finite.
        """
        if self._data is None:
            self._data = load_transitions(self.config.dataset)
            check_environment(self._data, self.env, self.config.dataset)
        self.policy.set_training_mode(True)
        while self._updates < budget:
            hooks.safe_point()
            self._update(self._data)
            hooks.progress()

    def _update(self, data: Transitions) -> None:
        rows = self._batches.integers(len(data), size=self.config.batch_size)
        observations = torch.as_tensor(data.observations[rows], device=self.policy.device)
        actions = torch.as_tensor(data.actions[rows], device=self.policy.device)
        loss = cloning_loss(self.policy, observations, actions)
        if not torch.isfinite(loss):
            raise BadNumbersError(f"update {self._updates}: the loss is not finite: {loss.item()}")
        self.policy.optimizer.zero_grad()
        loss.backward()
        self.policy.optimizer.step()
        self._updates += 1
        self._losses = [self._losses[0] + loss.item(), self._losses[1] + 1]

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

    def generators(self) -> Iterable[np.random.Generator]:
        """Acting draws from torch's global generator only."""
        return ()

    def get_state(self, *, memory: bool = True) -> State:
        """Policy, optimiser, position in the stream of batches; the data stays where it is."""
        return {
            "policy": module_state(self.policy),
            "optimizer": module_state(self.policy.optimizer),
            "batches": generator_state(self._batches),
            "updates": self._updates,
            "losses": self._losses,
        }

    def set_state(self, state: State) -> None:
        """Inverse of :meth:`get_state`.

        Raises:
            CheckpointError: another network.
        """
        try:
            set_module_state(self.policy, state["policy"])
            set_module_state(self.policy.optimizer, state["optimizer"])
        except (RuntimeError, ValueError) as error:
            raise CheckpointError(f"the checkpoint does not fit: {error}. Use the run's own config.toml.") from error
        set_generator_state(self._batches, state["batches"])
        self._updates, self._losses = state["updates"], list(state["losses"])

    def metrics(self) -> dict[str, float]:
        """``train/loss``: mean over the updates since the last call."""
        total, count = self._losses
        self._losses = [0.0, 0.0]
        return {"train/loss": total / count} if count else {}

    def parameters(self) -> Iterable[tuple[str, torch.Tensor]]:
        """Of the policy."""
        return self.policy.named_parameters()

    def save(self, folder: Path) -> None:
        """``policy.zip``: ``stable_baselines3.common.policies.ActorCriticPolicy.load`` reads it."""
        self.policy.save(str(folder / "policy.zip"))

    def close(self) -> None:
        """Close the environment that gave the spaces."""
        self.env.close()
