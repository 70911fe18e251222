"""LS-Imagine's jump flag: when a map has a peak, zoom into it, and say whether the closer view is better."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from papergym.envs import checks
from papergym.wrappers.state import array_of_state, of_state
from papergym.wrappers.vision.gaussian import check_maps, gaussian, gaussian_score
from papergym.wrappers.vision.scorer import check_frames

VARIANTS = ("official", "paper")
_OPENING = cv2.getStructuringElement(cv2.MORPH_RECT, (16, 10))
Maps = Callable[[np.ndarray], np.ndarray]
"""(n, 3, H, W) uint8 frames -> (n, H, W) maps."""


@dataclass
class Jump:
    """What one step of the flag found.

    Attributes:
        probability: peakedness of the map times its height.
        threshold: running mean plus deviation of the probabilities, this one included.
        score: Gaussian score of the map.
        box: (top, left, bottom, right) of the closer view; None where there is none.
        view: (3, H, W) uint8 closer view at the picture's size; the picture itself where there is none.
        view_map: (H, W) map of the closer view; zeros where there is none.
        view_score: its Gaussian score.
        view_value: mean of the map inside the box.
        is_zoomed: whether the closer view scores clearly more.
        jump: whether it does, and some peak lies near the middle.
    """

    probability: float
    threshold: float
    score: float
    box: tuple[int, int, int, int] | None
    view: np.ndarray
    view_map: np.ndarray
    view_score: float = 0.0
    view_value: float = 0.0
    is_zoomed: bool = False
    jump: bool = False


class Running:
    """Running mean and deviation of numbers (Welford), one pair for each environment."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = np.zeros(0), np.zeros(0), np.zeros(0)

    def add(self, slots: np.ndarray, values: np.ndarray) -> None:
        """Count one value for each of the environments ``slots``."""
        missing = int(slots.max()) + 1 - len(self.count)
        if missing > 0:
            self.count, self.mean, self.squares = (
                np.append(a, np.zeros(missing)) for a in (self.count, self.mean, self.squares)
            )
        self.count[slots] += 1
        away = values - self.mean[slots]
        self.mean[slots] += away / self.count[slots]
        self.squares[slots] += away * (values - self.mean[slots])

    def std(self, slots: np.ndarray) -> np.ndarray:
        """Population deviations of these environments."""
        return np.sqrt(self.squares[slots] / np.maximum(self.count[slots], 1))

    def state_dict(self) -> dict[str, np.ndarray]:
        """Exact state."""
        return {"count": self.count.copy(), "mean": self.mean.copy(), "squares": self.squares.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: no such state; nothing has changed.
        """
        self.count, self.mean, self.squares = self.read(state)

    @staticmethod
    def read(state: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Count, mean and squares of a state, (n,) float64 each; see :meth:`load_state_dict` for errors."""
        like = np.zeros(np.size(of_state(state, "count", "mean", "squares")["count"]))
        count, mean, squares = (array_of_state(state, name, like) for name in ("count", "mean", "squares"))
        if (count < 0).any() or (squares < 0).any():
            raise ValueError("expected counts and sums of squares from 0 in the state of a running mean")
        return count, mean, squares


def probability(maps: np.ndarray, variant: str = "official") -> np.ndarray:
    """(n,) float64 ``sigmoid(kurtosis) * (max - mean)`` of (n, H, W) maps; 0 for a flat map, whose kurtosis does not exist.

    The official code takes the excess kurtosis, the paper the plain one, which is 3 more.
    """
    flat = check_maps(maps).reshape(len(maps), -1).astype(np.float64)
    mean = flat.mean(1, keepdims=True)
    square = (flat - mean) ** 2
    variance = square.mean(1)
    high = flat.max(1) - mean[:, 0]
    peaked = high > 1e-9
    kurtosis = (square**2).mean(1) / np.where(peaked, variance, 1.0) ** 2 - (3.0 if variant == "official" else 0.0)
    return np.where(peaked, 0.5 * (1 + np.tanh(0.5 * kurtosis)) * high, 0.0)


def zoom_box(heat: np.ndarray) -> tuple[tuple[int, int, int, int] | None, bool]:
    """Where to zoom in a (H, W) map: the box (top, left, bottom, right) or None, and whether a peak lies near the middle."""
    heat = np.asarray(heat, np.float32)
    height, width = heat.shape
    weight = gaussian(height, width)
    level = (float(heat.max()) + float(heat.min())) / 2 + float(heat.std())
    peaks = cv2.morphologyEx((heat > level).astype(np.uint8), cv2.MORPH_OPEN, _OPENING)
    contours, _ = cv2.findContours(peaks, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    best, part, central = -1.0, 0.0, False
    for contour in contours:
        filled = cv2.drawContours(np.zeros(heat.shape, np.uint8), [contour], -1, 1, cv2.FILLED)
        moments = cv2.moments(contour)
        if moments["m00"] == 0:
            continue
        x, y = int(moments["m10"] / moments["m00"]), int(moments["m01"] / moments["m00"])
        central |= bool(weight[y, x] >= weight.mean())
        value = float(heat[filled == 1].mean())
        if value > best:
            best, part = value, float(filled.mean()) / float(weight[y, x])
    if best < 0:
        return None, False
    edge = np.sqrt(min(max(part, 0.01), 1.0))
    h, w = max(int(edge * height), 1), max(int(edge * width), 1)
    total = cv2.integral(heat, sdepth=cv2.CV_64F)
    sums = total[h:, w:] - total[:-h, w:] - total[h:, :-w] + total[:-h, :-w]
    top, left = divmod(int(np.argmax(sums)), sums.shape[1])
    return (top, left, top + h, left + w), central


def zoomed(frame: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """(3, H, W) uint8 contents of a box of a (3, H, W) frame, enlarged to its size (bilinear)."""
    top, left, bottom, right = box
    part = np.ascontiguousarray(frame[:, top:bottom, left:right].transpose(1, 2, 0))
    return np.ascontiguousarray(cv2.resize(part, frame.shape[:0:-1]).transpose(2, 0, 1))


class JumpFlag:
    """Decides, with running statistics for each environment, whether a step is a candidate for a jump.

    A flat map never is; in the official code it makes the statistics NaN for ever after.

    Args:
        variant: ``"official"`` (excess kurtosis) or ``"paper"`` (plain).
        margin: deviations of the scores seen by which the closer view must be better.
    """

    def __init__(self, variant: str = "official", margin: float = 2.0) -> None:
        self.variant, self.margin = checks.one_of("variant", variant, VARIANTS), checks.number("margin", margin, 0)
        self.probabilities, self.scores = Running(), Running()

    def config(self) -> dict[str, Any]:
        """The arguments."""
        return {"variant": self.variant, "margin": self.margin}

    def __call__(self, frames: np.ndarray, maps: np.ndarray, mapper: Maps, slots: np.ndarray | None = None) -> list[Jump]:
        """One step of n environments; the closer views are mapped in one call of ``mapper``.

        Args:
            frames: (n, 3, H, W) uint8.
            maps: (n, H, W), their maps.
            mapper: makes the maps of the closer views.
            slots: (n,) numbers of the environments; 0 to n - 1 by default.
        """
        frames, maps = check_frames(frames, np.shape(maps)[1:]), check_maps(maps)  # type: ignore[arg-type]
        slots = np.arange(len(frames)) if slots is None else np.asarray(slots)
        chance, score = probability(maps, self.variant), gaussian_score(maps)
        self.probabilities.add(slots, chance)
        self.scores.add(slots, score)
        threshold = self.probabilities.mean[slots] + self.probabilities.std(slots)
        jumps = [
            Jump(float(p), float(t), float(s), None, frame, np.zeros_like(heat))
            for p, t, s, frame, heat in zip(chance, threshold, score, frames, maps)
        ]
        self._zoom(jumps, maps, mapper, score + self.margin * self.scores.std(slots))
        return jumps

    def _zoom(self, jumps: list[Jump], maps: np.ndarray, mapper: Maps, needed: np.ndarray) -> None:
        found = {}
        for number, step in enumerate(jumps):
            if step.probability > step.threshold:
                box, central = zoom_box(maps[number])
                if box is not None:
                    step.box, step.view = box, zoomed(step.view, box)
                    step.view_value = float(maps[number][box[0] : box[2], box[1] : box[3]].mean())
                    found[number] = central
        if not found:
            return
        views = check_maps(mapper(np.stack([jumps[number].view for number in found])))
        for (number, central), heat, score in zip(found.items(), views, gaussian_score(views)):
            step = jumps[number]
            step.view_map, step.view_score = heat, float(score)
            step.is_zoomed = bool(score >= needed[number])
            step.jump = step.is_zoomed and central

    def state_dict(self) -> dict[str, Any]:
        """Exact state."""
        parts = {"probabilities": self.probabilities.state_dict(), "scores": self.scores.state_dict()}
        return {"variant": self.variant, "margin": self.margin, **parts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: no such state, or that of a flag with other settings; nothing has changed.
        """
        of_state(state, "variant", "margin", "probabilities", "scores")
        if (state["variant"], state["margin"]) != (self.variant, self.margin):
            raise ValueError(
                f"Expected a state of variant={self.variant!r}, margin={self.margin}, got {state['variant']!r}, "
                f"{state['margin']}; build the flag with the same settings."
            )
        Running.read(state["scores"])  # whole or not at all
        self.probabilities.load_state_dict(state["probabilities"])
        self.scores.load_state_dict(state["scores"])
