"""SAC: the objective of the paper, stable-baselines3's classes and files, and an update with less work in it."""

import logging
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import SAC as SB3SAC
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import FlattenExtractor

from papergym.agents.checkpoint.resume import ExactResume
from papergym.agents.checkpoint.state import State, generator_state, set_generator_state
from papergym.agents.fast.acting import numpy_actor
from papergym.agents.fast.precision import fast_matmul
from papergym.agents.fast.stacked import is_relu_mlp
from papergym.agents.replay.own import OwnReplay
from papergym.agents.replay.uniform import PackedReplayBuffer
from papergym.agents.sac.update import Update
from papergym.agents.sac.value import ValueNetwork

log = logging.getLogger(__name__)


class SAC(OwnReplay, ExactResume, SB3SAC):
    """Soft actor-critic with automatic, fixed or scheduled temperature (arXiv 1812.05905, 1801.01290).

    The losses and their order are those of ``stable_baselines3.SAC``; files written by :meth:`save` load there. What is
    leaner, for MLPs on flat observations: the critics take no gradient in the actor loss, both critics are one batched MLP,
    Adam is fused, the targets move in one call, a CPU acts in numpy, float32 products take the faster path where it is as
    accurate, and the replay reads a batch in one gather. Noise, actions and batches come from generators of this object.

    Args:
        policy: "MlpPolicy" or a ``SACPolicy`` class. Other policies than ReLU MLPs on flat observations (and gSDE) run
            stable-baselines3's own update; the log says so.
        env: as in stable-baselines3.
        *args: as in ``stable_baselines3.SAC``.
        separate_value: the first version of SAC (1801.01290): a value network with a target of its own instead of
            target critics. Such files need papergym to load.
        lean: False runs stable-baselines3's own update and acting.
        **kwargs: as in ``stable_baselines3.SAC``; ``ent_coef`` is "auto" (learned, target entropy -dim(A)) or a number
            (fixed: the inverse of the first paper's reward scale).
    """

    own_replay = PackedReplayBuffer

    def __init__(self, policy: Any, env: Any, *args: Any, separate_value: bool = False, lean: bool = True, **kwargs: Any):
        self.separate_value, self.lean = separate_value, lean
        self.replay_settings = dict(kwargs.get("replay_buffer_kwargs") or {})
        if kwargs.get("replay_buffer_class") is None:
            kwargs["replay_buffer_class"] = self.own_replay
        super().__init__(policy, env, *args, **kwargs)

    def _setup_model(self) -> None:
        super()._setup_model()
        self._noise = torch.Generator(self.device)
        self._acting = np.random.default_rng(None if self.seed is None else [self.seed, 1])
        if self.seed is None:
            self._noise.seed()
        else:
            self._noise.manual_seed(self.seed)
        self.value = ValueNetwork(self.policy, self.lr_schedule(1)).to(self.device) if self.separate_value else None
        self._lean_update = self._numpy_actor = None
        if self.lean and self._is_plain():
            self._lean_update = self._make_update()
            self._numpy_actor = numpy_actor(self.actor)
        elif self.separate_value:
            raise ValueError("separate_value needs lean=True, flat Box observations and a ReLU MlpPolicy without gSDE")
        elif self.lean:
            log.info("this policy is no ReLU MLP on flat observations: stable-baselines3's own update runs")

    def _is_plain(self) -> bool:
        space = self.observation_space
        return (
            isinstance(space, spaces.Box)
            and not is_image_space(space)
            and not self.use_sde
            and not self.policy.share_features_extractor
            and isinstance(self.actor.features_extractor, FlattenExtractor)
            and is_relu_mlp(self.actor.latent_pi)
            and all(is_relu_mlp(network) for network in self.critic.q_networks)
        )

    def _make_update(self) -> Update:
        update = Update(self.actor, self.critic, self.critic_target, self.gamma, self.value)
        if self.ent_coef_optimizer is None:
            update.temperature = self.ent_coef_tensor.item()
        else:
            assert self.log_ent_coef is not None
            update.learn_temperature(self.log_ent_coef, self.ent_coef_optimizer, float(self.target_entropy))
        return update

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        every = [self.actor.optimizer, self.critic.optimizer, self.ent_coef_optimizer, self.value and self.value.optimizer]
        return [optimizer for optimizer in every if optimizer is not None]

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """Run ``gradient_steps`` updates on batches of ``batch_size`` transitions."""
        if self._lean_update is None:
            super().train(gradient_steps, batch_size)
            return
        self._update_learning_rate(self._optimizers())  # Linear and ReLU know no training mode, none is set
        assert self.replay_buffer is not None
        sums: dict[str, float] = {}
        with fast_matmul(self.device):
            for step in range(gradient_steps):
                batch = self.replay_buffer.sample(batch_size, env=self._vec_normalize_env)
                losses, td_error = self._lean_update(batch, self._noise)
                if step % self.target_update_interval == 0:
                    self._lean_update.move_targets(self.tau)
                self._learned_from(batch, td_error)
                for name, value in losses.items():
                    sums[name] = sums.get(name, 0.0) + value
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        for name, value in sums.items():
            self.logger.record(f"train/{name}", value / gradient_steps)

    def _learned_from(self, batch: Any, td_error: torch.Tensor) -> None:
        """Called after each update with its batch and the absolute TD errors, ``(batch, 1)``."""

    def _sample_action(self, learning_starts: int, action_noise: Any = None, n_envs: int = 1) -> tuple[np.ndarray, np.ndarray]:
        if self._numpy_actor is None or action_noise is not None or self.num_timesteps < learning_starts:
            return super()._sample_action(learning_starts, action_noise, n_envs)
        assert isinstance(self._last_obs, np.ndarray)
        action = self._numpy_actor(self._last_obs, self._acting)
        return self.policy.unscale_action(action), action

    def _excluded_save_params(self) -> list[str]:
        own = ["value", "_noise", "_acting", "_lean_update", "_numpy_actor", "_resume_pending"]
        return super()._excluded_save_params() + own

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        names, variables = super()._get_torch_save_params()
        return names + ([] if self.value is None else ["value", "value.optimizer"]), variables

    def _extra_state(self) -> State:
        return {"noise": self._noise.get_state(), "acting": generator_state(self._acting)}

    def _set_extra_state(self, state: State) -> None:
        self._noise.set_state(state["noise"])
        set_generator_state(self._acting, state["acting"])
