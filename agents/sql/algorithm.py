"""Soft Q-learning on stable-baselines3's off-policy loop (arXiv 1702.08165, algorithm 1)."""

from typing import Any

import numpy as np
import torch
from stable_baselines3 import SAC as SB3SAC
from stable_baselines3.common.utils import polyak_update

from papergym.agents.checkpoint.resume import ExactResume
from papergym.agents.checkpoint.state import State
from papergym.agents.fast.precision import fast_matmul
from papergym.agents.replay.uniform import PackedReplayBuffer
from papergym.agents.sql.losses import critic_loss, critic_target, log_jacobian, sampler_loss, soft_value, stein_direction
from papergym.agents.sql.policy import SQLPolicy, q_of


class SQL(ExactResume, SB3SAC):
    """Soft Q-learning: pi(a|s) proportional to exp(Q(s, a) / alpha), sampled by a network trained by Stein's method.

    The critic learns Q / alpha, which is what the paper's reward scale 1 / alpha comes to.

    Args:
        policy: "SQLPolicy" or a subclass of :class:`SQLPolicy`; flat observations.
        env: with a Box of actions.
        *args: as in ``stable_baselines3.SAC``.
        temperature: alpha, the inverse of the paper's reward scale.
        value_particles: uniform actions with which a soft value is estimated.
        stein_particles: actions per state with which the sampler is trained.
        **kwargs: as in ``stable_baselines3.SAC``; ``tau = 1`` copies the target every ``target_update_interval`` updates.
    """

    policy_aliases = {"SQLPolicy": SQLPolicy, "MlpPolicy": SQLPolicy}

    def __init__(
        self,
        policy: Any,
        env: Any,
        *args: Any,
        temperature: float = 1.0,
        value_particles: int = 16,
        stein_particles: int = 16,
        **kwargs: Any,
    ) -> None:
        if temperature <= 0 or value_particles < 1 or stein_particles < 2:
            raise ValueError(
                "expected temperature > 0, value_particles >= 1 and stein_particles >= 2, "
                f"got {temperature}, {value_particles}, {stein_particles}"
            )
        self.temperature = temperature
        self.value_particles, self.stein_particles = value_particles, stein_particles
        kwargs.setdefault("replay_buffer_class", PackedReplayBuffer)
        kwargs["policy_kwargs"] = {"n_critics": 1, **(kwargs.get("policy_kwargs") or {})}
        super().__init__(policy, env, *args, **{**kwargs, "ent_coef": temperature})

    def _setup_model(self) -> None:
        super()._setup_model()
        self._noise = torch.Generator(self.device)
        if self.seed is None:
            self._noise.seed()
        else:
            self._noise.manual_seed(self.seed)
        self.actor.generator = self._noise  # pyright: ignore[reportArgumentType]

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """Run ``gradient_steps`` updates of critic and sampler."""
        self.policy.set_training_mode(True)
        self._update_learning_rate([self.actor.optimizer, self.critic.optimizer])
        assert self.replay_buffer is not None
        critic_losses, norms = [], []
        with fast_matmul(self.device):
            for _ in range(gradient_steps):
                batch = self.replay_buffer.sample(batch_size, env=self._vec_normalize_env)
                critic_losses.append(self._update_critic(batch))
                norms.append(self._update_sampler(batch.observations))
                self._n_updates += 1
                if self._n_updates % self.target_update_interval == 0:
                    polyak_update(self.critic.parameters(), self.critic_target.parameters(), self.tau)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/critic_loss", np.mean(critic_losses))
        self.logger.record("train/stein_norm", np.mean(norms))

    def target(self, batch: Any) -> torch.Tensor:
        """(Reward + gamma V(s')) / alpha, ``(batch, 1)``, V from uniform actions under the target critic (equation 10)."""
        size = int(np.prod(self.action_space.shape or (1,)))
        shape = (len(batch.rewards), self.value_particles, size)
        with torch.no_grad():
            actions = 2 * torch.rand(shape, generator=self._noise, device=self.device) - 1
            value = soft_value(q_of(self.critic_target, batch.next_observations, actions), 1.0, size)
            discount = self.gamma if batch.discounts is None else batch.discounts
            return critic_target(batch.rewards / self.temperature, batch.dones, discount, value[:, None])

    def _update_critic(self, batch: Any) -> float:
        loss = critic_loss(self.critic(batch.observations, batch.actions)[0], self.target(batch))
        self.critic.optimizer.zero_grad()
        loss.backward()
        self.critic.optimizer.step()
        return loss.item()

    def _update_sampler(self, obs: torch.Tensor) -> float:
        """Move the sampler's particles along the Stein direction of exp(Q / alpha), in the space before the tanh.

        The density there is exp(Q(tanh u) / alpha) prod (1 - tanh(u)^2).
        """
        particles = self.actor.particles(obs, self.stein_particles)  # pyright: ignore[reportCallIssue]
        points = particles.detach().requires_grad_()
        log_density = log_jacobian(points) + q_of(self.critic, obs, torch.tanh(points))
        (scores,) = torch.autograd.grad(log_density.sum(), points)
        direction = stein_direction(points.detach(), scores)
        loss = sampler_loss(particles, direction)
        self.actor.optimizer.zero_grad()
        loss.backward()
        self.actor.optimizer.step()
        return direction.norm(dim=-1).mean().item()

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_noise", "_resume_pending"]

    def _extra_state(self) -> State:
        return {"noise": self._noise.get_state()}

    def _set_extra_state(self, state: State) -> None:
        self._noise.set_state(state["noise"])
