"""A small U-Net that predicts an affordance map from one picture and a text, distilled from virtual exploration."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from papergym import assets
from papergym.wrappers.vision.scorer import VideoTextScorer, check_frames

WEIGHTS = assets.ROOT / "weights" / "voxel-unet.safetensors"
INPUT = (80, 128)
CHANNELS = (24, 48, 96, 128)


class _Block(nn.Module):
    """Two convolutions; the text scales and shifts every channel after the first."""

    def __init__(self, n_in: int, n_out: int, text: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out))
        self.film = nn.Linear(text, 2 * n_out)
        self.second = nn.Sequential(nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU())

    def forward(self, x: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        scale, shift = self.film(text)[:, :, None, None].chunk(2, dim=1)
        return self.second(functional.relu(self.first(x) * (1 + scale) + shift))


class UNetwork(nn.Module):
    """Four scales, 40x64 to 5x8, each conditioned on the text on the way down and up.

    Args:
        text: length of the text's feature.
    """

    def __init__(self, text: int = 128) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, CHANNELS[0], 5, 2, 2, bias=False), nn.BatchNorm2d(CHANNELS[0]), nn.ReLU())
        pairs = list(pairwise(CHANNELS))
        self.down = nn.ModuleList([_Block(CHANNELS[0], CHANNELS[0], text), *(_Block(a, b, text, 2) for a, b in pairs)])
        self.up = nn.ModuleList([_Block(a + b, a, text) for a, b in reversed(pairs)])
        self.out = nn.Conv2d(CHANNELS[0], 1, 1)

    def forward(self, frames: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """(n, 40, 64) logits of (n, 80, 128, 3) uint8 frames and (n, F) text features."""
        x, kept = self.stem(frames.permute(0, 3, 1, 2).float() / 127.5 - 1.0), []
        for block in self.down:
            x = block(x, text)
            kept.append(x)
        for block, skip in zip(self.up, reversed(kept[:-1])):
            x = block(torch.cat([functional.interpolate(x, scale_factor=2.0), skip], dim=1), text)
        return self.out(x)[:, 0]


class AffordanceUNet:
    """Affordance maps by one pass of a network.

    The shipped weights do not reach the quality of virtual exploration: docs/guides/affordance.md has the figures.

    Args:
        scorer: encodes the prompts; the network was trained with its text features.
        weights: file of weights; the shipped one, for the voxel world and the shipped small scorer, by default.

    Raises:
        ValueError: the file holds other tensors than this network's.
    """

    def __init__(self, scorer: VideoTextScorer, weights: str | Path | None = None) -> None:
        from safetensors.torch import load_file

        self.scorer, self.network = scorer, UNetwork(scorer.feature_size)
        state, own = load_file(str(weights or WEIGHTS)), self.network.state_dict()
        wrong = [
            name for name in {*own, *state} if name not in own or name not in state or own[name].shape != state[name].shape
        ]
        if wrong:
            raise ValueError(f"Expected the tensors of AffordanceUNet, got others for {sorted(wrong)[:5]}; train it anew.")
        self.network.load_state_dict(state)
        self.network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._texts: dict[str, np.ndarray] = {}

    def __call__(self, frames: np.ndarray, prompts: str | Sequence[str]) -> np.ndarray:
        """(n, prompts, H, W) float32 maps, between 0 and 1, of (n, 3, H, W) uint8 frames, in one pass for all."""
        prompts = [prompts] if isinstance(prompts, str) else list(prompts)
        for prompt in prompts:
            if prompt not in self._texts:
                self._texts[prompt] = self.scorer.encode_texts([prompt])[0]
        frames = check_frames(frames)
        n, p, (height, width) = len(frames), len(prompts), frames.shape[2:]
        small = torch.from_numpy(shrink(frames)).repeat_interleave(p, 0)
        text = torch.from_numpy(np.stack([self._texts[prompt] for prompt in prompts])).repeat(n, 1)
        maps = torch.sigmoid(self.network(small, text)).numpy()
        full = [cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR) for heat in maps]
        return np.stack(full).reshape(n, p, height, width)


def shrink(frames: np.ndarray) -> np.ndarray:
    """(n, 3, H, W) uint8 frames at the network's size, (n, 80, 128, 3) uint8."""
    whole = [np.ascontiguousarray(frame.transpose(1, 2, 0)) for frame in frames]
    return np.stack([cv2.resize(frame, INPUT[::-1], interpolation=cv2.INTER_AREA) for frame in whole])
