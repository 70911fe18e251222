"""Convolutional encoder and decoder of world models (danijar/dreamerv3: kernel 5, depth times 2, 3, 4, 4)."""

import itertools
import math

import torch
from torch import nn
from torch.nn import functional as F

from papergym.agents.nets.layers import EPS, BlockLinear, dense, linear, truncated_normal_

KERNEL = 5
MULTIPLES = (2, 3, 4, 4)
SMALLEST = 4
"""Pixels at the end of the encoder: it halves images, at most four times, while they stay at least as large."""


def stages(height: int, width: int) -> int:
    """How often images of this size are halved.

    Raises:
        ValueError: images below 8 pixels.
    """
    count = min(int(math.log2(min(height, width) / SMALLEST)), len(MULTIPLES)) if min(height, width) >= 2 * SMALLEST else 0
    if not count:
        raise ValueError(f"expected images of at least {2 * SMALLEST} pixels a side, got {height}x{width}. Enlarge them.")
    return count


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, KERNEL, padding=KERNEL // 2)
    truncated_normal_(layer.weight, inputs * KERNEL**2)
    nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]
    return layer


class ChannelNorm(nn.Module):
    """RMSNorm over the channels of ``(n, channels, height, width)``, then SiLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Same shape."""
        scale = torch.rsqrt(x.square().mean(1, keepdim=True) + EPS)
        return F.silu(x * scale * self.weight[:, None, None])


class ImageEncoder(nn.Module):
    """Images to vectors: convolution, maximum of 2x2 pixels, RMSNorm, SiLU; a stage for each halving.

    Args:
        shape: channels, height, width.
        depth: channels of a multiple of one.

    Attributes:
        outputs: numbers per image.
    """

    def __init__(self, shape: tuple[int, int, int], depth: int) -> None:
        super().__init__()
        channels, height, width = shape
        widths = [depth * multiple for multiple in MULTIPLES[: stages(height, width)]]
        self.convs = nn.ModuleList(_conv(before, after) for before, after in zip([channels, *widths], widths))
        self.norms = nn.ModuleList(ChannelNorm(after) for after in widths)
        side = 2 ** len(widths)
        self.outputs = widths[-1] * math.ceil(height / side) * math.ceil(width / side)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """``(n, channels, height, width)`` uint8 -> ``(n, outputs)``."""
        x = (images.float() / 255 - 0.5).contiguous(memory_format=torch.channels_last)
        for conv, activation in zip(self.convs, self.norms):
            x = activation(F.max_pool2d(conv(x), 2, ceil_mode=True))
        return x.flatten(1)


class Upsampling(nn.Module):
    """Doubles images by repeating pixels and convolves them, in one convolution of the small image.

    A kernel of 5x5 that slides over repeated pixels sees 3x3 different ones; which of its weights fall on the same one
    depends on whether the row and the column are even. So the four kinds of pixels are four 3x3 convolutions, with sums of the
    weights: 2.8 times fewer products.

    Attributes:
        conv: the layer as if it were applied to the doubled image.
    """

    sums: torch.Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = _conv(inputs, outputs)
        falls_on = [[(kind + offset) // 2 + 1 for offset in range(-2, 3)] for kind in (0, 1)]
        self.register_buffer("sums", F.one_hot(torch.tensor(falls_on), 3).float(), persistent=False)  # kind, 5, 3

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``(n, inputs, height, width)`` -> ``(n, outputs, 2 height, 2 width)``."""
        small = torch.einsum("oikl,pkr,qls->opqirs", self.conv.weight, self.sums, self.sums)
        bias = self.conv.bias
        assert bias is not None
        return F.pixel_shuffle(F.conv2d(x, small.flatten(0, 2), bias.repeat_interleave(4), padding=1), 2)


class ImageDecoder(nn.Module):
    """Latent states to images; mirrors :class:`ImageEncoder`.

    Args:
        shape: channels, height, width.
        depth: channels of a multiple of one.
        deter, stoch: widths of the two parts of the state.
        width: of the layer after ``stoch``.
        blocks: of the layer after ``deter``.
    """

    def __init__(self, shape: tuple[int, int, int], depth: int, *, deter: int, stoch: int, width: int, blocks: int = 8) -> None:
        super().__init__()
        channels, self.height, self.width = shape
        widths = [depth * multiple for multiple in MULTIPLES[: stages(self.height, self.width)]]
        side = 2 ** len(widths)
        self._small = (math.ceil(self.height / side), math.ceil(self.width / side))
        self.blocks = math.gcd(blocks, widths[-1])
        first = widths[-1] * math.prod(self._small)
        self.from_deter = BlockLinear(deter, first, self.blocks)
        self.from_stoch = nn.Sequential(dense(stoch, 2 * width), linear(2 * width, first))
        steps = [*reversed(widths), channels]
        self.norms = nn.ModuleList(ChannelNorm(before) for before in steps[:-1])
        self.convs = nn.ModuleList(Upsampling(before, after) for before, after in itertools.pairwise(steps))

    def forward(self, deter: torch.Tensor, stoch: torch.Tensor) -> torch.Tensor:
        """``(n, deter)``, ``(n, stoch)`` -> ``(n, channels, height, width)`` between 0 and 1."""
        count, (height, width) = len(deter), self._small
        x = self.from_deter(deter).view(count, self.blocks, height, width, -1).permute(0, 1, 4, 2, 3).flatten(1, 2)
        x = x + self.from_stoch(stoch).view(count, height, width, -1).permute(0, 3, 1, 2)
        x = x.contiguous(memory_format=torch.channels_last)
        for activation, conv in zip(self.norms, self.convs):
            x = conv(activation(x))
        return torch.sigmoid(x[..., : self.height, : self.width])
