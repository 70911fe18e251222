"""Disagreement: the variance of an ensemble of forward models."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from papergym.wrappers.intrinsic.base import require
from papergym.wrappers.intrinsic.networks import Encoder, mlp
from papergym.wrappers.intrinsic.trained import ErrorBonus, part, sizes


@dataclass(kw_only=True, eq=False)
class Disagreement(ErrorBonus):
    """Variance over the models of the predicted next features, averaged over their elements.

    Features are the flat observation; observations with images go through a fixed random encoder. The models see the same
    minibatches and differ by their initial weights.

    Args:
        models: size of the ensemble.
        dim: output length of the random encoder.

    The variance is the population's (divided by ``models``); the URLB code takes the sample's (divided by ``models - 1``).

    Source: Pathak et al. 2019, arXiv 1906.04161, equation 1.
    """

    models: int = 5
    dim: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.models >= 2, "models is at least 2", self.models)

    @property
    def needs(self) -> tuple[str, ...]:
        """The models read states and actions."""
        return ("obs", "action")

    def _build(self, arrays: dict[str, np.ndarray]) -> nn.Module:
        shapes = sizes(arrays)
        images = any(name != "flat" for name in shapes)
        encoder = Encoder(shapes, self.dim, self.hidden).requires_grad_(False) if images else _Flat()
        dim = self.dim if images else shapes["flat"][0]
        models = [mlp(dim + arrays["action"].shape[1], self.hidden, dim) for _ in range(self.models)]
        return nn.ModuleDict({"encoder": encoder, "models": nn.ModuleList(models)})

    def _predictions(self, net: Any, batch: dict[str, Tensor]) -> Tensor:
        """(models, n, dim)."""
        inputs = torch.cat([net["encoder"](part(batch, "obs_")), batch["action"]], 1)
        return torch.stack([model(inputs) for model in net["models"]])

    def _errors(self, net: Any, batch: dict[str, Tensor]) -> Tensor:
        return self._predictions(net, batch).var(0, correction=0).mean(1)

    def _loss(self, net: Any, batch: dict[str, Tensor]) -> Tensor:
        return (self._predictions(net, batch) - net["encoder"](part(batch, "next_"))).pow(2).mean((1, 2)).sum()


class _Flat(nn.Module):
    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        return inputs["flat"]
