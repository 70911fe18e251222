"""LaProp (2002.04839) with adaptive gradient clipping (2102.06171), the optimiser of DreamerV3."""

from collections.abc import Callable, Iterable
from typing import Any

import torch


class LaProp(torch.optim.Optimizer):
    """Divides by the running root mean square first, then takes the running mean: Adam in the other order.

    Before that, the gradient of each tensor is scaled down to at most ``clip`` times the tensor's norm.

    Args:
        params: tensors.
        lr: step size; it rises linearly from 0 over the first ``warmup`` steps.
        betas: rates of the mean and of the mean square.
        eps: added to the root mean square.
        clip: largest norm of a gradient, relative to its tensor's; 0: none.
        least: norm that a tensor is given for that at least.
        warmup: steps.
    """

    def __init__(
        self,
        params: Iterable[torch.Tensor],
        lr: float = 4e-5,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-20,
        *,
        clip: float = 0.3,
        least: float = 1e-3,
        warmup: int = 1000,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "betas": betas, "eps": eps, "clip": clip, "least": least, "warmup": warmup, "steps": 0}
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """One step; tensors without a gradient stay."""
        if closure is not None:
            raise ValueError("expected no closure: compute the gradients before step().")
        for group in self.param_groups:
            given = [(tensor, tensor.grad) for tensor in group["params"] if tensor.grad is not None]
            if given:
                self._step(group, *map(list, zip(*given)))

    def _step(self, group: dict[str, Any], tensors: list[torch.Tensor], raw: list[torch.Tensor]) -> None:
        for tensor in tensors:
            if not self.state[tensor]:
                self.state[tensor] = {"square": torch.zeros_like(tensor), "mean": torch.zeros_like(tensor)}
        squares, means = ([self.state[tensor][name] for tensor in tensors] for name in ("square", "mean"))
        gradients = _clipped(group, tensors, raw)
        (mean_rate, square_rate), done = group["betas"], group["steps"]
        torch._foreach_mul_(squares, square_rate)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - square_rate)
        scales = torch._foreach_div(squares, 1 - square_rate ** (done + 1))
        torch._foreach_sqrt_(scales)
        torch._foreach_add_(scales, group["eps"])
        torch._foreach_div_(gradients, scales)
        torch._foreach_lerp_(means, gradients, 1 - mean_rate)
        rate = group["lr"] * min(done / group["warmup"], 1) if group["warmup"] else group["lr"]
        torch._foreach_add_(tensors, means, alpha=-rate / (1 - mean_rate ** (done + 1)))
        group["steps"] = done + 1


def _clipped(group: dict[str, Any], tensors: list[torch.Tensor], raw: list[torch.Tensor]) -> list[torch.Tensor]:
    """New tensors: the gradients ``raw``, scaled down where they are too long."""
    if not group["clip"]:
        return [gradient.clone() for gradient in raw]
    norms, own = (torch.stack(list(torch._foreach_norm(parts))) for parts in (raw, tensors))
    shares = 1 / torch.clamp(norms / (group["clip"] * own.clamp(min=group["least"])), min=1)
    return list(torch._foreach_mul(raw, list(shares.unbind())))
