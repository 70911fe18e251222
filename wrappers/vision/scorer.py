"""What every scorer shares: frames to features, a window of features and a text to one logit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from papergym.envs.checks import number

FRAMES = 16
"""Frames of a clip."""


@runtime_checkable
class VideoTextScorer(Protocol):
    """Scores how well a clip of frames shows what a text says.

    Attributes:
        feature_size: length F of a frame's feature.
        calibration: (slope, offset): ``sigmoid(slope * (logit - offset))`` lies between 0 and 1.
        image_size: (H, W) of the frames that it takes; None for any.
        crop_size: (H, W) at which crops of a picture are best drawn for it.
    """

    feature_size: int
    calibration: tuple[float, float]
    image_size: tuple[int, int] | None
    crop_size: tuple[int, int]

    def encode_frames(self, frames: np.ndarray) -> np.ndarray:
        """Features, (n, F) float32, of (n, 3, H, W) uint8 frames."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Features, (p, F) float32, of texts."""
        ...

    def logits(self, features: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """(n, p) float32 logits of clips (n, 16, F) and text features (p, F)."""
        ...


def check_frames(frames: Any, size: tuple[int, int] | None = None) -> np.ndarray:
    """``frames`` as an array of shape (n, 3, H, W).

    Raises:
        ValueError: another layout, type or size.
    """
    frames = np.asarray(frames)
    if frames.ndim != 4 or frames.shape[1] != 3 or frames.dtype != np.uint8 or frames.shape[0] == 0:
        raise ValueError(
            f"Expected frames (n, 3, H, W) uint8, got {frames.shape} {frames.dtype}; transpose pictures with channels last."
        )
    if size is not None and frames.shape[2:] != tuple(size):
        raise ValueError(
            f"Expected frames of {size[0]}x{size[1]} pixels, got {frames.shape[2]}x{frames.shape[3]}; draw them so."
        )
    return frames


def check_texts(texts: Any, limit: int = 75) -> list[str]:
    """``texts`` as a list of prompts.

    Raises:
        ValueError: none, an empty one, or one of more than ``limit`` words.
    """
    several = isinstance(texts, Sequence) and not isinstance(texts, str | bytes)
    given: list[Any] = list(texts) if several else [texts]
    if not given or not all(isinstance(text, str) and text.strip() for text in given):
        raise ValueError(f"Expected prompts that are not empty, got {texts!r}; say in a few words what to look for.")
    for text in given:
        if len(text.split()) > limit:
            raise ValueError(f"Expected a prompt of at most {limit} words, got {len(text.split())}; shorten {text[:40]!r}...")
    return given


def calibration_of(calibration: Any) -> tuple[float, float] | None:
    """``calibration`` as (slope, offset), or None.

    Raises:
        ValueError: anything else.
    """
    if calibration is None:
        return None
    if not isinstance(calibration, list | tuple | np.ndarray) or len(np.atleast_1d(np.asarray(calibration, object))) != 2:
        raise ValueError(f"Expected calibration to be (slope, offset) or None, got {calibration!r}.")
    slope, offset = (number("calibration, (slope, offset),", one) for one in calibration)
    return slope, offset


def weights_of(weights: Any, shipped: Path) -> Path:
    """The file of weights: the one given, or the shipped one for None.

    Raises:
        ValueError: no path.
        FileNotFoundError: no such file.
    """
    if weights is None:
        return shipped
    if not isinstance(weights, str | Path) or not str(weights):
        raise ValueError(f"Expected weights to be the path of a .safetensors file or None, the shipped one, got {weights!r}.")
    if not Path(weights).is_file():
        raise FileNotFoundError(f"Expected weights to be a .safetensors file, got {str(weights)!r}, which is none.")
    return Path(weights)


def calibrated(logits: np.ndarray, calibration: Sequence[float]) -> np.ndarray:
    """``sigmoid(slope * (logit - offset))``, the dtype kept."""
    slope, offset = calibration
    return 0.5 * (1.0 + np.tanh(0.5 * slope * (logits - offset)))
