"""MineCLIP as a scorer, on open_clip's towers, and plain open_clip under the same protocol."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from papergym.wrappers.vision import released
from papergym.wrappers.vision.recipes import file_of
from papergym.wrappers.vision.scorer import check_frames, check_texts
from papergym.wrappers.vision.temporal import TemporalTransformer, VideoAdapter
from papergym.wrappers.vision.torchvision_ops import open_clip

ARCHITECTURE = "ViT-B-16-quickgelu"
SIZE, TOKENS = (160, 256), 75
MEAN, STD = (0.3331, 0.3245, 0.3051), (0.2439, 0.2493, 0.2873)
"""Pixel statistics of MineCLIP's own training videos."""
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
VARIANTS = ("attn", "avg")
MD5 = {"attn": "b5ece9198337cfd117a3bfbd921e56da", "avg": "d97a07f2830095a2016a8da22abcff52"}
"""Of the released files."""
_log = logging.getLogger(__name__)


class OpenCLIPScorer:
    """An open_clip model as a scorer: a clip is the mean of its frames' unit features.

    Args:
        model: name of an open_clip architecture.
        pretrained: open_clip's name of weights, or a file; None leaves random weights.
        image_size: (H, W) of the frames.
        mean, std: pixel statistics, of values between 0 and 1.
        dtype: type of the towers' weights; bfloat16 is about twice as fast on a CPU that has it.
    """

    feature_size = 512
    calibration: tuple[float, float] = (1.0, 25.0)

    def __init__(
        self,
        model: str = ARCHITECTURE,
        pretrained: str | None = None,
        *,
        image_size: Sequence[int] = SIZE,
        mean: Sequence[float] = CLIP_MEAN,
        std: Sequence[float] = CLIP_STD,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        library = open_clip()
        self.image_size: tuple[int, int] | None = tuple(image_size)  # type: ignore[assignment]
        self.crop_size: tuple[int, int] = tuple(image_size)  # type: ignore[assignment]
        self.towers: Any = library.create_model(model, pretrained=pretrained, force_image_size=tuple(image_size))
        self._tokenize = library.get_tokenizer(model)
        self.feature_size = int(self.towers.text_projection.shape[1])
        self._mean, self._std = (torch.tensor(value).view(1, 3, 1, 1) for value in (mean, std))
        statistics = {"image_size": list(image_size), "mean": list(mean), "std": list(std)}
        self._config: dict[str, Any] = {"model": model, "pretrained": pretrained, **statistics}
        self.convert(dtype)

    def config(self) -> dict[str, Any]:
        """The arguments; random weights are not among them."""
        return {**self._config, "dtype": str(self.dtype).removeprefix("torch.")}

    @classmethod
    def from_config(cls, arguments: dict[str, Any]) -> "OpenCLIPScorer":
        """A scorer from what :meth:`config` returned."""
        return cls(**{**arguments, "dtype": getattr(torch, arguments.get("dtype", "float32"))})

    def convert(self, dtype: torch.dtype) -> None:
        """Convert the towers' weights; autocast would be several times slower on a CPU."""
        self.dtype = dtype
        self.towers.to(dtype).eval().requires_grad_(False)
        self._scale = float(self.towers.logit_scale.float().exp())

    @torch.no_grad()
    def encode_frames(self, frames: np.ndarray) -> np.ndarray:
        """(n, 512) float32 features of (n, 3, H, W) uint8 frames, one pass of the vision tower each."""
        pixels = torch.from_numpy(np.ascontiguousarray(check_frames(frames, self.image_size)))
        scaled = (pixels.float() / 255.0 - self._mean) / self._std
        return self.towers.encode_image(scaled.to(self.dtype)).float().numpy()

    @torch.no_grad()
    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """(p, 512) float32 features of prompts of at most 75 tokens."""
        texts = check_texts(texts)
        tokens = self._tokenize(texts, context_length=128)
        longest = int((tokens != 0).sum(1).max()) - 2
        if longest > TOKENS:
            raise ValueError(f"Expected prompts of at most {TOKENS} tokens, got {longest}; shorten them.")
        return self.towers.encode_text(tokens[:, :77]).float().numpy()

    @torch.no_grad()
    def logits(self, features: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """(n, p) float32 logits of clips (n, 16, 512): the scale times the cosine."""
        video = nn.functional.normalize(self._video(torch.from_numpy(np.ascontiguousarray(features))), dim=-1)
        return (self._scale * video @ nn.functional.normalize(torch.from_numpy(texts), dim=-1).T).numpy()

    def _video(self, features: torch.Tensor) -> torch.Tensor:
        return nn.functional.normalize(features, dim=-1).mean(1)


class MineCLIP(OpenCLIPScorer):
    """MineCLIP: CLIP's towers, a temporal module over 16 frames, a residual adapter.

    Args:
        variant: ``"attn"`` (temporal transformer) or ``"avg"`` (mean over time).
        dtype: type of the towers' weights; the temporal module stays float32.

    Source: Fan et al. 2022, arXiv 2206.08853, and its repository. New objects have random weights: see from_checkpoint.
    """

    calibration = (1.2, 21.8)  # LS-Imagine's, made for the released weights

    def __init__(self, variant: str = "attn", dtype: torch.dtype = torch.float32) -> None:
        if variant not in VARIANTS:
            raise ValueError(f"Expected a variant of {', '.join(VARIANTS)}, got {variant!r}.")
        super().__init__(ARCHITECTURE, mean=MEAN, std=STD, dtype=dtype)
        self.variant = variant
        self._path: str | None = None
        self.temporal = TemporalTransformer().eval().requires_grad_(False) if variant == "attn" else None
        self.adapter = VideoAdapter().eval().requires_grad_(False)

    @classmethod
    def from_checkpoint(cls, path: str | Path, dtype: torch.dtype = torch.bfloat16) -> "MineCLIP":
        """MineCLIP with the weights of a released file, ``attn.pth`` or ``avg.pth``.

        Tested with random weights under the released names and shapes; a released file has not been loaded yet.

        Raises:
            ValueError: keys or shapes that are missing or too many, or copies of a tower that differ; all are named.
        """
        digest = hashlib.md5(Path(path).read_bytes(), usedforsecurity=False).hexdigest()
        loaded = torch.load(path, map_location="cpu", weights_only=True)
        state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else {}
        variant = "attn" if any(".temporal_encoder." in f".{key}" for key in state) else "avg"
        parts = released.split(state, variant)
        scorer = cls(variant)
        scorer.towers.load_state_dict(parts["towers"])
        scorer.adapter.load_state_dict(parts["adapter"])
        if scorer.temporal is not None:
            scorer.temporal.load_state_dict(parts["temporal"])
        scorer.convert(dtype)
        scorer._path = str(path)
        known = "the released file" if digest == MD5[variant] else f"not the released file, whose md5 is {MD5[variant]}"
        _log.info("MineCLIP %s from %s, md5 %s: %s", variant, Path(path).name, digest, known)
        return scorer

    def config(self) -> dict[str, Any]:
        """File and type of the weights."""
        return {"checkpoint": self._path, "dtype": str(self.dtype).removeprefix("torch.")}

    @classmethod
    def from_config(cls, arguments: dict[str, Any]) -> "MineCLIP":
        """MineCLIP from what :meth:`config` returned; ValueError where the weights came from no file."""
        return cls.from_checkpoint(file_of(arguments), getattr(torch, arguments.get("dtype", "bfloat16")))

    def _video(self, features: torch.Tensor) -> torch.Tensor:
        return self.adapter(features.mean(1) if self.temporal is None else self.temporal(features))
