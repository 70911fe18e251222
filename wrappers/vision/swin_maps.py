"""Maps of LS-Imagine's released U-Net, from its file and a MineCLIP."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from papergym.wrappers.vision.mineclip import MEAN, STD
from papergym.wrappers.vision.recipes import built, described, file_of
from papergym.wrappers.vision.scorer import VideoTextScorer, check_frames
from papergym.wrappers.vision.swin import EDGE, TEXT, SwinNetwork

PREFIX = "swin_unet."
BLUR = (51, 79)
"""(width, height) of the Gaussian kernel on a map of 256x160 pixels."""


class SwinAffordance:
    """Affordance maps as LS-Imagine's official code makes them: resize, normalize, network, resize, blur.

    A released file belongs to one task, and to frames of the real game without hand and slots. It has not been loaded here:
    the layout is tested with random weights.

    Args:
        scorer: encodes the prompts; the network was trained with MineCLIP's text features, 512 numbers.
        state: tensors under the released names, ``swin_unet.`` before each.

    Raises:
        ValueError: a tensor that is missing, too many or of another shape, or a scorer with other text features.
    """

    def __init__(self, scorer: VideoTextScorer, state: Mapping[str, Any]) -> None:
        if scorer.feature_size != TEXT:
            raise ValueError(f"Expected a scorer with {TEXT} text features, got {scorer.feature_size}; use MineCLIP.")
        self.scorer, self.network = scorer, SwinNetwork().eval().requires_grad_(False)
        self.network.load_state_dict(checked(state, self.network.state_dict()))
        self._path: str | None = None
        self._mean, self._std = (np.array(value, np.float32).reshape(1, 3, 1, 1) for value in (MEAN, STD))

    @classmethod
    def from_checkpoint(cls, scorer: VideoTextScorer | str | dict[str, Any], path: str | Path) -> "SwinAffordance":
        """Maps with the weights of a released file."""
        made = cls(built("scorer", scorer, object), torch.load(path, map_location="cpu", weights_only=True))
        made._path = str(path)
        return made

    @classmethod
    def from_config(cls, arguments: dict[str, Any]) -> "SwinAffordance":
        """Maps from what :meth:`config` returned; ValueError where the weights came from no file."""
        return cls.from_checkpoint(arguments["scorer"], file_of(arguments))

    def config(self) -> dict[str, Any]:
        """Scorer and file."""
        return {"scorer": described(self.scorer), "checkpoint": self._path}

    @torch.no_grad()
    def __call__(self, frames: np.ndarray, prompts: str | Sequence[str]) -> np.ndarray:
        """(n, prompts, H, W) float32 maps between 0 and 1 of (n, 3, H, W) uint8 frames."""
        frames = check_frames(frames)
        texts = torch.from_numpy(self.scorer.encode_texts([prompts] if isinstance(prompts, str) else list(prompts)))
        n, p, (height, width) = len(frames), len(texts), frames.shape[2:]
        small = np.stack([cv2.resize(np.ascontiguousarray(frame.transpose(1, 2, 0)), (EDGE, EDGE)) for frame in frames])
        pixels = torch.from_numpy((small.transpose(0, 3, 1, 2).astype(np.float32) / 255 - self._mean) / self._std)
        maps = self.network(pixels.repeat_interleave(p, 0), texts.repeat(n, 1)).numpy()
        full = [cv2.GaussianBlur(cv2.resize(heat, (width, height)), BLUR, 0) for heat in maps]
        return np.stack(full).reshape(n, p, height, width)


def checked(state: Mapping[str, Any], own: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """``state`` under the network's own names.

    Raises:
        ValueError: a tensor that is missing, too many or of another shape, or index tables and masks of another network.
    """
    wanted = {PREFIX + name: tensor for name, tensor in own.items()}
    missing, extra = sorted(wanted.keys() - state.keys()), sorted(state.keys() - wanted.keys())
    wrong = [name for name in wanted if name in state and tuple(state[name].shape) != tuple(wanted[name].shape)]
    faults = {"missing": missing, "unknown": extra, "of another shape": wrong}
    if not any(faults.values()):
        fixed = [name for name in wanted if name.endswith(("relative_position_index", "attn_mask"))]
        faults = {"not of this layout": [name for name in fixed if not torch.equal(state[name], wanted[name])]}
    if any(faults.values()):
        said = "; ".join(f"{len(names)} {what} ({', '.join(names[:3])})" for what, names in faults.items() if names)
        raise ValueError(f"Expected the {len(wanted)} tensors of LS-Imagine's U-Net, got {said}. Download the file again.")
    return {name.removeprefix(PREFIX): state[name] for name in wanted}
