"""PPO with the four surrogate objectives of the paper, as an SB3 PPO whose files load in plain SB3."""

import logging
import math
from typing import Any

import numpy as np
import stable_baselines3 as sb3
from gymnasium import spaces
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import explained_variance
from stable_baselines3.common.vec_env import VecEnv

from papergym.agents.checkpoint.resume import ExactResume
from papergym.agents.checkpoint.state import State, generator_state, set_generator_state
from papergym.agents.errors import BadNumbersError, UsageError
from papergym.agents.ppo import collect, fast, update
from papergym.agents.ppo.finite import bad_number, check_rollout
from papergym.agents.ppo.objective import BETA_BOUNDS, DIVERGED, OBJECTIVES, Surrogate, next_beta

log = logging.getLogger(__name__)


class PPO(ExactResume, sb3.PPO):
    """Proximal policy optimisation (1707.06347) with the objectives none, clip, fixed_kl and adaptive_kl.

    Takes every argument of ``stable_baselines3.PPO`` and, by keyword:

    Args:
        objective: surrogate objective (section 3 and 4).
        beta: KL coefficient of eq. 8, its first value with ``adaptive_kl``.
        d_targ: target of the adaptive coefficient, nats. (SB3's ``target_kl`` is another thing: it stops the epochs early.)
        use_fast: rollouts and updates in numpy for small tanh networks on the CPU
            (:class:`papergym.agents.ppo.fast.FastPolicy`); the log says where not. False: in torch, with the plain autograd
            update (:class:`papergym.agents.ppo.update.Update`).

    Both updates shuffle by a generator of this object. In numpy the actions come from it too; in torch they are sampled from
    torch's global generator, as SB3 does.

    Raises:
        ValueError: an unknown objective, coefficients that are not positive, or a KL objective for actions other than
            Box and Discrete.
    """

    def __init__(
        self,
        policy: Any,
        env: Any,
        *args: Any,
        objective: str = "clip",
        beta: float = 1.0,
        d_targ: float = 0.01,
        use_fast: bool = True,
        **kwargs: Any,
    ) -> None:
        if objective not in OBJECTIVES:
            raise ValueError(f"objective must be one of {', '.join(OBJECTIVES)}, got {objective!r}.")
        low, high = BETA_BOUNDS
        if not (low <= beta <= high and 0 < d_targ < math.inf):
            raise ValueError(
                f"beta must lie in {low:g} ... {high:g} and d_targ must be positive, got beta={beta} and d_targ={d_targ}."
            )
        self.objective, self.beta, self.d_targ, self.use_fast = objective, float(beta), float(d_targ), use_fast
        self._fast: fast.FastPolicy | None = None
        super().__init__(policy, env, *args, **kwargs)

    def _setup_model(self) -> None:
        super()._setup_model()
        self.generator = np.random.default_rng(self.seed)
        self._fast = None
        gaussian = isinstance(self.action_space, (spaces.Box, spaces.Discrete)) and not self.use_sde
        if self.objective.endswith("_kl") and not gaussian:
            raise ValueError(
                f"objective={self.objective!r} needs Box or Discrete actions without gSDE, got {self.action_space}. "
                "Use objective='clip' or 'none'."
            )
        reason = self._refusal()
        if self.use_fast and reason:
            log.info("PPO trains with torch: %s", reason)

    def _refusal(self) -> str:
        if self.clip_range_vf is not None or self.target_kl is not None:
            return "clip_range_vf and target_kl are torch only"
        return fast.refusal(self.policy)

    @property
    def fast_policy(self) -> fast.FastPolicy | None:
        """The policy in numpy, on shared memory; None where torch trains."""
        if not self.use_fast or self._refusal():
            return None
        if self._fast is None or not self._fast.bound(self.policy):
            self._fast = fast.FastPolicy(self.policy)
        return self._fast

    def surrogate(self) -> Surrogate:
        """Objective and coefficients at the present progress."""
        clip = float(self.clip_range(self._current_progress_remaining))  # pyright: ignore[reportCallIssue]
        return Surrogate(self.objective, clip, self.beta, self.vf_coef, self.ent_coef)

    def learn(self, total_timesteps: int, *args: Any, **kwargs: Any) -> "PPO":  # pyright: ignore[reportIncompatibleMethodOverride]
        """As SB3's ``learn``; a budget smaller than the first rollout is an error instead of being exceeded silently."""
        rollout = self.n_steps * self.n_envs
        if total_timesteps < rollout and self.num_timesteps == 0:
            raise UsageError(
                f"a budget of {total_timesteps} steps is below one update, which takes n_steps * n_envs = {rollout}. "
                "Raise the budget or lower n_steps."
            )
        return super().learn(total_timesteps, *args, **kwargs)

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """As SB3; in numpy where policy and environments allow it.

        Raises:
            BadNumbersError: a reward or observation that is not finite, with its step and environment.
        """
        policy = self.fast_policy
        if policy is not None and not collect.refusal(env):
            self.policy.set_training_mode(False)
            return collect.Collector(self, policy, self.generator).collect(callback, rollout_buffer)
        first = self.num_timesteps
        try:
            finished = super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)
        except ValueError as error:  # torch's distributions refuse NaN before the rollout ends
            last: Any = self._last_obs
            if isinstance(last, np.ndarray) and not np.isfinite(last).all():
                index = int(np.argwhere(~np.isfinite(last))[0][0])
                raise bad_number("observation", self.num_timesteps, index, self) from error
            raise
        if finished:
            observations: Any = rollout_buffer.observations
            named = observations if isinstance(observations, dict) else {"observation": observations}
            check_rollout(self, first, {"reward": rollout_buffer.rewards, **named})
        return finished

    @property
    def gradient_limit(self) -> float | None:
        """Limit of the gradient's norm, None for no limit; ``max_grad_norm`` may say that as infinity or None."""
        return None if self.max_grad_norm is None or math.isinf(self.max_grad_norm) else self.max_grad_norm

    def train(self) -> None:
        """One policy update: ``n_epochs`` of minibatches, then one step of the adaptive coefficient.

        Raises:
            BadNumbersError: the policy has diverged.
        """
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        variance = explained_variance(self.rollout_buffer.values.flatten(), self.rollout_buffer.returns.flatten())
        surrogate, policy = self.surrogate(), self.fast_policy
        if policy is None:
            try:
                terms = update.Update(self)(surrogate, self.generator)
            except ValueError as error:
                if "Expected parameter" not in str(error):  # so do torch's distributions begin, when they refuse NaN
                    raise
                raise BadNumbersError(f"step {self.num_timesteps}: {DIVERGED}") from error
        else:
            update.flatten(self.rollout_buffer)
            settings = fast.Settings(self.n_epochs, self.batch_size, self.gradient_limit, self.normalize_advantage)
            terms = policy.update(surrogate, _numpy_batch(self.rollout_buffer, policy), settings, self.generator)
            self._n_updates += self.n_epochs
        if self.objective == "adaptive_kl":
            self.beta = next_beta(self.beta, terms["kl"], self.d_targ)
        for name, value in {**terms, "explained_variance": variance, "beta": self.beta}.items():
            self.logger.record(f"train/{name}", value)
        if hasattr(self.policy, "log_std"):
            self.logger.record("train/std", self.policy.log_std.detach().exp().mean().item())
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def _extra_state(self) -> State:
        return {"beta": self.beta, "generator": generator_state(self.generator)}

    def _set_extra_state(self, state: State) -> None:
        self.beta = float(state["beta"])
        set_generator_state(self.generator, state["generator"])

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_fast", "generator"]


def _numpy_batch(buffer: RolloutBuffer, policy: fast.FastPolicy) -> fast.Batch:
    dtype = policy.network.parameters.flat.dtype
    columns = (buffer.log_probs, buffer.advantages, buffer.returns)
    observations, actions = buffer.observations.astype(dtype, copy=False), buffer.actions.astype(dtype, copy=False)
    return fast.Batch(observations, actions, *(column.reshape(-1).astype(dtype, copy=False) for column in columns))
