"""Encoders, actor and critic of Proto-RL (official code; the state variant follows URLB, arXiv 2110.15191)."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, create_mlp
from torch import nn


def orthogonal_init(module: nn.Module) -> None:
    """Orthogonal weights (gain sqrt(2) for convolutions, 1 for linear layers) and zero biases."""
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        nn.init.orthogonal_(module.weight, math.sqrt(2) if isinstance(module, nn.Conv2d) else 1.0)
        assert module.bias is not None
        nn.init.zeros_(module.bias)


class ConvEncoder(BaseFeaturesExtractor):
    """3x3 convolutions on bytes: (batch, c, h, w) uint8 -> (batch, features_dim) float32.

    Args:
        observation_space: Box of (channels, height, width) uint8.
        channels: of every layer.
        strides: one layer each.
        pixel_offset: subtracted after the division by 255: 0 in Proto-RL, 0.5 in DrQ-v2 and URLB.
        channels_last: memory format of the convolutions; faster on GPUs and on most CPUs.
        bf16: run the convolutions under bfloat16 autocast; what follows stays fp32.
    """

    def __init__(
        self,
        observation_space: spaces.Box,
        channels: int = 32,
        strides: Sequence[int] = (2, 1, 1, 1),
        pixel_offset: float = 0.0,
        channels_last: bool = False,
        bf16: bool = False,
    ) -> None:
        super().__init__(observation_space, features_dim=1)
        layers: list[nn.Module] = []
        width = observation_space.shape[0]
        for stride in strides:
            layers += [nn.Conv2d(width, channels, 3, stride), nn.ReLU()]
            width = channels
        self.convolutions = nn.Sequential(*layers).apply(orthogonal_init)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.convolutions.to(memory_format=self.memory_format)  # pyright: ignore[reportCallIssue]
        self.pixel_offset, self.bf16 = pixel_offset, bf16
        with torch.no_grad():
            self._features_dim = self(torch.zeros(1, *observation_space.shape)).shape[1]

    def prepare(self, observations: torch.Tensor) -> torch.Tensor:
        """Bytes to floats in [0, 1] minus the offset, in the encoder's memory format; once per batch, for every pass."""
        pixels = observations.contiguous(memory_format=self.memory_format) / 255  # one pass from bytes to float32
        return pixels.sub_(self.pixel_offset) if self.pixel_offset else pixels

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Flat features of prepared pixels, in channel-major order whatever the memory format."""
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=self.bf16):
            return self.convolutions(pixels).float().flatten(1)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Flat features of bytes."""
        return self.encode(self.prepare(observations))


class StateEncoder(BaseFeaturesExtractor):
    """Identity on flat states, (batch, ...) -> (batch, n) float32: with states, URLB learns only what follows."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space, features_dim=math.prod(observation_space.shape))

    def prepare(self, observations: torch.Tensor) -> torch.Tensor:
        """Flat float32 observations."""
        return observations.float().flatten(1)

    def encode(self, observations: torch.Tensor) -> torch.Tensor:
        """The same."""
        return observations

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Flat float32 observations."""
        return self.prepare(observations)


def trunk(inputs: int, width: int, tanh: bool) -> nn.Sequential:
    """Linear layer and LayerNorm in front of the MLP; DrQ-v2 and URLB add the tanh, Proto-RL does not."""
    return nn.Sequential(nn.Linear(inputs, width), nn.LayerNorm(width), *([nn.Tanh()] if tanh else []))


class SquashedActor(nn.Module):
    """Tanh-squashed Gaussian over actions, from the encoder's features.

    Args:
        features: length of a feature vector.
        action_dim: length of an action.
        width: of the trunk.
        tanh: see :func:`trunk`.
        net_arch: hidden widths of the MLP.
        log_std_bounds: range into which a tanh squashes the log standard deviation.
    """

    optimizer: torch.optim.Optimizer

    def __init__(
        self, features: int, action_dim: int, width: int, tanh: bool, net_arch: list[int], log_std_bounds: tuple[float, float]
    ) -> None:
        super().__init__()
        self.trunk = trunk(features, width, tanh)
        self.mlp = nn.Sequential(*create_mlp(width, 2 * action_dim, net_arch))
        self.low, self.high = log_std_bounds
        self.action_dim = action_dim
        self.apply(orthogonal_init)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean before the tanh and log standard deviation, (batch, action_dim) each."""
        mean, raw = self.mlp(self.trunk(features)).chunk(2, dim=-1)
        return mean, self.low + 0.5 * (self.high - self.low) * (raw.tanh() + 1)

    def sample(self, features: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Actions (batch, action_dim) in [-1, 1] and their log density (batch, 1), from standard normal ``noise``."""
        mean, log_std = self(features)
        raw = mean + log_std.exp() * noise
        # log(1 - tanh(x)^2) = 2 (log 2 - x - softplus(-2x)): exact where SB3's log(1 - a^2 + 1e-6) saturates
        log_jacobian = 2 * (math.log(2) - raw - F.softplus(-2 * raw))
        log_prob = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi) - log_jacobian
        return raw.tanh(), log_prob.sum(dim=-1, keepdim=True)

    def mode(self, features: torch.Tensor) -> torch.Tensor:
        """Actions without noise."""
        return self(features)[0].tanh()

    def explore(self, features: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Actions for the environment, from standard normal ``noise``."""
        return self.sample(features, noise)[0]


class ClippedActor(nn.Module):
    """DDPG's actor as in DrQ-v2 (arXiv 2107.09645) and URLB: a tanh, then Gaussian noise, clipped where the actor learns.

    Args:
        features, action_dim, width, tanh, net_arch: as in :class:`SquashedActor`.
        std: standard deviation of the noise at the beginning; ``std.fill_`` sets another one.
        clip: largest noise in :meth:`sample`.
    """

    optimizer: torch.optim.Optimizer
    std: torch.Tensor

    def __init__(
        self, features: int, action_dim: int, width: int, tanh: bool, net_arch: list[int], std: float, clip: float
    ) -> None:
        super().__init__()
        self.trunk = trunk(features, width, tanh)
        self.mlp = nn.Sequential(*create_mlp(width, action_dim, net_arch))
        self.register_buffer("std", torch.tensor(std))
        self.clip, self.action_dim = clip, action_dim
        self.apply(orthogonal_init)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Actions without noise, (batch, action_dim) in (-1, 1)."""
        return self.mlp(self.trunk(features)).tanh()

    mode = forward

    def explore(self, features: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Actions for the environment, from standard normal ``noise``, which is not clipped here."""
        return _within_bounds(self(features) + self.std * noise)

    def sample(self, features: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Actions (batch, action_dim) with clipped noise, and zeros (batch, 1), since DDPG has no use for log densities."""
        actions = _within_bounds(self(features) + (self.std * noise).clamp(-self.clip, self.clip))
        return actions, actions.new_zeros(len(actions), 1)


def _within_bounds(actions: torch.Tensor) -> torch.Tensor:
    """Actions in (-1, 1); gradients pass as if nothing had been cut, as in the official codes."""
    return actions + (actions.clamp(-1 + 1e-6, 1 - 1e-6) - actions).detach()


class TwinCritic(nn.Module):
    """Two Q functions on one trunk: (features, actions) -> a tuple of two (batch, 1).

    Args:
        features, action_dim, width, tanh, net_arch: as in :class:`SquashedActor`.
        action_in_trunk: actions enter before the trunk (URLB with states) and not after it (pixels).
    """

    optimizer: torch.optim.Optimizer

    def __init__(
        self, features: int, action_dim: int, width: int, tanh: bool, net_arch: list[int], action_in_trunk: bool
    ) -> None:
        super().__init__()
        self.action_in_trunk = action_in_trunk
        self.trunk = trunk(features + action_dim * action_in_trunk, width, tanh)
        inputs = width + action_dim * (not action_in_trunk)
        self.heads = nn.ModuleList(nn.Sequential(*create_mlp(inputs, 1, net_arch)) for _ in range(2))
        self.apply(orthogonal_init)

    def forward(self, features: torch.Tensor, actions: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Q values of ``actions`` (batch, action_dim)."""
        if self.action_in_trunk:
            hidden = self.trunk(torch.cat([features, actions], dim=1))
        else:
            hidden = torch.cat([self.trunk(features), actions], dim=1)
        return tuple(head(hidden) for head in self.heads)
