"""A canvas in world units for the small worlds' images: drawn at twice the size and averaged down, so edges are smooth."""

from collections.abc import Iterable, Sequence

import numpy as np

Point = Sequence[float] | np.ndarray
Colour = tuple[int, int, int]

PAPER: Colour = (250, 248, 243)
INK: Colour = (52, 58, 70)
GREY: Colour = (205, 203, 197)
STONE: Colour = (120, 124, 134)
BLUE: Colour = (52, 116, 196)
GREEN: Colour = (66, 157, 99)
ORANGE: Colour = (236, 146, 45)
RED: Colour = (208, 76, 68)


class Canvas:
    """An image of the world rectangle ``low`` to ``high`` (x right, y up), ``scale`` pixels per unit."""

    def __init__(self, low: Point, high: Point, scale: float, background: Colour = PAPER):
        import cv2  # here, so that registering the ids stays light

        self._cv2 = cv2
        self._low, self._high, self._scale = np.asarray(low, float), np.asarray(high, float), 2 * scale
        width, height = np.rint((self._high - self._low) * scale).astype(int)
        self._size = (int(width), int(height))
        self._image = np.full((2 * height, 2 * width, 3), background, np.uint8)

    def _pixel(self, point: Point) -> tuple[int, int]:
        x, y = (np.asarray(point, float) - self._low) * self._scale
        return round(x * 16), round(self._image.shape[0] * 16 - y * 16)  # cv2 reads 4 fractional bits (shift=4)

    def line(self, points: Iterable[Point], colour: Colour, width: float = 2) -> None:
        """A polyline, ``width`` in pixels."""
        vertices = np.array([self._pixel(point) for point in points], np.int32)
        self._cv2.polylines(self._image, [vertices], False, colour, round(2 * width), self._cv2.LINE_AA, 4)

    def polygon(self, points: Iterable[Point], colour: Colour) -> None:
        """A filled polygon."""
        vertices = np.array([self._pixel(point) for point in points], np.int32)
        self._cv2.fillPoly(self._image, [vertices], colour, self._cv2.LINE_AA, 4)

    def box(self, low: Point, high: Point, colour: Colour) -> None:
        """A filled rectangle."""
        (x0, y0), (x1, y1) = low, high
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)

    def disc(self, centre: Point, radius: float, colour: Colour, ring: float = 0) -> None:
        """A disc of ``radius`` world units, or a ring ``ring`` pixels wide."""
        thickness = round(2 * ring) if ring else -1
        self._cv2.circle(
            self._image, self._pixel(centre), round(radius * self._scale * 16), colour, thickness, self._cv2.LINE_AA, 4
        )

    def arrow(self, start: Point, end: Point, colour: Colour, width: float = 2, head: float = 0.1) -> None:
        """A line with a filled head of ``head`` world units at its end."""
        start, end = np.asarray(start, float), np.asarray(end, float)
        along = (end - start) / max(float(np.linalg.norm(end - start)), 1e-9) * head
        across = np.array([-along[1], along[0]]) * 0.5
        self.line([start, end - along], colour, width)
        self.polygon([end, end - along + across, end - along - across], colour)

    def text(self, centre: Point, words: str, colour: Colour = INK, height: float = 10) -> None:
        """Text centred on a point, capitals ``height`` pixels high."""
        font, scale = self._cv2.FONT_HERSHEY_SIMPLEX, 2 * height / 22
        (width, _), _ = self._cv2.getTextSize(words, font, scale, 2)
        x, y = (value // 16 for value in self._pixel(centre))
        self._cv2.putText(self._image, words, (x - width // 2, round(y + height)), font, scale, colour, 2, self._cv2.LINE_AA)

    def pixels(self) -> np.ndarray:
        """The finished image: uint8 ``(H, W, 3)``, RGB, contiguous."""
        return self._cv2.resize(self._image, self._size, interpolation=self._cv2.INTER_AREA)
