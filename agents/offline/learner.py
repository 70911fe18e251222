"""The loop of an agent that learns from a dataset: one gradient step after the other, no environment."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first
from stable_baselines3.common.utils import get_device

from papergym.agents.checkpoint.sb3state import module_state, set_module_state
from papergym.agents.checkpoint.state import (
    CheckpointError,
    State,
    generator_state,
    global_rng_state,
    set_generator_state,
    set_global_rng_state,
)
from papergym.agents.data.dataset import Dataset, check_digest, check_environment
from papergym.agents.data.minari import load_dataset
from papergym.agents.errors import BadNumbersError, UsageError
from papergym.agents.fast.precision import fast_matmul
from papergym.agents.offline.config import DatasetConfig
from papergym.agents.runner.evaluation import make_env
from papergym.agents.runner.learner import Hooks

LEAST_PIXELS = 36
"""Height and width of an image that the convolutions of SB3's NatureCNN can take."""


def check_image(space: spaces.Space) -> None:
    """Raise UsageError for images that SB3's policies do not take as they are."""
    if not isinstance(space, spaces.Box) or not is_image_space(space):
        return
    if not is_image_space_channels_first(space) or min(space.shape[1:]) < LEAST_PIXELS:
        raise UsageError(
            f"observations: expected images of shape (channels, height, width), at least {LEAST_PIXELS} pixels high and wide, "
            f"got {space.shape}. Wrap the environment in gymnasium.wrappers.TransformObservation and make the data from that."
        )


class OfflineLearner(ABC):
    """A :class:`papergym.agents.runner.learner.Learner` that counts updates.

    A subclass makes its networks in ``__init__``, names everything that a checkpoint holds in :meth:`parts`, and does one
    gradient step in :meth:`update`. What it learns of the data (means, scales, bins) are buffers of a module in
    :meth:`parts`, filled by :meth:`fit`, so that acting needs no data.

    Args:
        env: for its spaces; it is not stepped.
        config: settings.
        data: None reads ``config.dataset`` when learning begins.
        seed: of the networks and of the batches.
        device: of the networks.

    Attributes:
        batches: numpy generator from which :meth:`update` draws its batches; its state is kept.
        device: torch device of the networks.
    """

    def __init__(
        self, env: gym.Env, config: DatasetConfig, data: Dataset | None = None, *, seed: int = 0, device: str = "auto"
    ) -> None:
        check_image(env.observation_space)
        self.env, self.data = env, data
        if data is not None:
            check_environment(data, env, data.name)
        self._dataset, self._digest, self._delayed = config.dataset, config.dataset_digest, config.delayed
        self.device = get_device(device)
        self.batches = np.random.default_rng([seed, 1])
        self.noise = torch.Generator(self.device).manual_seed(seed)
        self._seed = seed
        self._global: State | None = None  # global generators at the checkpoint; dropout draws from torch's
        self._updates = 0
        self._fitted = False  # whether the buffers that fit() fills hold something
        self._sums: dict[str, Any] = {}  # name -> sum since the last metrics
        self._counted = 0

    @classmethod
    def build(
        cls,
        config: Any,
        env_id: str,
        *,
        seed: int,
        device: str = "auto",
        env_kwargs: dict[str, Any] | None = None,
        n_envs: int = 1,
    ) -> "OfflineLearner":
        """The ``build`` of an agent's row: the learner, with the spaces of ``env_id``; ``n_envs`` has no meaning for it."""
        return cls(make_env(env_id, env_kwargs or {}), config, seed=seed, device=device)

    @abstractmethod
    def parts(self) -> Mapping[str, torch.nn.Module | torch.optim.Optimizer]:
        """Networks and optimisers by name: what a checkpoint holds."""

    @abstractmethod
    def update(self, data: Dataset) -> Mapping[str, torch.Tensor]:
        """One gradient step; numbers for metrics.csv, without the prefix ``train/``. One of them is ``loss``."""

    def rewarded(self, data: Dataset) -> Dataset:
        """The data with the rewards that this run learns from."""
        return data.with_delayed_rewards() if self._delayed else data

    def fit(self, data: Dataset) -> None:  # noqa: B027  (an agent may need nothing)
        """Fill the buffers in whose units the networks read: means, scales, bins.

        Called once in the life of the networks: a run that begins with the networks of another one keeps its units.
        """

    def begin(self, data: Dataset) -> None:
        """Take from the data what updates need; called whenever learning begins or goes on, with the same data."""
        if not self._fitted:
            self.fit(data)
            self._fitted = True

    @property
    def done(self) -> int:
        """Updates."""
        return self._updates

    @property
    def returns_range(self) -> tuple[float, float] | None:
        """Lowest and highest return of the data's episodes, of an agent that is told a return to reach; None of any other.

        The ``act`` of such an agent takes one target, or one for each environment.
        """
        return None

    def least_budget(self) -> tuple[int, str]:
        """The first update is the first of the budget."""
        return 1, "nothing"

    def learn(self, budget: int, hooks: Hooks) -> None:
        """Update until ``budget`` updates are done.

        Raises:
            BadNumbersError: the loss is not finite.
            UsageError: other data than the run began with, or data that does not fit the environment.
        """
        if self.data is None:
            self.data = load_dataset(self._dataset)
            check_digest(self.data, self._digest, self._dataset)
            check_environment(self.data, self.env, self._dataset)
        data = self.rewarded(self.data)
        self.begin(data)
        if self._global is not None:
            set_global_rng_state(self._global)
            self._global = None
        elif self._updates == 0:
            torch.manual_seed(self._seed)
        while self._updates < budget:
            hooks.safe_point()
            self.advance(data)
            hooks.progress()

    def advance(self, data: Dataset) -> None:
        """One :meth:`update`, with the CPU's faster products, and its place in the counts.

        Raises:
            BadNumbersError: the loss is not finite.
        """
        with fast_matmul(self.device):
            numbers = self.update(data)
        if not torch.isfinite(numbers["loss"]):
            raise BadNumbersError(f"update {self._updates}: the loss is not finite: {numbers['loss'].item()}")
        for name, value in numbers.items():
            self._sums[name] = self._sums.get(name, 0.0) + value.detach().double()
        self._updates += 1
        self._counted += 1

    @abstractmethod
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
        """See :class:`papergym.agents.runner.learner.Learner`."""

    def generators(self) -> Iterable[torch.Generator | np.random.Generator]:
        """Acting may draw from ``noise``."""
        return (self.noise,)

    def get_state(self, *, memory: bool = True) -> State:
        """Networks, optimisers, generators; the data stays where it is."""
        return {
            "parts": {name: module_state(part) for name, part in self.parts().items()},
            "batches": generator_state(self.batches),
            "noise": self.noise.get_state(),
            "global": global_rng_state(),
            "updates": self._updates,
            "fitted": self._fitted,
            "sums": {name: float(value) for name, value in self._sums.items()},
            "counted": self._counted,
        }

    def set_state(self, state: State) -> None:
        """Inverse of :meth:`get_state`.

        Raises:
            CheckpointError: other networks.
        """
        try:
            for name, part in self.parts().items():
                set_module_state(part, state["parts"][name])
        except (RuntimeError, ValueError, KeyError) as error:
            raise CheckpointError(f"the checkpoint does not fit: {error}. Use the run's own config.toml.") from error
        set_generator_state(self.batches, state["batches"])
        self.noise.set_state(state["noise"])
        self._global = state["global"]
        self._updates, self._sums, self._counted = state["updates"], dict(state["sums"]), state["counted"]
        self._fitted = state.get("fitted", self._updates > 0)  # older checkpoints lack it

    def start_from(self, state: State) -> None:
        """Take the networks from another run's state, and the units of their inputs with them."""
        for name, part in self.parts().items():
            if isinstance(part, torch.nn.Module):
                set_module_state(part, state["parts"][name])
        self._fitted = True

    def metrics(self) -> dict[str, float]:
        """``train/<name>``: means over the updates since the last call."""
        means = {f"train/{name}": float(total) / self._counted for name, total in self._sums.items()}
        self._sums, self._counted = {}, 0
        return means

    def parameters(self) -> Iterable[tuple[str, torch.Tensor]]:
        """Of all networks."""
        for name, part in self.parts().items():
            if isinstance(part, torch.nn.Module):
                yield from ((f"{name}.{key}", value) for key, value in part.named_parameters())

    @abstractmethod
    def save(self, folder: Path) -> None:
        """``policy.zip``, which the policy's own ``load`` reads."""

    def close(self) -> None:
        """Close the environment that gave the spaces."""
        self.env.close()
