"""PPO with the four surrogate objectives of the paper, as an SB3 PPO whose files load in plain SB3."""

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import stable_baselines3 as sb3
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import DictRolloutBuffer, RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import explained_variance
from stable_baselines3.common.vec_env import VecEnv

from papergym.agents.checkpoint.resume import ExactResume
from papergym.agents.checkpoint.state import State, generator_state, set_generator_state
from papergym.agents.errors import BadNumbersError, UsageError
from papergym.agents.ppo import collect, fast
from papergym.agents.ppo.objective import (
    DIVERGED,
    OBJECTIVES,
    Surrogate,
    distribution_parameters,
    exact_kl,
    next_beta,
    policy_loss,
)

log = logging.getLogger(__name__)


class PPO(ExactResume, sb3.PPO):
    """Proximal policy optimisation (1707.06347) with the objectives none, clip, fixed_kl and adaptive_kl.

    Takes every argument of ``stable_baselines3.PPO`` and, by keyword:

    Args:
        objective: surrogate objective (section 3 and 4).
        beta: KL coefficient of eq. 8, its first value with ``adaptive_kl``.
        d_targ: target of the adaptive coefficient, nats. (SB3's ``target_kl`` is another thing: it stops the epochs early.)
        use_fast: numpy path for small tanh networks on the CPU where it applies; the reason is logged once where not.

    The fast path draws from a generator of its own; the torch path samples actions from torch's global generator, as SB3 does.

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
        if not (beta > 0 and d_targ > 0):
            raise ValueError(f"beta and d_targ must be positive, got beta={beta} and d_targ={d_targ}.")
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
        """The flat numpy twin of the policy, on shared memory; None where torch trains."""
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
                raise collect.bad_number("observation", self.num_timesteps, index, self) from error
            raise
        if finished:
            _check_buffer(self, rollout_buffer, first)
        return finished

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
                terms = self._train_torch(surrogate)
            except ValueError as error:
                if "Expected parameter" not in str(error):  # so do torch's distributions begin, when they refuse NaN
                    raise
                raise BadNumbersError(f"step {self.num_timesteps}: {DIVERGED}") from error
        else:
            _flatten(self.rollout_buffer)
            settings = fast.Update(self.n_epochs, self.batch_size, self.max_grad_norm, self.normalize_advantage)
            terms = policy.update(surrogate, _numpy_batch(self.rollout_buffer, policy), settings, self.generator)
            self._n_updates += self.n_epochs
        if self.objective == "adaptive_kl":
            self.beta = next_beta(self.beta, terms["kl"], self.d_targ)
        for name, value in {**terms, "explained_variance": variance, "beta": self.beta}.items():
            self.logger.record(f"train/{name}", value)
        if hasattr(self.policy, "log_std"):
            self.logger.record("train/std", self.policy.log_std.detach().exp().mean().item())
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def _train_torch(self, surrogate: Surrogate) -> dict[str, float]:
        buffer = self.rollout_buffer
        _flatten(buffer)
        rows = buffer.buffer_size * buffer.n_envs
        old = self._old_parameters(rows) if surrogate.penalised else None
        for _ in range(self.n_epochs):
            order = self.generator.permutation(rows)
            stopped = False
            for start in range(0, rows, self.batch_size):
                indices = order[start : start + self.batch_size]
                at_rows = None if old is None else tuple(part[indices] for part in old)
                stopped = not self._minibatch(surrogate, buffer._get_samples(indices), at_rows)
                if stopped:
                    break
            self._n_updates += 1
            if stopped:
                break
        return self._diagnose(surrogate, rows, old)

    def _minibatch(self, surrogate: Surrogate, data: Any, old: tuple[torch.Tensor, ...] | None) -> bool:
        """One optimiser step; False if SB3's ``target_kl`` asks to stop before it."""
        actions = data.actions.long().flatten() if isinstance(self.action_space, spaces.Discrete) else data.actions
        values, log_prob, entropy = self.policy.evaluate_actions(data.observations, actions)  # pyright: ignore[reportArgumentType]
        values, advantages = values.flatten(), data.advantages
        if self.normalize_advantage and len(advantages) > 1:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        log_ratio = log_prob - data.old_log_prob
        if self.target_kl is not None and ((log_ratio.exp() - 1) - log_ratio).mean().item() > 1.5 * self.target_kl:
            return False
        kl = None
        if old is not None:
            kl = exact_kl(old, distribution_parameters(self.policy.get_distribution(data.observations)))  # pyright: ignore[reportArgumentType]
        if self.clip_range_vf is not None:
            limit = float(self.clip_range_vf(self._current_progress_remaining))  # pyright: ignore[reportCallIssue]
            values = data.old_values + torch.clamp(values - data.old_values, -limit, limit)
        value_loss = torch.nn.functional.mse_loss(data.returns, values)
        entropy_loss = log_prob.mean() if entropy is None else -entropy.mean()
        loss = policy_loss(surrogate, log_ratio.exp(), advantages, kl)
        loss = loss + surrogate.entropy_coef * entropy_loss + surrogate.value_coef * value_loss
        self.policy.optimizer.zero_grad()
        loss.backward()
        if self.max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
        self.policy.optimizer.step()
        return True

    def _samples(self, rows: int) -> Iterator[Any]:
        for start in range(0, rows, self.batch_size):
            yield self.rollout_buffer._get_samples(np.arange(start, min(start + self.batch_size, rows)))

    @torch.no_grad()
    def _old_parameters(self, rows: int) -> tuple[torch.Tensor, ...]:
        parts = [distribution_parameters(self.policy.get_distribution(data.observations)) for data in self._samples(rows)]  # pyright: ignore[reportArgumentType]
        return tuple(torch.cat(part) for part in zip(*parts))

    @torch.no_grad()
    def _diagnose(self, surrogate: Surrogate, rows: int, old: tuple[torch.Tensor, ...] | None) -> dict[str, float]:
        """Means over the rollout under the present policy; kl is exact for the KL objectives, else mean(r - 1 - log r)."""
        sums = {"kl": 0.0, "clip_fraction": 0.0, "value_loss": 0.0, "entropy": 0.0}
        done = 0
        for data in self._samples(rows):
            actions = data.actions.long().flatten() if isinstance(self.action_space, spaces.Discrete) else data.actions
            values, log_prob, entropy = self.policy.evaluate_actions(data.observations, actions)  # pyright: ignore[reportArgumentType]
            log_ratio = log_prob - data.old_log_prob
            kl = (log_ratio.exp() - 1) - log_ratio
            if old is not None:
                new = distribution_parameters(self.policy.get_distribution(data.observations))  # pyright: ignore[reportArgumentType]
                kl = exact_kl(tuple(part[done : done + len(log_prob)] for part in old), new)
            done += len(log_prob)
            sums["kl"] += kl.sum().item()
            sums["clip_fraction"] += ((log_ratio.exp() - 1).abs() > surrogate.clip_range).float().sum().item()
            sums["value_loss"] += ((values.flatten() - data.returns) ** 2).sum().item()
            sums["entropy"] += (-log_prob if entropy is None else entropy).sum().item()
        return {name: total / rows for name, total in sums.items()}

    def _extra_state(self) -> State:
        return {"beta": self.beta, "generator": generator_state(self.generator)}

    def _set_extra_state(self, state: State) -> None:
        self.beta = float(state["beta"])
        set_generator_state(self.generator, state["generator"])

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_fast", "generator"]


def _flatten(buffer: RolloutBuffer) -> None:
    """What RolloutBuffer.get does before its first minibatch, without its shuffling by a global generator."""
    if buffer.generator_ready:
        return
    names = ["actions", "values", "log_probs", "advantages", "returns"]
    if isinstance(buffer, DictRolloutBuffer):
        buffer.observations = {key: buffer.swap_and_flatten(part) for key, part in buffer.observations.items()}
    else:
        names.append("observations")
    for name in names:
        setattr(buffer, name, buffer.swap_and_flatten(getattr(buffer, name)))
    buffer.generator_ready = True


def _numpy_batch(buffer: RolloutBuffer, policy: fast.FastPolicy) -> fast.Batch:
    dtype = policy.network.parameters.flat.dtype
    columns = (buffer.log_probs, buffer.advantages, buffer.returns)
    observations, actions = buffer.observations.astype(dtype, copy=False), buffer.actions.astype(dtype, copy=False)
    return fast.Batch(observations, actions, *(column.reshape(-1).astype(dtype, copy=False) for column in columns))


def _check_buffer(model: PPO, buffer: RolloutBuffer, first: int) -> None:
    observations = buffer.observations if isinstance(buffer.observations, dict) else {"observation": buffer.observations}
    for name, array in {"reward": buffer.rewards, **observations}.items():
        finite = np.isfinite(array).reshape(*array.shape[:2], -1).all(axis=2)
        if not finite.all():
            t, index = np.argwhere(~finite)[0]
            raise collect.bad_number(name, first + int(t + 1) * model.n_envs, int(index), model)
