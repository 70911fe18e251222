"""Curiosity: the error of a forward model in a space that an inverse model finds controllable."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from gymnasium import Space, spaces
from torch import Tensor, nn
from torch.nn import functional

from papergym.wrappers.intrinsic.base import require, require_one_of
from papergym.wrappers.intrinsic.knn import Transform
from papergym.wrappers.intrinsic.networks import Encoder, mlp
from papergym.wrappers.intrinsic.trained import ErrorBonus, part, sizes

Error = Literal["half_squared", "norm"]


@dataclass(kw_only=True, eq=False)
class ICM(ErrorBonus):
    """Error of predicting the next features from features and action. The features are trained to predict the action.

    Args:
        dim: length of the features.
        beta: weight of the forward loss in ``(1 - beta) * inverse + beta * forward``.
        error: ``"half_squared"``, half the squared Euclidean error, or ``"norm"``, the Euclidean error.
        transform: ``"none"`` or ``"log1p"``, after scaling.

    Source: Pathak et al. 2017, arXiv 1705.05363, equations 4 to 7; ``error="norm", transform="log1p"`` as in URLB.
    """

    dim: int = 64
    beta: float = 0.2
    error: Error = "half_squared"
    transform: Transform = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of("error", self.error, Error)
        require(0 <= self.beta <= 1, "beta is in [0, 1]", self.beta)
        require_one_of("transform", self.transform, Transform)

    @property
    def needs(self) -> tuple[str, ...]:
        """The models read states and actions."""
        return ("obs", "action")

    def _build(self, arrays: dict[str, np.ndarray]) -> nn.Module:
        action = arrays["action"].shape[1]
        nets = {
            "encoder": Encoder(sizes(arrays), self.dim, self.hidden),
            "inverse_model": mlp(2 * self.dim, self.hidden, action),
            "forward_model": mlp(self.dim + action, self.hidden, self.dim),
        }
        return nn.ModuleDict(nets)

    def _squared(self, net: Any, batch: dict[str, Tensor], now: Tensor, then: Tensor) -> Tensor:
        """Squared Euclidean error of the forward model, (n,)."""
        return (net["forward_model"](torch.cat([now, batch["action"]], 1)) - then).pow(2).sum(1)

    def _errors(self, net: Any, batch: dict[str, Tensor]) -> Tensor:
        squared = self._squared(net, batch, *features(net["encoder"], batch))
        return squared / 2 if self.error == "half_squared" else squared.sqrt()

    def _loss(self, net: Any, batch: dict[str, Tensor]) -> Tensor:
        now, then = features(net["encoder"], batch)
        guess = net["inverse_model"](torch.cat([now, then], 1))
        inverse = action_loss(guess, batch["action"], self.action_space)
        return (1 - self.beta) * inverse + self.beta * self._squared(net, batch, now, then).mean() / 2

    def _finish(self, raw: np.ndarray) -> np.ndarray:
        reward = self._scaled(raw)
        return np.log1p(reward) if self.transform == "log1p" else reward


def features(encoder: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Features (n, dim) of the observations before and after the action."""
    return encoder(part(batch, "obs_")), encoder(part(batch, "next_"))


def action_loss(guess: Tensor, action: Tensor, space: Space | None) -> Tensor:
    """Loss of ``guess`` (n, d) for the action: cross-entropy per discrete choice, squared error for numbers."""
    if isinstance(space, spaces.Discrete):
        choices = [int(space.n)]
    elif isinstance(space, spaces.MultiDiscrete):
        choices = [int(n) for n in space.nvec.reshape(-1)]
    else:
        return functional.mse_loss(guess, action)
    parts = zip(guess.split(choices, 1), action.split(choices, 1))
    return torch.stack([functional.cross_entropy(logits, chosen.argmax(1)) for logits, chosen in parts]).sum()
