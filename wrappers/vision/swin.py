"""LS-Imagine's own map network, a Swin U-Net of 52.98 million parameters, under the names of its released files.

Source: the repository of LS-Imagine (affordance_map/networks), itself after Swin-Unet, arXiv 2105.05537. Of its four blocks
that join text and picture only the third changes the output: the first two are bypassed, the last one's result is not used.
They are kept for their weights and are not run.
"""

import torch
from torch import nn
from torch.nn import functional

EDGE, PATCH, WIDTH, HEADS, WINDOW, DEPTH, TEXT, TEXT_HEADS = 224, 4, 96, (3, 6, 12, 24), 7, 2, 512, 8
"""Pixels of the input, of a patch; channels of the first scale; heads of each scale; edge of a window; blocks of a scale."""
FUSED = 2
"""The scale whose skip connection is replaced by what the text draws from the picture."""


class _Perceptron(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(functional.gelu(self.fc1(x)))


def relative_positions() -> torch.Tensor:
    """(49, 49) int64 rows of the bias table: one for each offset between two places of a window."""
    place = torch.arange(WINDOW**2)
    row, column = place // WINDOW, place % WINDOW
    down, right = row[:, None] - row[None], column[:, None] - column[None]
    return (down + WINDOW - 1) * (2 * WINDOW - 1) + right + WINDOW - 1


def shift_mask(edge: int, shift: int) -> torch.Tensor:
    """(windows, 49, 49) float32: -100 between places that only the rolling of the picture made neighbours, else 0."""
    band = (torch.arange(edge) >= edge - WINDOW).long() + (torch.arange(edge) >= edge - shift).long()
    region = windows((3 * band[:, None] + band[None])[None, :, :, None])[..., 0]
    return torch.where(region[:, :, None] == region[:, None], 0.0, -100.0)


def windows(x: torch.Tensor) -> torch.Tensor:
    """(n * windows, 49, c) of (n, edge, edge, c)."""
    count = x.shape[1] // WINDOW
    return x.unflatten(2, (count, WINDOW)).unflatten(1, (count, WINDOW)).transpose(2, 3).flatten(3, 4).flatten(0, 2)


def joined(x: torch.Tensor, edge: int) -> torch.Tensor:
    """(n, edge, edge, c) of (n * windows, 49, c)."""
    count = edge // WINDOW
    return x.unflatten(0, (-1, count, count)).unflatten(3, (WINDOW, WINDOW)).transpose(2, 3).flatten(3, 4).flatten(1, 2)


class _WindowAttention(nn.Module):
    relative_position_index: torch.Tensor

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * WINDOW - 1) ** 2, heads))
        self.register_buffer("relative_position_index", relative_positions())
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """(n * windows, 49, c) of the same."""
        query, key, value = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)[None]
        if mask is not None:
            bias = (bias + mask[:, None]).repeat(len(x) // len(mask), 1, 1, 1)
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return self.proj(seen.transpose(1, 2).flatten(2))


class _Block(nn.Module):
    attn_mask: torch.Tensor | None

    def __init__(self, width: int, edge: int, heads: int, shift: int) -> None:
        super().__init__()
        self.edge, self.shift = edge, shift if edge > WINDOW else 0
        self.norm1, self.attn = nn.LayerNorm(width), _WindowAttention(width, heads)
        self.norm2, self.mlp = nn.LayerNorm(width), _Perceptron(width)
        self.register_buffer("attn_mask", shift_mask(edge, shift) if self.shift else None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, edge, edge, c) of the same."""
        rolled = torch.roll(self.norm1(x), (-self.shift, -self.shift), (1, 2))
        seen = joined(self.attn(windows(rolled), self.attn_mask), self.edge)
        x = x + torch.roll(seen, (self.shift, self.shift), (1, 2))
        return x + self.mlp(self.norm2(x))


class _Merge(nn.Module):
    """Four neighbours become one place of twice the channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduction, self.norm = nn.Linear(4 * width, 2 * width, bias=False), nn.LayerNorm(4 * width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        four = torch.cat([x[:, down::2, right::2] for right in (0, 1) for down in (0, 1)], dim=-1)
        return self.reduction(self.norm(four))


class _Expand(nn.Module):
    """One place becomes ``scale`` times ``scale`` of them."""

    def __init__(self, width: int, scale: int, out: int) -> None:
        super().__init__()
        self.scale = scale
        self.expand, self.norm = nn.Linear(width, scale**2 * out, bias=False), nn.LayerNorm(out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = self.expand(x).unflatten(3, (self.scale, self.scale, -1))
        return self.norm(parts.transpose(2, 3).flatten(3, 4).flatten(1, 2))


class _Stage(nn.Module):
    """Two blocks, the second with shifted windows, and what changes the scale."""

    def __init__(self, scale: int, down: bool = False, up: bool = False) -> None:
        super().__init__()
        width, edge = WIDTH * 2**scale, EDGE // PATCH // 2**scale
        self.blocks = nn.ModuleList(_Block(width, edge, HEADS[scale], i % 2 * (WINDOW // 2)) for i in range(DEPTH))
        self.downsample = _Merge(width) if down else None
        self.upsample = _Expand(width, 2, width // 2) if up else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        after = self.downsample or self.upsample
        return x if after is None else after(x)


class _Attention(nn.Module):
    """Eight heads, each as wide as the input, then a norm; the query is one text, so every place gets the same answer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.w_qs, self.w_ks, self.w_vs = (nn.Linear(width, TEXT_HEADS * width, bias=False) for _ in range(3))
        self.fc, self.layer_norm = nn.Linear(TEXT_HEADS * width, width, bias=False), nn.LayerNorm(width, eps=1e-6)

    def forward(self, text: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """(n, c) of a text (n, c) and places (n, places, c)."""
        parts = (self.w_qs(text[:, None]), self.w_ks(x), self.w_vs(x))
        query, key, value = (part.unflatten(-1, (TEXT_HEADS, -1)).transpose(1, 2) for part in parts)
        seen = functional.scaled_dot_product_attention(query, key, value)
        return self.layer_norm(self.fc(seen.transpose(1, 2).flatten(1)))


class _Fusion(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.text_projection, self.multi_head_attention = nn.Linear(TEXT, width), _Attention(width)

    def forward(self, x: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """(n, h, w, c), the same everywhere, of (n, h, w, c) and (n, 512)."""
        drawn = self.multi_head_attention(self.text_projection(text), x.flatten(1, 2))
        return drawn[:, None, None].expand_as(x)


class _Patches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj, self.norm = nn.Conv2d(3, WIDTH, PATCH, PATCH), nn.LayerNorm(WIDTH)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self.norm(self.proj(frames).permute(0, 2, 3, 1))


class SwinNetwork(nn.Module):
    """(n, 224, 224) maps between 0 and 1 of normalized frames (n, 3, 224, 224) and MineCLIP's text features (n, 512)."""

    def __init__(self) -> None:
        super().__init__()
        top = len(HEADS) - 1
        self.patch_embed = _Patches()
        self.layers = nn.ModuleList(_Stage(scale, down=scale < top) for scale in range(top + 1))
        self.TIA = nn.ModuleList(_Fusion(WIDTH * 2**scale) for scale in range(top + 1))
        deepest = WIDTH * 2**top
        self.layers_up = nn.ModuleList(
            [_Expand(deepest, 2, deepest // 2), *(_Stage(scale, up=scale > 0) for scale in reversed(range(top)))]
        )
        self.concat_back_dim = nn.ModuleList(
            [nn.Identity(), *(nn.Linear(2 * WIDTH * 2**scale, WIDTH * 2**scale) for scale in reversed(range(top)))]
        )
        self.norm, self.norm_up = nn.LayerNorm(deepest), nn.LayerNorm(WIDTH)
        self.up, self.output = _Expand(WIDTH, PATCH, WIDTH), nn.Conv2d(WIDTH, 1, 1, bias=False)

    def forward(self, frames: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """See the class."""
        x, kept = self.patch_embed(frames), []
        for layer in self.layers:
            kept.append(x)
            x = layer(x)
        kept[FUSED] = self.TIA[FUSED](kept[FUSED], text)
        x = self.layers_up[0](self.norm(x))
        for layer, narrow, skip in zip(self.layers_up[1:], self.concat_back_dim[1:], kept[2::-1]):
            x = layer(narrow(torch.cat([x, skip], dim=-1)))
        return torch.sigmoid(self.output(self.up(self.norm_up(x)).permute(0, 3, 1, 2)))[:, 0]
