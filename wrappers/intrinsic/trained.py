"""Base of the bonuses with networks, which are built from the first batch and trained on a schedule."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from papergym.wrappers.intrinsic.base import Bonus, require
from papergym.wrappers.intrinsic.features import Sizes, first, require_sizes
from papergym.wrappers.intrinsic.layout import Layout
from papergym.wrappers.intrinsic.learner import Learner, trains
from papergym.wrappers.intrinsic.networks import seeded, tensors
from papergym.wrappers.intrinsic.transitions import Transitions
from papergym.wrappers.intrinsic.vectors import flatten, require_finite


@dataclass(kw_only=True, eq=False)
class TrainedBonus(Bonus):
    """A bonus with networks.

    Args:
        lr: Adam's learning rate.
        every: observed transitions between two rounds of training.
        updates: Adam steps in a round.
        batch_size: rows of a minibatch.
        buffer: latest transitions from which minibatches are drawn.
        background: train in a thread while the environment steps; weights come into use one round later, at a fixed step.
        hidden: width of the hidden layers.
    """

    lr: float = 1e-3
    every: int = 128
    updates: int = 4
    batch_size: int = 128
    buffer: int = 1024
    background: bool = False
    hidden: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("every", "updates", "batch_size", "buffer", "hidden"):
            require(getattr(self, name) >= 1, f"{name} is at least 1", getattr(self, name))
        require(self.lr > 0, "lr is positive", self.lr)
        self.learner: Learner | None = None
        self._layout: Layout | None = None
        self._loaded: dict[str, Any] | None = None  # a learner's state that came before the first batch
        self._sizes: Sizes = {}

    @abstractmethod
    def _build(self, arrays: dict[str, np.ndarray]) -> nn.Module:
        """The networks for arrays of these shapes."""

    @abstractmethod
    def _loss(self, net: Any, batch: dict[str, Tensor]) -> Tensor:
        """Training loss of a minibatch."""

    def _embed(self, transitions: Transitions) -> dict[str, np.ndarray]:
        """Arrays by name: ``next_*``, and where needed ``obs_*`` and ``action``."""
        if self._layout is None:
            self._layout = Layout(first(transitions.next_obs), self.observation_space)
        layout = self._layout
        arrays = {f"next_{name}": array for name, array in layout(transitions.next_obs).items()}
        if "obs" in self.needs:
            arrays.update({f"obs_{name}": array for name, array in layout(transitions.obs).items()})
        if "action" in self.needs:
            arrays["action"] = flatten(transitions.action, self.action_space)
            require_finite(arrays["action"], "action")
        if len({len(array) for array in arrays.values()}) > 1:
            raise ValueError(f"fields of different lengths: { {name: len(array) for name, array in arrays.items()} }.")
        return arrays

    def _store(self, transitions: Transitions, x: dict[str, np.ndarray]) -> None:
        self._ready(x).add(x)

    def _ready(self, x: dict[str, np.ndarray]) -> Learner:
        return self._start(x) if self.learner is None else self.learner

    @trains
    def _start(self, x: dict[str, np.ndarray]) -> Learner:
        shapes = {name: array.shape[1:] for name, array in x.items()}
        require_sizes(type(self).__name__, shapes, self._sizes)
        self._sizes = shapes
        net = seeded(lambda: self._build(x), self.seed).to(self.device)
        schedule = {"lr": self.lr, "every": self.every, "updates": self.updates, "batch_size": self.batch_size}
        self.learner = Learner(
            net, self._loss, rng=self.rng, capacity=self.buffer, background=self.background, device=self.device, **schedule
        )
        if self._loaded is not None:
            self.learner.load_state_dict(self._loaded)
            self._loaded = None
        return self.learner

    def stats(self) -> dict[str, float]:
        """Diagnostics, with ``transitions`` observed."""
        return {**super().stats(), "transitions": float(self.learner.seen if self.learner else 0)}

    def state_dict(self) -> dict[str, Any]:
        """Exact state: networks, optimiser, and the transitions to train on."""
        learner = self._loaded or {} if self.learner is None else self.learner.state_dict()
        return {**super().state_dict(), "learner": learner, "sizes": {name: list(size) for name, size in self._sizes.items()}}

    def _check(self, state: dict[str, Any]) -> None:
        super()._check(state)
        require_sizes(type(self).__name__, self._sizes, state["sizes"])

    def _load(self, state: dict[str, Any]) -> None:
        super()._load(state)
        if self.learner is not None and state["learner"]:
            self.learner.load_state_dict(state["learner"])
        else:
            self.learner, self._loaded = None, state["learner"] or None
        self._sizes = state["sizes"]


@dataclass(kw_only=True, eq=False)
class ErrorBonus(TrainedBonus):
    """A bonus that pays the errors of its networks."""

    @abstractmethod
    def _errors(self, net: Any, batch: dict[str, Tensor]) -> Tensor:
        """Raw scores (n,)."""

    @torch.no_grad()
    def _raw(self, transitions: Transitions, x: dict[str, np.ndarray]) -> np.ndarray:
        return self._errors(self._ready(x).net, tensors(x, self.device)).cpu().numpy()


def part(batch: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The arrays of one observation, without their prefix."""
    return {name.removeprefix(prefix): value for name, value in batch.items() if name.startswith(prefix)}


def sizes(arrays: dict[str, np.ndarray], prefix: str = "next_") -> dict[str, tuple[int, ...]]:
    """Shapes of one observation's arrays."""
    return {name.removeprefix(prefix): array.shape[1:] for name, array in arrays.items() if name.startswith(prefix)}
