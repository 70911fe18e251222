"""Proto-RL as a stable-baselines3 algorithm (arXiv 2102.11271, algorithm 1; official code of D. Yarats)."""

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from stable_baselines3 import SAC
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import GymEnv, ReplayBufferSamples, RolloutReturn, Schedule, TrainFreq
from stable_baselines3.common.utils import polyak_update
from stable_baselines3.common.vec_env import VecEnv

from papergym.agents.common.resume import ExactResume
from papergym.agents.common.state import State
from papergym.agents.protorl.coverage import Visits
from papergym.agents.protorl.policies import ProtoPolicy
from papergym.agents.protorl.replay import FrameReplay
from papergym.agents.protorl.shift import random_shift

PRETRAIN, FINETUNE = "pretrain", "finetune"


class Noise(NamedTuple):
    """Every random number of one update; shapes for a batch of B, P prototypes, A action dimensions."""

    shift_obs: torch.Tensor  # (B, 2) integers in [0, 2 * shift_px]
    shift_next: torch.Tensor
    gumbel: torch.Tensor  # (P, B) standard Gumbel
    next_action: torch.Tensor  # (B, A) standard normal
    action: torch.Tensor


class ProtoRL(ExactResume, SAC):
    """Reward-free pretraining, then finetuning, with SAC on frozen-gradient features of a prototype encoder.

    For the first ``pretrain_steps`` steps the reward is the novelty of the next observation, recomputed for each sampled
    batch, and the encoder learns from the clustering loss alone. Then critic, temperature, optimisers and replay buffer
    start afresh, the actor goes on from its weights, the encoder stops learning, and the reward becomes
    r + ``intrinsic_coef`` * novelty, while the candidate queue rolls on. ``pretrain_steps=0`` is SAC from scratch.

    Defaults are those of the official code; `assets/papers/protorl.toml` says where the paper, the code and URLB differ.
    One update per ``train_freq`` steps; the ``*_every`` intervals count updates.

    Args:
        policy: :class:`ProtoPolicy` or its name.
        env: environment with Box observations and actions.
        learning_rate: of all four optimisers.
        buffer_size: transitions kept; the same memory serves both phases.
        learning_starts: uniformly random steps at the very beginning.
        update_after: transitions that a phase's buffer must hold before its first update; None: ``learning_starts``.
        batch_size: transitions per update.
        tau: rate of the critic's target.
        gamma: discount.
        train_freq, gradient_steps: as in SB3.
        ent_coef: ``auto_<initial temperature>`` or a fixed temperature.
        target_entropy: ``auto`` is minus the number of action dimensions.
        frame_stack: frames in an observation, which the replay buffer stores one by one.
        replay_storage: "device" or "cpu", see :class:`FrameReplay`.
        pretrain_steps: length of the reward-free phase.
        intrinsic_coef: weight of the novelty while finetuning; 0.2 in Proto-RL, 0 in URLB.
        representation_every, actor_every, target_every: updates between updates of encoder, actor and critic target.
        encoder_tau: rate of the slow encoder.
        shift_px: random shift of images; 0 switches it off.
        freeze_encoder: stop the clustering loss at the switch.
        transfer_critic: keep critic and temperature at the switch (one of the two published versions of the official
            code, and URLB); the other one, and the default, starts them afresh.
        ignore_terminated: bootstrap through true ends too, as the official code does; without effect on dm_control's
            suite, whose tasks only end by their time limit.
        record_visits: keep the world's physical features at every pretraining step, for the state coverage.
        log_every: updates between two readings of the losses, which make the host wait for the device.
    """

    policy_aliases = {"ProtoPolicy": ProtoPolicy}
    policy: ProtoPolicy  # pyright: ignore[reportIncompatibleVariableOverride]
    actor: Any
    critic: Any
    critic_target: Any

    def __init__(
        self,
        policy: str | type[ProtoPolicy],
        env: GymEnv | str,
        learning_rate: float | Schedule = 1e-4,
        buffer_size: int = 100_000,
        learning_starts: int = 1000,
        batch_size: int = 512,
        tau: float = 0.01,
        gamma: float = 0.99,
        train_freq: int | tuple[int, str] = 1,
        gradient_steps: int = 1,
        ent_coef: str | float = "auto_0.1",
        target_entropy: str | float = "auto",
        *,
        update_after: int | None = None,
        frame_stack: int = 3,
        replay_storage: str = "device",
        pretrain_steps: int = 250_000,
        intrinsic_coef: float = 0.2,
        representation_every: int = 2,
        actor_every: int = 2,
        target_every: int = 2,
        encoder_tau: float = 0.05,
        shift_px: int = 4,
        freeze_encoder: bool = True,
        transfer_critic: bool = False,
        ignore_terminated: bool = False,
        record_visits: bool = False,
        log_every: int = 100,
        policy_kwargs: dict[str, Any] | None = None,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
        _init_setup_model: bool = True,
    ) -> None:
        super().__init__(
            policy,
            env,
            learning_rate,
            buffer_size,
            learning_starts,
            batch_size,
            tau,
            gamma,
            train_freq,
            gradient_steps,
            replay_buffer_class=FrameReplay,
            replay_buffer_kwargs={"frame_stack": frame_stack, "storage": replay_storage, "seed": seed},
            ent_coef=ent_coef,
            target_entropy=target_entropy,
            policy_kwargs=policy_kwargs,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            seed=seed,
            device=device,
            _init_setup_model=False,
        )
        self.update_after = learning_starts if update_after is None else update_after
        self.pretrain_steps, self.intrinsic_coef = pretrain_steps, intrinsic_coef
        self.representation_every, self.actor_every, self.target_every = representation_every, actor_every, target_every
        self.encoder_tau, self.shift_px = encoder_tau, shift_px
        self.freeze_encoder, self.transfer_critic, self.ignore_terminated = freeze_encoder, transfer_critic, ignore_terminated
        self.record_visits, self.log_every = record_visits, log_every
        self.phase = PRETRAIN
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self) -> None:
        super()._setup_model()
        self.visits = Visits() if self.record_visits else None
        self.generator = torch.Generator(self.device)
        self.generator.manual_seed(self.seed if self.seed is not None else torch.seed() >> 1)
        self.policy.generator = self.generator

    # --- phases -------------------------------------------------------------------------------------------------------

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        train_freq: TrainFreq,
        replay_buffer: ReplayBuffer,
        action_noise: Any = None,
        learning_starts: int = 0,
        log_interval: int | None = None,
    ) -> RolloutReturn:
        """SB3's loop; the phase changes between two of its calls."""
        if self.phase == PRETRAIN and self.num_timesteps >= self.pretrain_steps:
            self.start_finetuning()
        return super().collect_rollouts(env, callback, train_freq, replay_buffer, action_noise, learning_starts, log_interval)

    def start_finetuning(self) -> None:
        """Fresh critic, temperature, optimisers and replay buffer; actor, encoder, prototypes and queue stay."""
        self.phase = FINETUNE
        assert self.replay_buffer is not None
        self.replay_buffer.reset()
        if not self.transfer_critic:
            self.policy.reset_critic(self.lr_schedule)
            if self.log_ent_coef is not None:
                initial = float(str(self.ent_coef).split("_")[1]) if "_" in str(self.ent_coef) else 1.0
                self.log_ent_coef.data.fill_(float(np.log(initial)))
        self.policy.reset_optimizers(self.lr_schedule)
        if self.log_ent_coef is not None:
            self.ent_coef_optimizer = torch.optim.Adam([self.log_ent_coef], lr=self.lr_schedule(1))
        self._create_aliases()

    def _on_step(self) -> None:
        if self.visits is not None and self.phase == PRETRAIN:
            assert self.env is not None
            self.visits.record(self.env)

    # --- update -------------------------------------------------------------------------------------------------------

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
        shifts = [torch.randint(0, 2 * self.shift_px + 1, (batch_size, 2), **on) for _ in range(2)]
        gumbel = torch.empty(self.policy.queue.prototypes, batch_size, device=self.device).exponential_(generator=self.generator)
        normal = [torch.randn(batch_size, self.policy.actor.action_dim, **on) for _ in range(2)]
        return Noise(*shifts, -gumbel.clamp_(min=torch.finfo(torch.float32).tiny).log_(), *normal)

    def update(self, batch: ReplayBufferSamples, noise: Noise) -> dict[str, torch.Tensor]:
        """One update from a batch; returns scalars on the device."""
        obs, next_obs = batch.observations, batch.next_observations
        if self.policy.pixels and self.shift_px:
            obs, next_obs = random_shift(obs, noise.shift_obs, self.shift_px), random_shift(next_obs, noise.shift_next, self.shift_px)
        metrics: dict[str, torch.Tensor] = {}
        if (self.phase == PRETRAIN or not self.freeze_encoder) and self._n_updates % self.representation_every == 0:
            metrics["representation_loss"] = self._update_representation(obs, next_obs)
        with torch.no_grad():
            features = self.policy.encoder(obs)
            next_features = self.policy.encoder(next_obs)  # one pass for the reward and the critic's target
        intrinsic = self.policy.novelty(next_features, noise.gumbel)
        reward = intrinsic if self.phase == PRETRAIN else batch.rewards + self.intrinsic_coef * intrinsic
        continues = torch.ones_like(batch.dones) if self.ignore_terminated else 1 - batch.dones
        metrics["critic_loss"] = self._update_critic(features, batch.actions, reward, next_features, continues, noise.next_action)
        if self._n_updates % self.actor_every == 0:
            metrics |= self._update_actor(features, noise.action)
        if self._n_updates % self.target_every == 0:
            polyak_update(self.critic.parameters(), self.critic_target.parameters(), self.tau)
        metrics |= {"intrinsic_reward": intrinsic.mean(), "intrinsic_zero_fraction": (intrinsic == 0).float().mean()}
        return metrics | {"reward": reward.mean(), "ent_coef": self.temperature.squeeze()}

    @property
    def temperature(self) -> torch.Tensor:
        """SAC's temperature, without gradient."""
        return self.log_ent_coef.detach().exp() if self.log_ent_coef is not None else self.ent_coef_tensor

    def _update_representation(self, obs: torch.Tensor, next_obs: torch.Tensor) -> torch.Tensor:
        policy = self.policy
        policy.prototypes.normalise()
        projected = policy.projector(policy.encoder(obs))
        with torch.no_grad():
            target = policy.target_projector(policy.target_encoder(next_obs))
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
    ) -> torch.Tensor:
        with torch.no_grad():
            next_actions, log_prob = self.actor.sample(next_features, noise)
            next_value = torch.minimum(*self.critic_target(next_features, next_actions)) - self.temperature * log_prob
            target = reward + self.gamma * continues * next_value
        first, second = self.critic(features, actions)
        loss = F.mse_loss(first, target) + F.mse_loss(second, target)
        self.critic.optimizer.zero_grad()
        loss.backward()
        self.critic.optimizer.step()
        return loss.detach()

    def _update_actor(self, features: torch.Tensor, noise: torch.Tensor) -> dict[str, torch.Tensor]:
        actions, log_prob = self.actor.sample(features, noise)
        self.critic.requires_grad_(False)  # its gradients would be computed and thrown away
        loss = (self.temperature * log_prob - torch.minimum(*self.critic(features, actions))).mean()
        self.actor.optimizer.zero_grad()
        loss.backward()
        self.actor.optimizer.step()
        self.critic.requires_grad_(True)
        metrics = {"actor_loss": loss.detach(), "entropy": -log_prob.detach().mean()}
        if self.log_ent_coef is not None and self.ent_coef_optimizer is not None:
            surplus = (-log_prob - float(self.target_entropy)).detach()  # official form: the temperature itself, not its log
            self.ent_coef_optimizer.zero_grad()
            (self.log_ent_coef.exp() * surplus).mean().backward()
            self.ent_coef_optimizer.step()
        return metrics

    # --- saving -------------------------------------------------------------------------------------------------------

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "generator", "visits"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        modules, variables = super()._get_torch_save_params()
        return [*modules, "policy.representation_optimizer"], variables

    def _extra_state(self) -> State:
        visits = self.visits.state_dict() if self.visits is not None else {}
        return {"phase": self.phase, "generator": self.generator.get_state(), "visits": visits}

    def _set_extra_state(self, state: State) -> None:
        self.phase = state["phase"]
        self.generator.set_state(state["generator"])
        if self.visits is not None and state["visits"]:
            self.visits.load_state_dict(state["visits"])

    def _cut_episodes(self, indices: list[int]) -> None:
        """Nothing to mark: the buffer sees by itself that an observation does not continue the last one."""
