"""Affordance maps by virtual exploration: zoom into every part of a picture and ask a scorer what each zoom shows."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from papergym.envs.checks import one_of
from papergym.wrappers.vision.recipes import built, described
from papergym.wrappers.vision.scorer import FRAMES, VideoTextScorer, calibrated, calibration_of, check_frames

GRID, SHARE, FIRST_PAINTED = 9, 0.15, 13
"""Boxes along each axis, edge of a box over the picture's, first frame whose rectangle is painted (13 ** 2 > 150)."""
DIVISIONS, WINDOWS = ("published", "count"), ("all", "late")


def boxes(height: int, width: int) -> np.ndarray:
    """(81, 16, 4) int64 rectangles (top, left, bottom, right): each zoom from the whole picture to one box.

    Raises:
        ValueError: a picture too small for nine boxes along an axis.
    """
    edges = []
    for length in (height, width):
        box = int(length * SHARE)
        stride = (length - box) // (GRID - 1)
        if box < 1 or stride < 1:
            raise ValueError(f"Expected a picture of at least 10x10 pixels, got {height}x{width}.")
        start = np.arange(GRID) * stride
        end = start + box
        end[-1] = length
        edges.append((start, end))
    (top, bottom), (left, right) = edges
    goal = np.stack([*np.meshgrid(top, left, indexing="ij"), *np.meshgrid(bottom, right, indexing="ij")], -1).reshape(-1, 1, 4)
    whole = np.array([0, 0, height, width])
    way = np.arange(FRAMES).reshape(1, -1, 1)
    return whole + np.trunc((goal - whole) * way / (FRAMES - 1)).astype(np.int64)


def blur_kernel(height: int, width: int) -> tuple[int, int]:
    """(width, height) of the Gaussian kernel: the box, made odd; 37x23 for 256x160."""
    return tuple(edge - 1 + edge % 2 for edge in (int(width * SHARE), int(height * SHARE)))  # type: ignore[return-value]


class ZoomAffordance:
    """Maps of where a scorer finds what a prompt names, (n, prompts, H, W) float32 between 0 and 1.

    81 zooms of 16 crops end in boxes of 15 % of the picture; a zoom's logit is painted into its last three rectangles,
    overlapping paint is averaged, the average is blurred and squashed with the scorer's calibration.

    Args:
        scorer: any VideoTextScorer, or the name of one.
        divide: ``"published"``: as LS-Imagine's code, the sum over 0.1 plus the number of *positive* logits, which dims the
            map and does not count negative ones; ``"count"``: the mean of what covers a pixel.
        frames: ``"all"``: encode all 16 crops; ``"late"``: only the three that are painted, the first of which stands for
            the earlier ones; five times faster.
        calibration: (slope, offset) of the sigmoid; the scorer's own by default.

    Source: LS-Imagine, arXiv 2410.03618, and its repository.
    """

    def __init__(
        self,
        scorer: VideoTextScorer | str | dict[str, Any],
        divide: str = "published",
        frames: str = "all",
        calibration: Sequence[float] | None = None,
    ) -> None:
        one_of("divide", divide, DIVISIONS)
        one_of("frames", frames, WINDOWS)
        calibration = calibration_of(calibration)
        self.scorer: VideoTextScorer = built("scorer", scorer, VideoTextScorer)
        self.divide, self.first = divide, FIRST_PAINTED if frames == "late" else 0
        self.calibration = self.scorer.calibration if calibration is None else calibration
        self._config = {"divide": divide, "frames": frames, "calibration": calibration and list(calibration)}

    def config(self) -> dict[str, Any]:
        """The arguments."""
        return {"scorer": described(self.scorer), **self._config}

    def __call__(self, frames: np.ndarray, prompts: str | Sequence[str]) -> np.ndarray:
        """Maps, (n, prompts, H, W) float32, of (n, 3, H, W) uint8 frames."""
        texts = self.scorer.encode_texts([prompts] if isinstance(prompts, str) else prompts)
        return np.stack([self.paint(self.zoom_logits(frame, texts), *frame.shape[1:]) for frame in check_frames(frames)])

    def zoom_logits(self, frame: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """(81, p) float32 logits of the 81 zooms of one (3, H, W) uint8 frame; equal crops are encoded once."""
        rectangles = boxes(*frame.shape[1:])
        different, place = np.unique(rectangles[:, self.first :].reshape(-1, 4), axis=0, return_inverse=True)
        features = self.scorer.encode_frames(crops(frame, different, self.scorer.crop_size))
        clips = features[place.reshape(len(rectangles), -1)]
        clips = np.concatenate([np.repeat(clips[:, :1], self.first, axis=1), clips], axis=1)
        return self.scorer.logits(clips, texts)

    def paint(self, logits: np.ndarray, height: int, width: int) -> np.ndarray:
        """(p, height, width) float32 maps of (81, p) logits."""
        rectangles = boxes(height, width)[:, FIRST_PAINTED:].reshape(-1, 4)
        values = np.repeat(logits.T.astype(np.float64), FRAMES - FIRST_PAINTED, axis=1)
        total = _summed(rectangles, values, height, width)
        if self.divide == "published":
            mean = total / (0.1 + _summed(rectangles, (values > 0).astype(np.float64), height, width))
        else:
            count = _summed(rectangles, np.ones((1, len(rectangles))), height, width)
            mean = _filled(total / np.maximum(count, 1.0), count[0] > 0.5)
        kernel = blur_kernel(height, width)
        return np.stack([calibrated(cv2.GaussianBlur(m, kernel, 0), self.calibration) for m in mean]).astype(np.float32)


def crops(frame: np.ndarray, rectangles: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(n, 3, *size) uint8 crops of a (3, H, W) frame, resized: averaged where they shrink, bilinear where they grow."""
    picture, (height, width) = np.ascontiguousarray(frame.transpose(1, 2, 0)), size
    out = np.empty((len(rectangles), height, width, 3), np.uint8)
    for number, (top, left, bottom, right) in enumerate(rectangles.tolist()):
        way = cv2.INTER_AREA if bottom - top > height else cv2.INTER_LINEAR
        cv2.resize(picture[top:bottom, left:right], (width, height), dst=out[number], interpolation=way)
    return out.transpose(0, 3, 1, 2)


def _summed(rectangles: np.ndarray, values: np.ndarray, height: int, width: int) -> np.ndarray:
    """(p, height, width) sums of (p, n) values over the rectangles that cover a pixel, by running sums of their corners."""
    corners = np.zeros((height + 1, width + 1, len(values)))
    top, left, bottom, right = rectangles.T
    for rows, columns, sign in ((top, left, 1), (top, right, -1), (bottom, left, -1), (bottom, right, 1)):
        np.add.at(corners, (rows, columns), sign * values.T)
    return np.round(corners.cumsum(0).cumsum(1)[:-1, :-1].transpose(2, 0, 1), 9)


def _filled(maps: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Maps with the lowest covered value where nothing covers a pixel."""
    lowest = np.where(covered, maps, np.inf).min(axis=(1, 2), keepdims=True)
    return np.where(covered, maps, lowest)
