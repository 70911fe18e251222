"""SAC: the objective of the paper, stable-baselines3's classes and files, and a faster update of the same losses."""

import logging
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import SAC as SB3SAC
from stable_baselines3.common.preprocessing import is_image_space

from papergym.agents.checkpoint.resume import ExactResume
from papergym.agents.checkpoint.state import State, generator_state, set_generator_state
from papergym.agents.fast.numpy_actor import numpy_actor
from papergym.agents.fast.precision import fast_matmul
from papergym.agents.replay.own import OwnReplay
from papergym.agents.replay.uniform import PackedReplayBuffer
from papergym.agents.sac import fast
from papergym.agents.sac.losses import FOLLOWED, squashed_gaussian
from papergym.agents.sac.update import Update
from papergym.agents.sac.value import ValueNetwork

log = logging.getLogger(__name__)


class SAC(OwnReplay, ExactResume, SB3SAC):
    """Soft actor-critic with automatic, fixed or scheduled temperature (arXiv 1812.05905, 1801.01290).

    The losses and their order are those of ``stable_baselines3.SAC``; files written by :meth:`save` load there. Two forms of
    the update give the same numbers to float tolerance from the same noise: the plain one
    (:class:`papergym.agents.sac.update.Update`, autograd on :mod:`papergym.agents.sac.losses`) and the fast one for ReLU
    MLPs on flat observations (:class:`papergym.agents.sac.fast.FastUpdate`). On a CPU such policies also act in numpy.
    Noise, actions and batches come from generators of this object. gSDE (``use_sde``) has noise of its own and trains with
    stable-baselines3's ``train``.

    Args:
        policy: "MlpPolicy", "CnnPolicy", "MultiInputPolicy" or a ``SACPolicy`` class.
        env: as in stable-baselines3.
        *args: as in ``stable_baselines3.SAC``.
        separate_value: the first version of SAC (1801.01290): a value network with a target of its own instead of
            target critics. Such files need papergym to load.
        actor_follows: what the actor climbs, of its critics: "min" (the paper and stable-baselines3), "mean" (the authors'
            rail-berkeley/softlearning) or "first" (their haarnoja/sac, whose value network takes the smaller critic as here).
        lean: use the fast update where the policy allows it; the log says where not. False: the plain one.
        **kwargs: as in ``stable_baselines3.SAC``; ``ent_coef`` is "auto" (learned, target entropy -dim(A)) or a number
            (fixed: the inverse of the first paper's reward scale).

    Raises:
        ValueError: ``separate_value`` with gSDE or with observations that are not flat; another ``actor_follows``, or any
            but "min" with gSDE.
    """

    own_replay = PackedReplayBuffer

    def __init__(
        self,
        policy: Any,
        env: Any,
        *args: Any,
        separate_value: bool = False,
        lean: bool = True,
        actor_follows: str = "min",
        **kwargs: Any,
    ):
        self.separate_value, self.lean, self.actor_follows = separate_value, lean, actor_follows
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
        flat = isinstance(self.observation_space, spaces.Box) and not is_image_space(self.observation_space)
        if self.separate_value and (self.use_sde or not flat):
            raise ValueError(
                f"separate_value needs flat Box observations and no gSDE, got {self.observation_space} and "
                f"use_sde={self.use_sde}. Leave separate_value or use_sde out."
            )
        if self.actor_follows not in FOLLOWED or (self.use_sde and self.actor_follows != "min"):
            raise ValueError(
                f"actor_follows: expected one of {', '.join(FOLLOWED)} (min with use_sde), got {self.actor_follows!r}."
            )
        self.value = ValueNetwork(self.policy, self.lr_schedule(1)).to(self.device) if self.separate_value else None
        self._update = self._numpy_actor = None
        if self.use_sde:
            log.info("gSDE: stable-baselines3's own update runs")
            return
        self._update = self._make_update()
        if isinstance(self._update, fast.FastUpdate):
            self._numpy_actor = numpy_actor(self.actor)

    def _make_update(self) -> Update | fast.FastUpdate:
        reason = fast.refusal(self.policy)
        if self.lean and reason:
            log.info("the plain update runs: %s", reason)
        kind = fast.FastUpdate if self.lean and not reason else Update
        update = kind(self.policy, self.gamma, self.value, self.actor_follows)
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
        if self._update is None:
            super().train(gradient_steps, batch_size)
            return
        self._update_learning_rate(self._optimizers())
        assert self.replay_buffer is not None
        sums: dict[str, float] = {}
        with fast_matmul(self.device) if isinstance(self._update, fast.FastUpdate) else nullcontext():
            for step in range(gradient_steps):
                batch = self.replay_buffer.sample(batch_size, env=self._vec_normalize_env)
                losses, td_error = self._update(batch, self._noise)
                if step % self.target_update_interval == 0:
                    self._update.move_targets(self.tau)
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
        if self._update is None or action_noise is not None or self.num_timesteps < learning_starts:
            return super()._sample_action(learning_starts, action_noise, n_envs)
        assert self._last_obs is not None
        if self._numpy_actor is not None:
            assert isinstance(self._last_obs, np.ndarray)
            action = self._numpy_actor(self._last_obs, self._acting)
        else:
            action = self._act_in_torch(self._last_obs)
        return self.policy.unscale_action(action), action

    @torch.no_grad()
    def _act_in_torch(self, observations: Any) -> np.ndarray:
        """Actions in [-1, 1], (n, action_dim), from the noise that the numpy actor would draw."""
        mean, log_std, _ = self.actor.get_action_dist_params(self.policy.obs_to_tensor(observations)[0])
        noise = torch.from_numpy(self._acting.standard_normal(tuple(mean.shape), np.float32)).to(self.device)
        return squashed_gaussian(mean, log_std, noise)[0].cpu().numpy()

    def _excluded_save_params(self) -> list[str]:
        own = ["value", "_noise", "_acting", "_update", "_numpy_actor", "_resume_pending"]
        return super()._excluded_save_params() + own

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        names, variables = super()._get_torch_save_params()
        return names + ([] if self.value is None else ["value", "value.optimizer"]), variables

    def _extra_state(self) -> State:
        return {"noise": self._noise.get_state(), "acting": generator_state(self._acting)}

    def _set_extra_state(self, state: State) -> None:
        self._noise.set_state(state["noise"])
        set_generator_state(self._acting, state["acting"])
