"""SAC with prioritised replay (arXiv 1511.05952)."""

from typing import Any

import torch

from papergym.agents.replay.own import with_settings
from papergym.agents.replay.prioritized import PrioritizedReplayBuffer
from papergym.agents.sac.algorithm import SAC


class PrioritizedSAC(SAC):
    """SAC whose critics learn from prioritised batches, weighted; the actor uses the same batch unweighted.

    The priority of a transition is its absolute TD error averaged over the critics.

    Args:
        policy: as in :class:`papergym.agents.sac.algorithm.SAC`.
        env: as there.
        *args: as there.
        variant: "proportional" or "rank".
        alpha: priority exponent; None is the paper's for the variant.
        beta: first exponent of the importance weights, which goes linearly to 1 over training; None is the paper's.
        largest_weight: "batch" or "buffer", see :class:`papergym.agents.replay.prioritized.PrioritizedReplayBuffer`.
        **kwargs: as in SAC.

    Raises:
        ValueError: gSDE, which trains with stable-baselines3's ``train`` and returns no TD errors.
    """

    own_replay = PrioritizedReplayBuffer
    replay_buffer: PrioritizedReplayBuffer

    def __init__(
        self,
        policy: Any,
        env: Any,
        *args: Any,
        variant: str = "proportional",
        alpha: float | None = None,
        beta: float | None = None,
        largest_weight: str = "batch",
        **kwargs: Any,
    ) -> None:
        own = {"variant": variant, "alpha": alpha, "beta": beta, "largest_weight": largest_weight}
        super().__init__(policy, env, *args, **with_settings(kwargs, **own))

    def _setup_model(self) -> None:
        super()._setup_model()
        if self._update is None:
            raise ValueError("expected use_sde=False, got True: the update of gSDE returns no TD errors. Leave use_sde out.")

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """Run ``gradient_steps`` updates with the exponent of the weights that belongs to the progress made."""
        self.replay_buffer.anneal(1.0 - self._current_progress_remaining)
        super().train(gradient_steps, batch_size)
        self.logger.record("train/beta", self.replay_buffer.beta)

    def _learned_from(self, batch: Any, td_error: torch.Tensor) -> None:
        self.replay_buffer.update_priorities(batch.indices, td_error)
