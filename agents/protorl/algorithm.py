"""Proto-RL as a stable-baselines3 algorithm (arXiv 2102.11271, algorithm 1; official code of D. Yarats)."""

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import GymEnv, RolloutReturn, Schedule, TrainFreq
from stable_baselines3.common.vec_env import VecEnv

from papergym.agents.checkpoint.resume import ExactResume
from papergym.agents.checkpoint.state import State
from papergym.agents.protorl.coverage import Visits
from papergym.agents.protorl.policies import ProtoPolicy
from papergym.agents.protorl.update import FINETUNE, PRETRAIN, ProtoUpdate
from papergym.agents.replay.frames import FrameReplay


class ProtoRL(ExactResume, ProtoUpdate):
    """Reward-free pretraining, then finetuning, with SAC on frozen-gradient features of a prototype encoder.

    For the first ``pretrain_steps`` steps the reward is the novelty of the next observation, recomputed for each sampled
    batch, and the encoder learns from the clustering loss alone. Then critic, temperature, optimisers and replay buffer
    start afresh, the actor goes on from its weights, the encoder stops learning, and the reward becomes
    r + ``intrinsic_coef`` * novelty. The candidate queue is kept. ``pretrain_steps=0`` is SAC from scratch.

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
        backbone: "sac", or "ddpg" as in DrQ-v2 and URLB: a mean with Gaussian noise behind it, and no temperature.
        n_steps: rewards in a return; the novelty is that of the last of its states, as in URLB.
        noise_std: standard deviation of DDPG's noise at the beginning and at the end of its schedule.
        noise_std_steps: steps from one to the other, in a straight line.
        noise_clip: largest noise of DDPG where actor and critic learn.
        representation_every, actor_every, target_every: updates between updates of encoder, actor and critic target.
        encoder_tau: rate of the slow encoder.
        shift_px: random shift of images; 0 switches it off.
        freeze_encoder: stop the clustering loss at the switch.
        transfer_critic: keep critic and temperature at the switch, as URLB does with its critic; the official code, and
            the default, starts them afresh.
        ignore_terminated: bootstrap through true ends too, as the official code does; in dm_control's suite only the lqr
            tasks have such ends, the others only end by their time limit.
        record_visits: keep the world's physical features at every pretraining step, for the state coverage.
        log_every: updates between two readings of the losses, which make the host wait for the device.
    """

    policy_aliases = {"ProtoPolicy": ProtoPolicy}

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
        backbone: str = "sac",
        n_steps: int = 1,
        noise_std: tuple[float, float] = (0.2, 0.2),
        noise_std_steps: int = 100_000,
        noise_clip: float = 0.3,
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
        _check_noise(noise_std, noise_std_steps, noise_clip)
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
            replay_buffer_kwargs={
                "frame_stack": frame_stack,
                "storage": replay_storage,
                "seed": seed,
                "n_steps": n_steps,
                "gamma": gamma,
            },
            ent_coef=0.0 if backbone == "ddpg" else ent_coef,
            target_entropy=target_entropy,
            policy_kwargs={"backbone": backbone, "noise_std": noise_std[0], "noise_clip": noise_clip, **(policy_kwargs or {})},
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
        self.backbone, self.noise_std, self.noise_std_steps = backbone, tuple(noise_std), noise_std_steps
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
            with torch.random.fork_rng(devices=[]):  # initial weights from this algorithm's generator, not the global one
                torch.manual_seed(int(torch.randint(2**31, (1,), generator=self.generator, device=self.device)))
                self.policy.reset_critic(self.lr_schedule)
            if self.log_ent_coef is not None:
                initial = float(str(self.ent_coef).split("_")[1]) if "_" in str(self.ent_coef) else 1.0
                self.log_ent_coef.data.fill_(float(np.log(initial)))
        self.policy.reset_optimizers(self.lr_schedule)
        if self.log_ent_coef is not None:
            self.ent_coef_optimizer = torch.optim.Adam([self.log_ent_coef], lr=self.lr_schedule(1))
        self._create_aliases()

    def _on_step(self) -> None:
        first, last = self.noise_std
        if self.backbone == "ddpg" and first != last:
            self.actor.std.fill_(first + (last - first) * min(self.num_timesteps / self.noise_std_steps, 1.0))
        if self.visits is not None and self.phase == PRETRAIN:
            assert self.env is not None
            self.visits.record(self.env)

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


def _check_noise(std: tuple[float, float], steps: int, clip: float) -> None:
    """Raise ValueError for a schedule of DDPG's noise that is none."""
    if len(std) != 2 or not all(0 <= part < np.inf for part in std):
        raise ValueError(f"Expected noise_std of two numbers from 0, got {std!r}.")
    if steps < 1:
        raise ValueError(f"Expected noise_std_steps of at least 1, got {steps!r}.")
    if not clip > 0:
        raise ValueError(f"Expected a positive noise_clip, got {clip!r}.")
