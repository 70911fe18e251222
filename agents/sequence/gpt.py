"""A pre-norm GPT over embeddings (Radford et al. 2019). Token embeddings, positions and heads belong to the agents."""

from typing import Any, Literal, cast

import torch
from torch import nn
from torch.nn import functional as F

from papergym.agents.sequence.cache import Cache, Extension, LayerCache, project

Activation = Literal["relu", "gelu", "gelu_tanh"]
ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "gelu_tanh": lambda: nn.GELU(approximate="tanh")}


class Attention(nn.Module):
    """Causal multi-head self-attention.

    Args:
        width: of the embeddings; a multiple of ``heads``.
        heads: number of heads.
        dropout: of the attention weights and of the output.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"expected a width that {heads} heads divide, got {width}.")
        self.heads, self.dropout = heads, dropout
        self.qkv, self.out, self.drop = nn.Linear(width, 3 * width), nn.Linear(width, width), nn.Dropout(dropout)

    def split(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(B, T, W) -> query, key, value, each (B, H, T, W / H)."""
        batch, steps, width = x.shape
        shape = (batch, steps, 3, self.heads, width // self.heads)
        return tuple(self.qkv(x).view(shape).permute(2, 0, 3, 1, 4))

    def merge(self, attended: torch.Tensor) -> torch.Tensor:
        """(B, H, T, W / H) -> (B, T, W)."""
        batch, heads, steps, width = attended.shape
        return self.drop(self.out(attended.transpose(1, 2).reshape(batch, steps, heads * width)))

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """(B, T, W) -> (B, T, W); see :meth:`GPT.forward` for ``mask``."""
        query, key, value = self.split(x)
        dropout = self.dropout if self.training else 0.0
        return self.merge(
            F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout, is_causal=mask is None)
        )

    def at(self, x: torch.Tensor, rows: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """(B, T, W) -> (B, 1, W) of one token of each row; see :meth:`GPT.at`."""
        (query,) = project(x[rows, places], self.qkv, self.heads, 0, 1)  # (B, H, 1, W / H)
        key, value = project(x, self.qkv, self.heads, 1, 3)  # (B, H, T, W / H)
        seen = torch.arange(x.shape[1], device=x.device) <= places[:, :, None, None]  # (B, 1, 1, T)
        return self.merge(F.scaled_dot_product_attention(query, key, value, attn_mask=seen))

    def extend(self, x: torch.Tensor, cache: LayerCache, new: Extension) -> torch.Tensor:
        """(B, T, W) -> (B, outputs, W) of the last tokens; see :meth:`GPT.extend`."""
        if new.outputs == x.shape[1]:
            query, key, value = self.split(x)
        else:
            (query,) = project(x[:, x.shape[1] - new.outputs :], self.qkv, self.heads, 0, 1) if new.outputs else (x,)
            key, value = project(x, self.qkv, self.heads, 1, 3)
        if new.columns is not None:
            key, value = key[:, :, new.columns], value[:, :, new.columns]
        cache.append(key, value)
        return self.merge(cache.attend(query, new.mask)) if new.outputs else x[:, :0]


class Block(nn.Module):
    """Attention and a two-layer network, each behind a layer norm and beside a residual."""

    def __init__(self, width: int, heads: int, dropout: float, activation: str) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), ACTIVATIONS[activation](), nn.Linear(4 * width, width), nn.Dropout(dropout)
        )

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """(B, T, W) -> (B, T, W)."""
        x = x + self.attention(self.norm1(x), mask)
        return x + self.mlp(self.norm2(x))

    def at(self, x: torch.Tensor, rows: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """(B, T, W) -> (B, 1, W) of one token of each row; see :meth:`GPT.at`."""
        x = x[rows, places] + self.attention.at(self.norm1(x), rows, places)
        return x + self.mlp(self.norm2(x))

    def extend(self, x: torch.Tensor, cache: LayerCache, new: Extension) -> torch.Tensor:
        """(B, T, W) -> (B, outputs, W) of the last tokens; see :meth:`GPT.extend`."""
        attended = self.attention.extend(self.norm1(x), cache, new)
        if not new.outputs:
            return attended
        x = x[:, x.shape[1] - new.outputs :] + attended
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    """Blocks and a last layer norm.

    Args:
        width: of the embeddings.
        layers: number of blocks.
        heads: attention heads of each.
        dropout: of the embeddings, the attention weights and the outputs of the blocks' parts.
        activation: ``relu``, ``gelu``, or ``gelu_tanh`` (GPT-2's ``gelu_new``).
    """

    def __init__(self, width: int, layers: int, heads: int, *, dropout: float = 0.1, activation: str = "gelu") -> None:
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout, activation) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.apply(_initialise)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Embeddings (B, T, W) -> hidden states (B, T, W).

        Padding stands on the right: with causal attention the tokens before it do not see it, so it needs no mask.

        Args:
            x: embeddings.
            mask: (T, T) bool, True where the row's token attends to the column's; None is causal.
        """
        x = self.drop(x)
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x)

    def at(self, x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """:meth:`forward` at one token of each row. The last block does no more than these tokens need.

        Args:
            x: embeddings, (B, T, W).
            places: (B,) int64: the token asked for; it and those before it are seen.

        Returns:
            (B, W).

        Raises:
            RuntimeError: in training mode, where dropout would make it differ from :meth:`forward`.
        """
        if self.training:
            raise RuntimeError("expected evaluation mode: call eval() before at().")
        rows, places = torch.arange(len(x), device=x.device)[:, None], places[:, None]  # (B, 1) each
        *early, last = cast(Any, self.blocks)
        for block in early:
            x = block(x)
        return self.norm(last.at(x, rows, places))[:, 0]

    def cache(self) -> Cache:
        """An empty cache for :meth:`extend`."""
        return Cache(len(self.blocks))

    def extend(
        self, x: torch.Tensor, cache: Cache, visible: torch.Tensor | None = None, outputs: int | None = None
    ) -> torch.Tensor:
        """Hidden states of new tokens that stand behind the cached ones; their keys and values are added to the cache.

        Equals the last columns of :meth:`forward` of all tokens together, without dropout. A new token sees all cached tokens,
        and the visible ones of the new tokens up to itself.

        Args:
            x: embeddings of the new tokens, (B, T, W); B is ``cache.rows``, unless the cache is empty.
            cache: changed in place.
            visible: (T,) bool: new tokens that are attended to, by later ones and by themselves; the others are not kept.
                None: all.
            outputs: how many of the last tokens are asked for; None: all. The last block does no more than these need.

        Returns:
            (B, outputs, W).

        Raises:
            RuntimeError: in training mode, where dropout would make cached and recomputed states differ.
        """
        if self.training:
            raise RuntimeError("expected evaluation mode: call eval() before extend().")
        steps = x.shape[1]
        whole = Extension.of(steps, visible, steps, x.device)
        last = whole if outputs in (None, steps) else Extension.of(steps, visible, outputs, x.device)
        for number, (block, layer) in enumerate(zip(cast(Any, self.blocks), cache.layers), 1):
            x = block.extend(x, layer, last if number == len(self.blocks) else whole)
        return self.norm(x)


def _initialise(module: nn.Module) -> None:
    """GPT-2's: normal weights of standard deviation 0.02, biases 0."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
