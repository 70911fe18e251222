"""One policy update of PPO by autograd (1707.06347, algorithm 1), on the losses of :mod:`papergym.agents.ppo.objective`."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import stable_baselines3 as sb3
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import DictRolloutBuffer, RolloutBuffer

from papergym.agents.ppo.objective import Surrogate, combined_loss, distribution_parameters, exact_kl


class Update:
    """K epochs of minibatches over the rollout of ``model``, with its settings and for any policy of stable-baselines3.

    :class:`papergym.agents.ppo.fast.FastPolicy` gives the same numbers to float tolerance for small tanh networks.
    """

    def __init__(self, model: sb3.PPO) -> None:
        self.model = model

    def __call__(self, surrogate: Surrogate, generator: np.random.Generator) -> dict[str, float]:
        """All epochs; ``generator`` shuffles the rows. Returns what :meth:`diagnose` finds afterwards."""
        model, buffer = self.model, self.model.rollout_buffer
        flatten(buffer)
        rows = buffer.buffer_size * buffer.n_envs
        old = self._old_parameters(rows) if surrogate.penalised else None
        for _ in range(model.n_epochs):
            order = generator.permutation(rows)
            stopped = False
            for start in range(0, rows, model.batch_size):
                indices = order[start : start + model.batch_size]
                at_rows = None if old is None else tuple(part[indices] for part in old)
                stopped = not self._minibatch(surrogate, buffer._get_samples(indices), at_rows)
                if stopped:
                    break
            model._n_updates += 1
            if stopped:
                break
        return self.diagnose(surrogate, rows, old)

    def _minibatch(self, surrogate: Surrogate, data: Any, old: tuple[torch.Tensor, ...] | None) -> bool:
        """One optimiser step; False if SB3's ``target_kl`` asks to stop before it."""
        model = self.model
        values, log_prob, entropy = self._evaluate(data)  # (batch,) each
        advantages = data.advantages
        if model.normalize_advantage and len(advantages) > 1:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        log_ratio = log_prob - data.old_log_prob
        if model.target_kl is not None and ((log_ratio.exp() - 1) - log_ratio).mean().item() > 1.5 * model.target_kl:
            return False
        kl = None if old is None else exact_kl(old, self._parameters(data))
        if model.clip_range_vf is not None:
            limit = float(model.clip_range_vf(model._current_progress_remaining))  # pyright: ignore[reportCallIssue]
            values = data.old_values + torch.clamp(values - data.old_values, -limit, limit)
        loss = combined_loss(surrogate, log_ratio.exp(), advantages, kl, values, data.returns, entropy)
        model.policy.optimizer.zero_grad()
        loss.backward()
        if model.max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(model.policy.parameters(), model.max_grad_norm)
        model.policy.optimizer.step()
        return True

    @torch.no_grad()
    def diagnose(self, surrogate: Surrogate, rows: int, old: tuple[torch.Tensor, ...] | None) -> dict[str, float]:
        """Means over the rollout under the present policy; kl is exact for the KL objectives, else mean(r - 1 - log r)."""
        sums = {"kl": 0.0, "clip_fraction": 0.0, "value_loss": 0.0, "entropy": 0.0}
        done = 0
        for data in self._samples(rows):
            values, log_prob, entropy = self._evaluate(data)
            log_ratio = log_prob - data.old_log_prob
            kl = (log_ratio.exp() - 1) - log_ratio
            if old is not None:
                kl = exact_kl(tuple(part[done : done + len(log_prob)] for part in old), self._parameters(data))
            done += len(log_prob)
            sums["kl"] += kl.sum().item()
            sums["clip_fraction"] += ((log_ratio.exp() - 1).abs() > surrogate.clip_range).float().sum().item()
            sums["value_loss"] += ((values - data.returns) ** 2).sum().item()
            sums["entropy"] += entropy.sum().item()
        return {name: total / rows for name, total in sums.items()}

    def _evaluate(self, data: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Values, log-probabilities and entropies, (batch,) each; -log pi where there is no entropy in closed form."""
        discrete = isinstance(self.model.action_space, spaces.Discrete)
        actions = data.actions.long().flatten() if discrete else data.actions
        values, log_prob, entropy = self.model.policy.evaluate_actions(data.observations, actions)
        return values.flatten(), log_prob, -log_prob if entropy is None else entropy

    def _parameters(self, data: Any) -> tuple[torch.Tensor, ...]:
        return distribution_parameters(self.model.policy.get_distribution(data.observations))

    @torch.no_grad()
    def _old_parameters(self, rows: int) -> tuple[torch.Tensor, ...]:
        parts = [self._parameters(data) for data in self._samples(rows)]
        return tuple(torch.cat(part) for part in zip(*parts))

    def _samples(self, rows: int) -> Iterator[Any]:
        size = self.model.batch_size
        for start in range(0, rows, size):
            yield self.model.rollout_buffer._get_samples(np.arange(start, min(start + size, rows)))


def flatten(buffer: RolloutBuffer) -> None:
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
