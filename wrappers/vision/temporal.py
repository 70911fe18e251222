"""MineCLIP's temporal transformer and video adapter, with the parameter names of the released checkpoints."""

import torch
from torch import nn
from torch.nn import functional

WIDTH, HEADS, HEAD, INNER, POSITIONS = 512, 8, 64, 2048, 32


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.to_q, self.to_k, self.to_v, self.to_out = (nn.Linear(WIDTH, HEADS * HEAD, bias=False) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, time, _ = x.shape
        q, k, v = (part(x).view(n, time, HEADS, HEAD).transpose(1, 2) for part in (self.to_q, self.to_k, self.to_v))
        return self.to_out(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, time, WIDTH))


class _Gate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Linear(WIDTH, 2 * INNER)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * functional.silu(gate)


class _FeedForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(_Gate(), nn.Identity(), nn.Identity(), nn.Linear(INNER, WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


class _Positions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.emb = nn.Embedding(POSITIONS, WIDTH)


class _Layers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        parts = (_Attention, _FeedForward) * 2
        self.layers = nn.ModuleList(nn.ModuleList([nn.ModuleList([nn.LayerNorm(WIDTH)]), part()]) for part in parts)


class TemporalTransformer(nn.Module):
    """Two pre-norm layers over the frames of a clip, then the mean over time.

    Source: MineCLIP's ``attn`` variant (x-transformers 0.27.1, "d2.nh8.glusw"): 8 heads of 64, SiLU-gated feed-forward of
    2,048, learned positions times 512 ** -0.5.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pos_emb, self.attn_layers, self.norm = _Positions(), _Layers(), nn.LayerNorm(WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, 512) of (n, time, 512), at most 32 frames."""
        x = x + self.pos_emb.emb.weight[: x.shape[1]] * WIDTH**-0.5
        for before, part in self.attn_layers.layers:  # type: ignore[misc]
            x = x + part(before[0](x))
        return self.norm(x).mean(1)


class VideoAdapter(nn.Module):
    """Residual perceptron on a clip's feature: ``s x + (1 - s) MLP(x)`` with ``s = sigmoid(w)``."""

    def __init__(self) -> None:
        super().__init__()
        self.video_adapter = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Identity(), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
        self.video_residual_weight = nn.Parameter(torch.tensor(4.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, 512) of (n, 512)."""
        share = torch.sigmoid(self.video_residual_weight)
        return share * x + (1.0 - share) * self.video_adapter(x)
