"""Returns of imagined and replayed trajectories, and their scale."""

import torch
from torch import nn


def lambda_return(
    reward: torch.Tensor, value: torch.Tensor, live: torch.Tensor, mix: float | torch.Tensor = 0.95
) -> torch.Tensor:
    """``R_t = reward_t + live_t ((1 - mix) value_t + mix R_{t+1})``, from the back; ``R`` after the last step is its value.

    Entry ``t`` belongs to the transition from state ``t`` to state ``t + 1``, time first.

    Args:
        reward: ``(time, ...)``, of the transition. For a jump, what it has gathered.
        value: ``(time, ...)``, of the state reached.
        live: ``(time, ...)``, discount times the probability that the episode goes on from there. For a jump, the discount of
            all its steps.
        mix: lambda; a tensor where the mixing ends, for example 0 at the end of a replayed episode.
    """
    mixes = torch.as_tensor(mix, dtype=value.dtype, device=value.device).expand_as(value)
    known = reward + live * (1 - mixes) * value
    weights = live * mixes
    later, returns = value[-1], []
    for time in range(len(value) - 1, -1, -1):
        later = known[time] + weights[time] * later
        returns.append(later)
    return torch.stack(returns[::-1])


class ReturnScale(nn.Module):
    """Running range between two percentiles of the returns (2301.04104, equation 7); never below ``floor``.

    Args:
        rate: of the running mean, which begins at 0.
        floor: least scale: small returns are not blown up.
        low, high: percentiles.
    """

    range: torch.Tensor

    def __init__(self, rate: float = 0.01, floor: float = 1.0, low: float = 0.05, high: float = 0.95) -> None:
        super().__init__()
        self.rate, self.floor, self.quantiles = rate, floor, (low, high)
        self.register_buffer("range", torch.zeros(2))

    @torch.no_grad()
    def update(self, returns: torch.Tensor) -> torch.Tensor:
        """Take in a batch of returns; the scale, ``()``."""
        flat = returns.flatten()
        self.range.lerp_(torch.stack([torch.quantile(flat, share) for share in self.quantiles]), self.rate)
        return (self.range[1] - self.range[0]).clamp(min=self.floor)
