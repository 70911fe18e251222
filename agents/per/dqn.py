"""Double DQN with prioritised replay (algorithm 1 of the paper)."""

from typing import Any

import numpy as np
import torch
from stable_baselines3 import DQN

from papergym.agents.checkpoint.resume import ExactResume
from papergym.agents.checkpoint.state import State, generator_state, set_generator_state
from papergym.agents.per.losses import td_target, weighted_loss
from papergym.agents.replay.own import OwnReplay, with_settings
from papergym.agents.replay.prioritized import PrioritizedReplayBuffer


class PrioritizedDQN(OwnReplay, ExactResume, DQN):
    """DQN with prioritised replay: ``PrioritizedDQN("MlpPolicy", env).learn(100_000)``.

    Args:
        policy: as in ``stable_baselines3.DQN``.
        env: as there.
        *args: as there.
        double: evaluate the online network's best action with the target network (Double DQN).
        variant: "proportional" or "rank".
        alpha: priority exponent; None is the paper's for the variant.
        beta: first exponent of the importance weights, which goes linearly to 1 over training; None is the paper's.
        largest_weight: "batch" or "buffer", see :class:`papergym.agents.replay.prioritized.PrioritizedReplayBuffer`.
        td_clip: priorities are computed from TD errors clipped to this size (the paper: 1); None does not clip.
        **kwargs: as in ``stable_baselines3.DQN``. Replay and exploration draw from generators of this object.
    """

    own_replay = PrioritizedReplayBuffer
    replay_buffer: PrioritizedReplayBuffer

    def __init__(
        self,
        policy: Any,
        env: Any,
        *args: Any,
        double: bool = True,
        variant: str = "proportional",
        alpha: float | None = None,
        beta: float | None = None,
        largest_weight: str = "batch",
        td_clip: float | None = 1.0,
        **kwargs: Any,
    ) -> None:
        self.double, self.td_clip = double, td_clip
        kwargs = with_settings(kwargs, variant=variant, alpha=alpha, beta=beta, largest_weight=largest_weight)
        self.replay_settings = kwargs["replay_buffer_kwargs"]
        super().__init__(policy, env, *args, **{"replay_buffer_class": self.own_replay, **kwargs})

    def _setup_model(self) -> None:
        super()._setup_model()
        self._exploring = np.random.default_rng(None if self.seed is None else [self.seed, 1])

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Run ``gradient_steps`` updates; each returns its TD errors to the buffer as priorities."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        self.replay_buffer.anneal(1.0 - self._current_progress_remaining)
        losses = []
        for _ in range(gradient_steps):
            batch = self.replay_buffer.sample(batch_size, env=self._vec_normalize_env)
            values = self.q_net(batch.observations).gather(1, batch.actions.long())  # (batch, 1)
            target = self._target(batch)
            loss = weighted_loss(values, target, batch.weights)
            self.policy.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
            self.policy.optimizer.step()
            td_errors = (target - values).detach()
            self.replay_buffer.update_priorities(
                batch.indices, td_errors if self.td_clip is None else td_errors.clamp(-self.td_clip, self.td_clip)
            )
            losses.append(loss.item())
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", np.mean(losses))
        self.logger.record("train/beta", self.replay_buffer.beta)

    @torch.no_grad()
    def _target(self, batch: Any) -> torch.Tensor:
        """Reward and discounted value of the next observation, ``(batch, 1)``."""
        next_values = self.q_net_target(batch.next_observations)
        next_choice = self.q_net(batch.next_observations) if self.double else next_values
        discount = self.gamma if batch.discounts is None else batch.discounts
        return td_target(batch.rewards, batch.dones, discount, next_values, next_choice)

    def predict(
        self,
        observation: Any,
        state: tuple[np.ndarray, ...] | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...] | None]:
        """Action of the policy, epsilon-greedy unless ``deterministic``, with epsilon drawn from this object's generator."""
        if deterministic or self._exploring.random() >= self.exploration_rate:
            return self.policy.predict(observation, state, episode_start, deterministic=True)
        if not self.policy.is_vectorized_observation(observation):
            return np.array(self.action_space.sample()), state
        one = next(iter(observation.values())) if isinstance(observation, dict) else observation
        return np.array([self.action_space.sample() for _ in range(len(one))]), state

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_exploring", "_resume_pending"]

    def _extra_state(self) -> State:
        return {"exploring": generator_state(self._exploring)}

    def _set_extra_state(self, state: State) -> None:
        set_generator_state(self._exploring, state["exploring"])
