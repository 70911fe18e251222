"""A small U-Net that predicts an affordance map from one picture and a text."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from papergym import assets
from papergym.wrappers.vision.recipes import built, described
from papergym.wrappers.vision.scorer import VideoTextScorer, check_frames, weights_of

WEIGHTS = assets.ROOT / "weights" / "voxel-unet.safetensors"
INPUT = (80, 128)
CHANNELS = (24, 48, 96, 144)


def _convolution(n_in: int, n_out: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    layers = [nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
    return nn.Sequential(*layers)


class UNetwork(nn.Module):
    """A U-Net over four scales, 40x64 to 5x8, whose every scale on the way up is compared with the text.

    The convolutions see the picture alone, so many prompts cost little more than one: at each scale a map is the likeness of
    the text to a feature of every place, and the maps of all scales are added.

    Args:
        text: length of the text's feature.
    """

    def __init__(self, text: int = 128) -> None:
        super().__init__()
        pairs = list(pairwise(CHANNELS))
        self.stem = _convolution(3, CHANNELS[0], 2, 5)
        self.down = nn.ModuleList(
            nn.Sequential(_convolution(a, b, stride), _convolution(b, b))
            for a, b, stride in [(CHANNELS[0], CHANNELS[0], 1), *((a, b, 2) for a, b in pairs)]
        )
        self.up = nn.ModuleList(_convolution(a + b, a) for a, b in reversed(pairs))
        self.keys = nn.ModuleList(nn.Conv2d(channels, text, 1) for channels in reversed(CHANNELS))
        self.bias = nn.Parameter(torch.tensor(-3.0))

    def forward(self, frames: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """(n, p, 40, 64) logits of (n, 80, 128, 3) uint8 frames and (p, F) text features."""
        x, kept = self.stem(frames.permute(0, 3, 1, 2).float() / 127.5 - 1.0), []
        for block in self.down:
            x = block(x)
            kept.append(x)
        x = kept.pop()
        maps = functional.conv2d(self.keys[0](x), text[:, :, None, None])
        for block, key, skip in zip(self.up, self.keys[1:], reversed(kept)):
            x = block(torch.cat([functional.interpolate(x, scale_factor=2.0), skip], dim=1))
            maps = functional.interpolate(maps, scale_factor=2.0, mode="bilinear")
            maps = maps + functional.conv2d(key(x), text[:, :, None, None])
        return maps + self.bias


class AffordanceUNet:
    """Affordance maps by one pass of a network.

    How good the shipped weights are: docs/guides/affordance.md.

    Args:
        scorer: encodes the prompts; the network was trained with its text features. An object, or the name of one.
        weights: file of weights; the shipped one, for the voxel world and the shipped small scorer, by default.

    Raises:
        ValueError: the file holds other tensors than this network's.
    """

    def __init__(
        self, scorer: "VideoTextScorer | str | dict[str, Any]" = "SmallScorer", weights: str | Path | None = None
    ) -> None:
        from safetensors.torch import load_file

        self.scorer: VideoTextScorer = built("scorer", scorer, VideoTextScorer)
        self._config = {"scorer": described(self.scorer), "weights": None if weights is None else str(weights)}
        self.network = UNetwork(self.scorer.feature_size)
        state, own = load_file(weights_of(weights, WEIGHTS)), self.network.state_dict()
        wrong = [
            name for name in {*own, *state} if name not in own or name not in state or own[name].shape != state[name].shape
        ]
        if wrong:
            raise ValueError(f"Expected the tensors of AffordanceUNet, got others for {sorted(wrong)[:5]}; train it anew.")
        self.network.load_state_dict(state)
        self.network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._texts: dict[str, np.ndarray] = {}

    def config(self) -> dict[str, Any]:
        """The arguments."""
        return dict(self._config)

    def __call__(self, frames: np.ndarray, prompts: str | Sequence[str]) -> np.ndarray:
        """(n, prompts, H, W) float32 maps, between 0 and 1, of (n, 3, H, W) uint8 frames, in one pass for all."""
        prompts = [prompts] if isinstance(prompts, str) else list(prompts)
        frames = check_frames(frames)
        n, p, (height, width) = len(frames), len(prompts), frames.shape[2:]
        text = torch.from_numpy(np.stack([self._text(prompt) for prompt in prompts]))
        maps = torch.sigmoid(self.network(torch.from_numpy(shrink(frames)), text)).flatten(0, 1).numpy()
        full = [cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR) for heat in maps]
        return np.stack(full).reshape(n, p, height, width)

    def _text(self, prompt: str) -> np.ndarray:
        """Features of a prompt, kept. At full precision: they must not depend on the setting of who asks first."""
        if prompt not in self._texts:
            before = torch.get_float32_matmul_precision()
            torch.set_float32_matmul_precision("highest")
            try:
                self._texts[prompt] = self.scorer.encode_texts([prompt])[0]
            finally:
                torch.set_float32_matmul_precision(before)
        return self._texts[prompt]


def shrink(frames: np.ndarray) -> np.ndarray:
    """(n, 3, H, W) uint8 frames at the network's size, (n, 80, 128, 3) uint8."""
    whole = [np.ascontiguousarray(frame.transpose(1, 2, 0)) for frame in frames]
    return np.stack([cv2.resize(frame, INPUT[::-1], interpolation=cv2.INTER_AREA) for frame in whole])
