"""A small scorer for the voxel world: a convolutional frame encoder, a bag-of-words text encoder, weights for time."""

import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from papergym import assets
from papergym.wrappers.vision.scorer import FRAMES, check_frames, check_texts, weights_of

WEIGHTS = assets.ROOT / "weights" / "voxel-scorer.safetensors"
INPUT = (40, 64)
"""(H, W) to which every frame is squeezed."""
FEATURES, WORDS, CHUNK = 128, 2048, 256
RECENCY = 0.7
"""Weight of a frame of a clip relative to the one after it: what a clip ends with counts most."""
_STOP = frozenset("a an the of to at with in and some is there i want please go".split())


def words(text: str) -> list[int]:
    """Numbers of a text's words, each 0 to WORDS - 1, by a checksum of the word; articles and the like are left out."""
    found = re.findall(r"[a-z]+", text.lower())
    return [zlib.crc32(word.encode()) % WORDS for word in [w for w in found if w not in _STOP] or found]


def shrink(frames: np.ndarray) -> np.ndarray:
    """(n, 3, H, W) uint8 frames at the network's size, (n, 40, 64, 3) uint8."""
    height, width = INPUT
    if frames.shape[2:] == INPUT:
        return np.ascontiguousarray(frames.transpose(0, 2, 3, 1))
    return np.stack(
        [cv2.resize(np.ascontiguousarray(f.transpose(1, 2, 0)), (width, height), interpolation=cv2.INTER_AREA) for f in frames]
    )


def recency() -> np.ndarray:
    """(16,) float32 weights of a clip's frames, which sum to 1."""
    decay = RECENCY ** np.arange(FRAMES - 1, -1, -1)
    return (decay / decay.sum()).astype(np.float32)


class SmallNetwork(nn.Module):
    """The two encoders; everything that is learned."""

    def __init__(self) -> None:
        super().__init__()
        sizes = ((3, 24, 5, 2), (24, 48, 3, 2), (48, 96, 3, 1), (96, 128, 3, 2), (128, 192, 3, 1))
        layers: list[nn.Module] = []
        for n_in, n_out, kernel, stride in sizes:
            layers += [nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Linear(2 * sizes[-1][1], FEATURES)
        self.embedding = nn.EmbeddingBag(WORDS, 64, mode="mean")
        self.text = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, FEATURES))
        self.scale, self.bias = nn.Parameter(torch.tensor(10.0)), nn.Parameter(torch.tensor(-3.0))

    def encode_frames(self, frames: torch.Tensor) -> torch.Tensor:
        """(n, 128) unit features of (n, 40, 64, 3) uint8 frames."""
        x = frames.permute(0, 3, 1, 2).float() / 127.5 - 1.0  # channels last in memory, which is the faster layout
        x = self.trunk(x)
        x = self.head(torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1))
        return nn.functional.normalize(x, dim=1)

    def encode_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """(p, 128) unit features."""
        bags = [words(text) for text in texts]
        starts = np.cumsum([0, *map(len, bags[:-1])])
        flat = torch.tensor([number for bag in bags for number in bag])
        return nn.functional.normalize(self.text(self.embedding(flat, torch.from_numpy(starts))), dim=1)


class SmallScorer:
    """Names what the voxel world shows; trained on its own pictures (``papergym affordance train-scorer``).

    A logit is the log odds that the end of the clip shows the text's subject. It was trained with
    crops of single images and with clips of scripted and random players.

    Args:
        weights: file of weights; the shipped one by default.

    Raises:
        ValueError: the file holds other tensors than this network's.
    """

    feature_size = FEATURES
    calibration: tuple[float, float] = (1.0, 0.0)
    image_size: tuple[int, int] | None = None
    crop_size: tuple[int, int] = INPUT

    def __init__(self, weights: str | Path | None = None) -> None:
        from safetensors.torch import load_file

        self._config = {"weights": None if weights is None else str(weights)}
        self.network = SmallNetwork()
        state = load_file(weights_of(weights, WEIGHTS))
        own = self.network.state_dict()
        wrong = sorted(
            name for name in {*own, *state} if name not in own or name not in state or own[name].shape != state[name].shape
        )
        if wrong:
            raise ValueError(f"Expected the tensors of SmallNetwork, got others for {wrong[:5]}; make them with train-scorer.")
        self.network.load_state_dict(state)
        self.network.eval().requires_grad_(False)
        self.network.trunk = _fused(self.network.trunk).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._weights = recency()
        self._scale, self._bias = float(self.network.scale), float(self.network.bias)

    def encode_frames(self, frames: np.ndarray) -> np.ndarray:
        """(n, 128) float32 features of (n, 3, H, W) uint8 frames of any size."""
        return self.encode_small(shrink(check_frames(frames)))

    def config(self) -> dict[str, Any]:
        """The arguments."""
        return dict(self._config)

    def encode_small(self, frames: np.ndarray) -> np.ndarray:
        """(n, 128) float32 features of (n, 40, 64, 3) uint8 frames."""
        parts = [self.network.encode_frames(torch.from_numpy(frames[i : i + CHUNK])) for i in range(0, len(frames), CHUNK)]
        return torch.cat(parts).numpy()

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """(p, 128) float32 features of texts."""
        return self.network.encode_texts(check_texts(texts)).numpy()

    def logits(self, features: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """(n, p) float32 logits of clips (n, 16, 128); frames before an episode are zero and say nothing."""
        weights = self._weights * (np.abs(features).sum(-1) > 0)
        clip = np.einsum("nt,ntf->nf", weights, features)
        clip /= np.maximum(np.linalg.norm(clip, axis=1, keepdims=True), 1e-6)
        return (self._scale * clip @ texts.T + self._bias).astype(np.float32)


def _fused(trunk: nn.Sequential) -> nn.Sequential:
    """The trunk with every normalization folded into the convolution before it."""
    layers: list[nn.Module] = []
    for convolution, norm, act in zip(*[iter(trunk)] * 3):
        layers += [nn.utils.fusion.fuse_conv_bn_eval(convolution, norm), act]
    return nn.Sequential(*layers)
