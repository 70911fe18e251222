"""Base of the bonuses on controllable features: an inverse model trains an encoder to keep what the agent's actions change."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from papergym.wrappers.intrinsic.icm import action_loss, features
from papergym.wrappers.intrinsic.networks import Encoder, mlp, tensors
from papergym.wrappers.intrinsic.trained import TrainedBonus, part, sizes


@dataclass(kw_only=True, eq=False)
class InverseBonus(TrainedBonus):
    """A bonus whose features are trained to predict the action from the states before and after it.

    Args:
        dim: length of the features.
    """

    dim: int = 64

    @property
    def needs(self) -> tuple[str, ...]:
        """The inverse model reads states and actions."""
        return ("obs", "action")

    def _build(self, arrays: dict[str, np.ndarray]) -> nn.Module:
        inverse = mlp(2 * self.dim, self.hidden, arrays["action"].shape[1])
        return nn.ModuleDict({"encoder": Encoder(sizes(arrays), self.dim, self.hidden), "inverse_model": inverse})

    def _inverse_loss(self, net: Any, batch: dict[str, Tensor], now: Tensor, then: Tensor) -> Tensor:
        return action_loss(net["inverse_model"](torch.cat([now, then], 1)), batch["action"], self.action_space)

    def _loss(self, net: Any, batch: dict[str, Tensor]) -> Tensor:
        return self._inverse_loss(net, batch, *features(net["encoder"], batch))

    @torch.no_grad()
    def _encode(self, arrays: dict[str, np.ndarray], prefix: str, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Features (n, dim) float64 of some rows' observations before (``"obs_"``) or after (``"next_"``) the action."""
        encoder = self._ready(arrays).net["encoder"]  # type: ignore[index]
        inputs = {name: array[rows] for name, array in arrays.items() if name.startswith(prefix)}
        return encoder(part(tensors(inputs, self.device), prefix)).cpu().numpy().astype(np.float64)  # type: ignore[operator]
