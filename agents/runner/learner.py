"""The protocol between the runner and whatever learns.

The runner (:mod:`papergym.agents.runner.session`) knows nothing of stable-baselines3, rollouts or datasets. It drives a
*learner*, which owns its loop and calls the runner back through :class:`Hooks`. SB3 algorithms become learners through
:class:`papergym.agents.runner.sb3.SB3Learner`; anything else implements :class:`Learner` itself.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from papergym.agents.checkpoint.state import State


class Hooks(Protocol):
    """What a learner calls while it learns."""

    def safe_point(self) -> None:
        """Between two updates: the learner's state is whole. The runner may log, evaluate, save, or raise to stop.

        Call it before every unit of the budget, or every few; not after the last one, where the runner acts by itself.
        """

    def progress(self) -> None:
        """A unit of the budget is done; cheap, for the progress bar."""

    def episode(self, value: float, length: int) -> None:
        """A training episode has ended with the return ``value`` after ``length`` steps."""


@runtime_checkable
class Learner(Protocol):
    """What the runner drives."""

    @property
    def done(self) -> int:
        """Units of the budget done so far: agent steps or updates, as the agent's row says in ``unit``."""
        ...

    def least_budget(self) -> tuple[int, str]:
        """Units up to and including the first update, and the names of the settings that lower them."""
        ...

    def learn(self, budget: int, hooks: Hooks) -> None:
        """Go on from :attr:`done` to ``budget`` units of the whole run.

        Raises:
            BadNumbersError: rewards, observations or losses that are not finite.
        """

    def act(
        self,
        observation: Any,
        first: np.ndarray,
        reward: np.ndarray,
        target: float | None,
        state: Any = None,
        *,
        deterministic: bool = True,
    ) -> tuple[np.ndarray, Any]:
        """Act for ``n`` environments at once.

        Args:
            observation: batch, ``(n, ...)``, or a dict of batches.
            first: ``(n,)`` bool; True where an episode begins.
            reward: ``(n,)`` rewards of the step that led to the observation; 0 where an episode begins.
            target: return to aim at, for agents that are told one; None is the agent's own choice.
            state: what the last call returned; None at the first one.
            deterministic: without exploration.

        Returns:
            Actions ``(n, ...)`` in the environment's action space, and the state for the next call.
        """
        ...

    def generators(self) -> Iterable[torch.Generator | np.random.Generator]:
        """The learner's own generators that :meth:`act` may draw from; an evaluation puts them back."""
        ...

    def get_state(self, *, memory: bool = True) -> State:
        """Everything that decides the next number; without ``memory`` only what acting needs (no replay, no dataset)."""
        ...

    def set_state(self, state: State) -> None:
        """Inverse of :meth:`get_state`.

        Raises:
            CheckpointError: the state does not fit.
        """

    def metrics(self) -> dict[str, float]:
        """Losses and other numbers since the last call, by name."""
        ...

    def parameters(self) -> Iterable[tuple[str, torch.Tensor]]:
        """Names and tensors whose numbers must stay finite."""
        ...

    def save(self, folder: Path) -> None:
        """Write the files with which the policy can be used without papergym."""

    def close(self) -> None:
        """Close the environments of training."""
