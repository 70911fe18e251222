"""Layers: linear ones with truncated normal weights, block-diagonal ones, and stacks with RMSNorm and SiLU."""

import math

import torch
from torch import nn

EPS = 1e-4
"""Of every RMSNorm (danijar/dreamerv3)."""

_TRUNCATED = 1.1368  # makes the standard deviation of a normal distribution that is cut at two of them 1 again


def truncated_normal_(weight: torch.Tensor, fan_in: int, scale: float = 1.0) -> None:
    """Fill ``weight`` with a normal distribution cut at two standard deviations; variance ``scale^2 / fan_in``."""
    deviation = scale * _TRUNCATED / math.sqrt(fan_in)
    with torch.no_grad():
        if deviation:
            nn.init.trunc_normal_(weight, 0.0, deviation, -2 * deviation, 2 * deviation)
        else:
            weight.zero_()


def linear(inputs: int, outputs: int, scale: float = 1.0) -> nn.Linear:
    """Linear layer with truncated normal weights times ``scale`` (0: the output is 0 at first), and bias 0."""
    layer = nn.Linear(inputs, outputs)
    truncated_normal_(layer.weight, inputs, scale)
    nn.init.zeros_(layer.bias)
    return layer


def norm(width: int) -> nn.RMSNorm:
    """RMSNorm over the last axis."""
    return nn.RMSNorm(width, eps=EPS)


def dense(inputs: int, width: int) -> nn.Sequential:
    """Linear, RMSNorm, SiLU."""
    return nn.Sequential(linear(inputs, width), norm(width), nn.SiLU())


def mlp(inputs: int, width: int, layers: int) -> nn.Sequential:
    """``layers`` times :func:`dense`."""
    return nn.Sequential(*(dense(width if index else inputs, width) for index in range(layers)))


class Head(nn.Sequential):
    """Multi-layer perceptron with a linear output.

    Args:
        inputs, width, layers: of the perceptron.
        outputs: numbers that come out.
        scale: of the output's first weights.
    """

    def __init__(self, inputs: int, width: int, layers: int, outputs: int, scale: float = 1.0) -> None:
        super().__init__(mlp(inputs, width, layers), linear(width if layers else inputs, outputs, scale))


class BlockLinear(nn.Module):
    """Linear layer with a block-diagonal matrix: block ``i`` of the outputs sees block ``i`` of the inputs.

    Args:
        inputs, outputs: numbers, both divisible by ``blocks``.
        blocks: how many.
        shared: further inputs that every block sees, see :meth:`forward`.

    Attributes:
        weight: ``(blocks, inputs / blocks + shared, outputs / blocks)``.
    """

    def __init__(self, inputs: int, outputs: int, blocks: int, shared: int = 0) -> None:
        super().__init__()
        for name, value in (("inputs", inputs), ("outputs", outputs)):
            if value % blocks:
                raise ValueError(f"expected {name} divisible by {blocks} blocks, got {value}. Choose another width.")
        self.blocks, self.own = blocks, inputs // blocks
        self.weight = nn.Parameter(torch.empty(blocks, self.own + shared, outputs // blocks))
        self.bias = nn.Parameter(torch.zeros(outputs))
        truncated_normal_(self.weight, self.own + shared)

    def forward(self, x: torch.Tensor, shared: torch.Tensor | None = None) -> torch.Tensor:
        """``(n, inputs)`` and ``(n, shared)`` -> ``(n, outputs)``."""
        own = torch.bmm(x.view(len(x), self.blocks, self.own).transpose(0, 1), self.weight[:, : self.own])
        result = own.transpose(0, 1).reshape(len(x), -1) + self.bias
        if shared is None:
            return result
        # what all blocks see is one dense product: cheaper than a copy of it for each block
        return result + shared @ self.weight[:, self.own :].permute(1, 0, 2).reshape(shared.shape[1], -1)


class BlockGRU(nn.Module):
    """Gated recurrent unit whose state is split into blocks (2301.04104, appendix B).

    A block sees its own part of the state and the whole input, through one hidden layer.

    Args:
        width: of the state.
        inputs: of the input.
        blocks: how many.
    """

    def __init__(self, width: int, inputs: int, blocks: int) -> None:
        super().__init__()
        self.width, self.blocks = width, blocks
        self.hidden = BlockLinear(width, width, blocks, shared=inputs)
        self.norm = norm(width)
        self.gates = BlockLinear(width, 3 * width, blocks)

    def forward(self, state: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """``(n, width)``, ``(n, inputs)`` -> the next state ``(n, width)``."""
        hidden = nn.functional.silu(self.norm(self.hidden(state, x)))
        gates = self.gates(hidden).view(len(x), self.blocks, 3, -1)
        reset, candidate, update = (gate.reshape(len(x), self.width) for gate in gates.unbind(2))
        update = torch.sigmoid(update - 1)  # keeps more of the state than it takes in, at first
        return torch.lerp(state, torch.tanh(torch.sigmoid(reset) * candidate), update)
