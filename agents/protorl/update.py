"""One update of Proto-RL: clustering loss, novelty, critic, actor, temperature (arXiv 2102.11271, algorithm 1)."""

from typing import Any, NamedTuple

import torch
from stable_baselines3 import SAC
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.utils import polyak_update

from papergym.agents.fast.random_shift import random_shift
from papergym.agents.protorl.losses import actor_loss, critic_loss, critic_target, temperature_loss
from papergym.agents.protorl.policies import ProtoPolicy

PRETRAIN, FINETUNE = "pretrain", "finetune"


class Noise(NamedTuple):
    """Every random number of one update; shapes for a batch of B, P prototypes, A action dimensions."""

    shift_obs: torch.Tensor  # (B, 2) integers in [0, 2 * shift_px]
    shift_next: torch.Tensor
    gumbel: torch.Tensor  # (P, B) standard Gumbel
    next_action: torch.Tensor  # (B, A) standard normal
    action: torch.Tensor


class ProtoUpdate(SAC):
    """The learning half of :class:`papergym.agents.protorl.algorithm.ProtoRL`; its settings are documented there."""

    policy: ProtoPolicy  # pyright: ignore[reportIncompatibleVariableOverride]
    actor: Any
    critic: Any
    critic_target: Any
    generator: torch.Generator
    phase: str
    update_after: int
    log_every: int
    representation_every: int
    actor_every: int
    target_every: int
    encoder_tau: float
    shift_px: int
    intrinsic_coef: float
    freeze_encoder: bool
    ignore_terminated: bool
    backbone: str

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """Run ``gradient_steps`` updates on samples of the buffer; losses are logged every ``log_every`` updates."""
        assert self.replay_buffer is not None
        if self.replay_buffer.size() < self.update_after:
            return
        self.policy.set_training_mode(True)
        optimizers = [self.actor.optimizer, self.critic.optimizer, self.policy.representation_optimizer]
        self._update_learning_rate(optimizers + ([self.ent_coef_optimizer] if self.ent_coef_optimizer is not None else []))
        for _ in range(gradient_steps):
            metrics = self.update(self.replay_buffer.sample(batch_size), self.draw_noise(batch_size))
            if self._n_updates % self.log_every == 0:
                self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
                self.logger.record("train/phase", int(self.phase == FINETUNE))
                for name, value in metrics.items():
                    self.logger.record(f"train/{name}", value.item())
            self._n_updates += 1

    def draw_noise(self, batch_size: int) -> Noise:
        """Random numbers of one update, drawn on the device from the algorithm's generator."""
        on = {"device": self.device, "generator": self.generator}
        shift_obs, shift_next = torch.randint(0, 2 * self.shift_px + 1, (2, batch_size, 2), **on)
        gumbel = torch.empty(self.policy.queue.prototypes, batch_size, device=self.device).exponential_(
            generator=self.generator
        )
        gumbel = -gumbel.clamp_(min=torch.finfo(torch.float32).tiny).log_()
        next_action, action = torch.randn(2, batch_size, self.policy.actor.action_dim, **on)
        return Noise(shift_obs, shift_next, gumbel, next_action, action)

    def update(self, batch: ReplayBufferSamples, noise: Noise) -> dict[str, torch.Tensor]:
        """One update from a batch; returns scalars on the device."""
        obs, next_obs = batch.observations, batch.next_observations
        if self.policy.pixels and self.shift_px:
            obs, next_obs = (
                random_shift(obs, noise.shift_obs, self.shift_px),
                random_shift(next_obs, noise.shift_next, self.shift_px),
            )
        obs, next_obs = self.policy.encoder.prepare(obs), self.policy.encoder.prepare(next_obs)
        metrics: dict[str, torch.Tensor] = {}
        if (self.phase == PRETRAIN or not self.freeze_encoder) and self._n_updates % self.representation_every == 0:
            metrics["representation_loss"] = self._update_representation(obs, next_obs)
        with torch.no_grad():
            features = self.policy.encoder.encode(obs)
            next_features = self.policy.encoder.encode(next_obs)  # one pass for the reward and the critic's target
        intrinsic = self.policy.novelty(next_features, noise.gumbel)
        reward = intrinsic if self.phase == PRETRAIN else batch.rewards + self.intrinsic_coef * intrinsic
        continues = torch.ones_like(batch.dones) if self.ignore_terminated else 1 - batch.dones
        gamma = self.gamma if batch.discounts is None else batch.discounts  # of several steps
        metrics["critic_loss"] = self._update_critic(
            features, batch.actions, reward, next_features, continues, noise.next_action, gamma
        )
        if self._n_updates % self.actor_every == 0:
            metrics |= self._update_actor(features, noise.action)
        if self._n_updates % self.target_every == 0:
            polyak_update(self.critic.parameters(), self.critic_target.parameters(), self.tau)
        metrics |= {"intrinsic_reward": intrinsic.mean(), "intrinsic_zero_fraction": (intrinsic == 0).float().mean()}
        metrics["reward"] = reward.mean()
        return metrics if self.backbone == "ddpg" else metrics | {"ent_coef": self.temperature.squeeze()}

    @property
    def temperature(self) -> torch.Tensor:
        """SAC's temperature, without gradient."""
        return self.log_ent_coef.detach().exp() if self.log_ent_coef is not None else self.ent_coef_tensor

    def _update_representation(self, obs: torch.Tensor, next_obs: torch.Tensor) -> torch.Tensor:
        policy = self.policy
        policy.prototypes.normalize()
        projected = policy.projector(policy.encoder.encode(obs))
        with torch.no_grad():
            target = policy.target_projector(policy.target_encoder.encode(next_obs))
        loss = policy.prototypes.loss(projected, target)
        policy.representation_optimizer.zero_grad()
        loss.backward()
        policy.representation_optimizer.step()
        for module, slow in ((policy.encoder, policy.target_encoder), (policy.projector, policy.target_projector)):
            polyak_update(module.parameters(), slow.parameters(), self.encoder_tau)
        return loss.detach()

    def _update_critic(
        self,
        features: torch.Tensor,
        actions: torch.Tensor,
        reward: torch.Tensor,
        next_features: torch.Tensor,
        continues: torch.Tensor,
        noise: torch.Tensor,
        gamma: float | torch.Tensor,
    ) -> torch.Tensor:
        with torch.no_grad():
            next_actions, log_prob = self.actor.sample(next_features, noise)
            next_q_values = self.critic_target(next_features, next_actions)
            target = critic_target(reward, continues, gamma, next_q_values, log_prob, self.temperature)
        loss = critic_loss(self.critic(features, actions), target)
        self.critic.optimizer.zero_grad()
        loss.backward()
        self.critic.optimizer.step()
        return loss.detach()

    def _update_actor(self, features: torch.Tensor, noise: torch.Tensor) -> dict[str, torch.Tensor]:
        actions, log_prob = self.actor.sample(features, noise)
        self.critic.requires_grad_(False)  # its gradients would be computed and thrown away
        loss = actor_loss(self.critic(features, actions), log_prob, self.temperature)
        self.actor.optimizer.zero_grad()
        loss.backward()
        self.actor.optimizer.step()
        self.critic.requires_grad_(True)
        metrics = {"actor_loss": loss.detach()}
        if self.backbone == "sac":
            metrics["entropy"] = -log_prob.detach().mean()
        if self.log_ent_coef is not None and self.ent_coef_optimizer is not None:
            self.ent_coef_optimizer.zero_grad()
            temperature_loss(self.log_ent_coef, log_prob, float(self.target_entropy)).backward()
            self.ent_coef_optimizer.step()
        return metrics
