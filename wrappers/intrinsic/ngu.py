"""Never Give Up: episodic novelty in a controllable space, times lifelong novelty."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from papergym.wrappers.intrinsic.base import require
from papergym.wrappers.intrinsic.episodic import EpisodicNovelty
from papergym.wrappers.intrinsic.icm import action_loss, features
from papergym.wrappers.intrinsic.moments import RunningMoments
from papergym.wrappers.intrinsic.networks import Encoder, mlp, tensors
from papergym.wrappers.intrinsic.rnd import RND
from papergym.wrappers.intrinsic.trained import TrainedBonus, sizes
from papergym.wrappers.intrinsic.transitions import Observations, Transitions


@dataclass(kw_only=True, eq=False)
class NGU(TrainedBonus):
    """``episodic * min(max(a, 1), limit)`` with ``a = 1 + (e - mean(e)) / std(e)`` and e the error of an RND bonus.

    The episodic part is :class:`~papergym.wrappers.intrinsic.episodic.EpisodicNovelty` on features that an inverse model
    trains: what of a state the agent's actions control.

    Args:
        k: neighbours in the episode.
        size: states kept per episode.
        dim: length of the controllable features.
        limit: largest factor of the lifelong part (L).

    Source: Badia et al. 2020, arXiv 2002.06038, section 2.
    """

    k: int = 10
    size: int = 2048
    dim: int = 32
    limit: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.limit >= 1, "limit is at least 1", self.limit)
        require(self.order == "score_first", "order is 'score_first': a state must not meet itself", self.order)
        schedule = {name: getattr(self, name) for name in ("lr", "every", "updates", "batch_size", "buffer", "background")}
        self.episode = EpisodicNovelty(k=self.k, size=self.size, embed=self._controllable, seed=self.seed)
        self.lifelong = RND(scaling="none", hidden=self.hidden, seed=self.seed, device=self.device, **schedule)
        self.errors = RunningMoments()

    @property
    def episodic(self) -> bool:
        """One factor is episodic."""
        return True

    @property
    def needs(self) -> tuple[str, ...]:
        """The inverse model reads states and actions."""
        return ("obs", "action")

    def bind(self, observation_space: Any, action_space: Any = None) -> "NGU":
        """Tell the bonus the spaces of one environment."""
        super().bind(observation_space, action_space)
        self.lifelong.bind(observation_space, action_space)
        return self

    def reset(self, env: np.ndarray | None = None) -> None:
        """Forget the running episodes of these environments (all by default)."""
        self.episode.reset(env)

    @torch.no_grad()
    def _controllable(self, observations: Observations) -> np.ndarray:
        assert self._layout is not None and self.learner is not None  # _raw and _store build them first
        inputs = tensors(self._layout(observations), self.device)
        return self.learner.net["encoder"](inputs).cpu().numpy()  # type: ignore[index, operator]

    def _build(self, arrays: dict[str, np.ndarray]) -> nn.Module:
        inverse = mlp(2 * self.dim, self.hidden, arrays["action"].shape[1])
        return nn.ModuleDict({"encoder": Encoder(sizes(arrays), self.dim, self.hidden), "inverse_model": inverse})

    def _loss(self, net: Any, batch: dict[str, Tensor]) -> Tensor:
        return action_loss(
            net["inverse_model"](torch.cat(features(net["encoder"], batch), 1)), batch["action"], self.action_space
        )

    def _raw(self, transitions: Transitions, x: dict[str, np.ndarray]) -> np.ndarray:
        """(n, k + 1): squared distances in the episode, and the error of the lifelong part."""
        self._ready(x)
        squared = self.episode._raw(transitions, self.episode._embed(transitions))
        errors = self.lifelong._raw(transitions, self.lifelong._embed(transitions))
        return np.concatenate([squared, errors[:, None]], axis=1)

    def _finish(self, raw: np.ndarray) -> np.ndarray:
        return self._scaled(self._products(raw))

    def _distances(self, raw: np.ndarray) -> np.ndarray:
        return self.episode._distances(raw[:, :-1])

    def _products(self, raw: np.ndarray) -> np.ndarray:
        factor = np.ones(len(raw))
        if self.errors.count:
            factor = np.clip(1.0 + (raw[:, -1] - self.errors.mean) / self.errors.std, 1.0, self.limit)
        return self.episode._finish(raw[:, :-1]) * factor

    @property
    def _tracks(self) -> bool:
        return True

    def _track(self, raw: np.ndarray) -> None:
        if self.scaling != "none":
            self.moments.update(self._products(raw))
        self.episode._track(raw[:, :-1])
        if not self.lifelong.warming:
            self.errors.update(raw[:, -1])

    def _store(self, transitions: Transitions, x: dict[str, np.ndarray]) -> None:
        self._ready(x)
        self.episode._store(transitions, self.episode._embed(transitions))
        self.lifelong._store(transitions, self.lifelong._embed(transitions))
        super()._store(transitions, x)

    def state_dict(self) -> dict[str, Any]:
        """Exact state of both parts."""
        parts = {"episode": self.episode.state_dict(), "lifelong": self.lifelong.state_dict()}
        return {**super().state_dict(), **parts, "errors": self.errors.state_dict()}

    def _check(self, state: dict[str, Any]) -> None:
        super()._check(state)
        self.episode._check(state["episode"])
        self.lifelong._check(state["lifelong"])

    def _load(self, state: dict[str, Any]) -> None:
        super()._load(state)
        self.episode.load_state_dict(state["episode"])
        self.lifelong.load_state_dict(state["lifelong"])
        self.errors.load_state_dict(state["errors"])
