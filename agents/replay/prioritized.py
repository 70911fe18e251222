"""Prioritised replay buffer for stable-baselines3."""

import warnings
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from stable_baselines3.common.vec_env import VecNormalize
from typing_extensions import override

from papergym.agents.checkpoint.state import State
from papergym.agents.replay.checks import entries, scalar, whole
from papergym.agents.replay.priorities import Priorities, Proportional, Ranked
from papergym.agents.replay.uniform import PackedReplayBuffer

VARIANTS: dict[str, tuple[type[Proportional] | type[Ranked], float, float]] = {
    "proportional": (Proportional, 0.6, 0.4),
    "rank": (Ranked, 0.7, 0.5),
}
"""Variant -> class, alpha, first beta (table 3 of the paper; beta goes linearly to 1)."""


SCALES = ("batch", "buffer")
"""Where the weight is taken that becomes 1."""

PATIENCE = 100
"""Batches drawn without any new priority after which the buffer warns."""


class PrioritizedSamples(NamedTuple):
    """SB3's sample tuple, importance weights and joint indices; observations are tensors or dicts of tensors."""

    observations: Any
    actions: torch.Tensor
    next_observations: Any
    dones: torch.Tensor
    rewards: torch.Tensor
    discounts: torch.Tensor | None
    weights: torch.Tensor
    """(N P(i))^-beta divided by the largest of the batch or of the buffer, float32 ``(n, 1)``."""
    indices: np.ndarray
    """``time * n_envs + env``, int64 ``(n,)``: hand them back to :meth:`PrioritizedReplayBuffer.update_priorities`."""


class PrioritizedReplayBuffer(PackedReplayBuffer):
    """Prioritised replay (Schaul et al., 2016) with one priority per transition of every environment.

    ``PrioritizedDQN("MlpPolicy", env)`` uses it. In an algorithm of your own: ``replay_buffer_class=PrioritizedReplayBuffer``,
    multiply the losses of a batch by ``batch.weights``, then call ``update_priorities(batch.indices, td_errors)`` before the
    next ``add``, and ``anneal(fraction of training done)`` once per ``train``.

    stable-baselines3's own algorithms do none of these: in ``DQN(..., replay_buffer_class=PrioritizedReplayBuffer)`` every
    transition keeps the priority of a new one, and the batches are uniform with ``variant="proportional"`` and ranked by
    slot with "rank". The buffer warns once when it has drawn 100 batches and got no TD errors.

    With n-step returns a window never passes the newest transition, so an old slot ahead of the write head cannot enter a
    return, nor its priority.

    Args:
        *args: those of :class:`PackedReplayBuffer` (buffer_size, spaces, device, n_envs, n_steps, gamma, seed, ...).
        variant: "proportional" or "rank".
        alpha: how much priorities matter, 0 is uniform; None: 0.6 (proportional) or 0.7 (rank).
        beta: first exponent of the importance weights; None: 0.4 (proportional) or 0.5 (rank).
        beta_final: exponent at the end of training, see :meth:`anneal`.
        epsilon: added to |TD error|; the paper does not give its value.
        largest_weight: the weights are divided by the largest one of the "batch" (algorithm 1 of the paper), or of the whole
            "buffer", as OpenAI's baselines and cpprb do: smaller steps, the same for a transition in every batch. With
            "proportional", "buffer" looks for the smallest priority at every draw, about 0.3 ms for a million.
        **kwargs: as ``*args``.
    """

    def __init__(
        self,
        *args: Any,
        variant: str = "proportional",
        alpha: float | None = None,
        beta: float | None = None,
        beta_final: float = 1.0,
        epsilon: float = 1e-6,
        largest_weight: str = "batch",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        for name, given, known in (("variant", variant, VARIANTS), ("largest_weight", largest_weight, SCALES)):
            if given not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {given!r}")
        kind, default_alpha, default_beta = VARIANTS[variant]
        self.alpha = default_alpha if alpha is None else alpha
        self.beta_first = default_beta if beta is None else beta
        self.beta = self.beta_first
        self.beta_final = beta_final
        for name, value in (("alpha", self.alpha), ("beta", self.beta_first), ("beta_final", beta_final), ("epsilon", epsilon)):
            if not (np.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be a number and not negative, got {value}")
        self.variant, self.largest_weight = variant, largest_weight
        self.priorities: Priorities = kind(self.buffer_size * self.n_envs, self.alpha, epsilon)
        self._unanswered = 0  # batches drawn so far, or less than 0 once TD errors have come back

    def anneal(self, fraction: float) -> None:
        """Put beta on the line from its first to its final value; ``fraction`` of training is done, clipped to [0, 1].

        Raises:
            ValueError: ``fraction`` is NaN.
        """
        if np.isnan(fraction):
            raise ValueError(f"fraction: expected how much of training is done, got {fraction}.")
        self.beta = self.beta_first + (self.beta_final - self.beta_first) * min(max(fraction, 0.0), 1.0)

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> PrioritizedSamples:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Stratified batch: one transition from each of ``batch_size`` equal shares of the total probability."""
        whole("batch_size", batch_size, 1)
        if self._unanswered >= 0:
            self._count_unanswered()
        indices, probabilities = self.priorities.draw(batch_size, self.generator)
        smallest = probabilities.min() if self.largest_weight == "batch" else self.priorities.smallest()
        weights = (probabilities / smallest) ** -self.beta  # N cancels out; the smallest P(i) has the largest weight
        batch = self._gather(indices, env)
        weights = self._tensor(weights.astype(np.float32)[:, None])
        return PrioritizedSamples(*cast(tuple, batch), weights=weights, indices=indices)

    def update_priorities(self, indices: np.ndarray, td_errors: np.ndarray | torch.Tensor) -> None:
        """Set the priorities of the sampled transitions.

        Args:
            indices: ``batch.indices``, int64 ``(n,)``.
            td_errors: TD errors of any sign, ``(n,)`` or ``(n, 1)``.

        Raises:
            ValueError: an error that is not finite, or a wrong shape. IndexError: no transition there. No priority is
                changed.
        """
        if isinstance(td_errors, torch.Tensor):
            td_errors = td_errors.detach().cpu().numpy()
        errors = np.asarray(td_errors)
        if errors.dtype.kind not in "biuf":
            raise ValueError(f"td_errors: expected numbers, got {errors.dtype}.")
        errors = errors.astype(np.float64, copy=False).reshape(-1)
        if errors.shape != np.shape(indices):
            raise ValueError(f"one TD error per index: got {errors.shape[0]} errors for indices of shape {np.shape(indices)}")
        self.priorities.update(indices, errors)
        self._unanswered = -1

    def _count_unanswered(self) -> None:
        self._unanswered += 1
        if self._unanswered == PATIENCE and self.alpha > 0:
            warnings.warn(
                f"{PATIENCE} batches were drawn and no priority was ever updated, so replay is not prioritised. "
                "stable-baselines3's own algorithms never return TD errors: use PrioritizedDQN or PrioritizedSAC of papergym, "
                "or call update_priorities(batch.indices, td_errors) after each batch.",
                stacklevel=3,
            )

    def _added(self, start: int) -> None:
        self.priorities.add(start, self.n_envs)

    @override
    def get_state(self) -> State:
        return {**super().get_state(), "priorities": self.priorities.get_state(), "beta": self.beta}

    @override
    def set_state(self, state: State) -> None:
        super().set_state(state)
        self.priorities.set_state(state["priorities"])
        self.beta = float(state["beta"])

    @override
    def _check_state(self, state: State) -> None:
        super()._check_state(state)
        priorities, beta = entries(state, ("priorities", "beta"))
        self.priorities.check_state(priorities, len(state["rows"]))
        scalar("beta", beta)
