"""How observations reach a network: images as (n, C, H, W) uint8, everything else as one flat (n, d) float32."""

from typing import Any

import numpy as np
from gymnasium import Space, spaces

from papergym.wrappers.intrinsic.transitions import Observations, leaves, mapped
from papergym.wrappers.intrinsic.vectors import flatten, is_image, require_finite, require_keys


class Layout:
    """Splits batches of observations into images and flat numbers, always in the same order.

    Args:
        example: one observation; images are recognized by :func:`~papergym.wrappers.intrinsic.vectors.is_image`.
        space: observation space, needed for discrete parts.
    """

    def __init__(self, example: Any, space: Space | None):
        self.space = space
        parts = leaves(example)
        self.images = [path for path, part in parts.items() if is_image(part)]
        self.flat = [path for path, part in parts.items() if not is_image(part)]
        sample = self(mapped(lambda part: np.asarray(part)[None], example))
        self.shapes: dict[str, tuple[int, ...]] | None = {name: array.shape[1:] for name, array in sample.items()}

    def __call__(self, observations: Observations) -> dict[str, np.ndarray]:
        """Arrays by name: ``flat`` and ``image0``, ``image1``...

        Raises:
            ValueError: shapes other than before, a part that is missing, or numbers that are not finite.
        """
        out = {f"image{i}": channels_first(_part(observations, path)) for i, path in enumerate(self.images)}
        if self.flat:
            flat = [flatten(_part(observations, path), _subspace(self.space, path)) for path in self.flat]
            out["flat"] = np.concatenate(flat, axis=1) if len(flat) > 1 else flat[0]
            require_finite(out["flat"])
        shapes = {name: array.shape[1:] for name, array in out.items()}
        if getattr(self, "shapes", None) not in (None, shapes):
            raise ValueError(f"observations changed from {self.shapes} to {shapes}: their size must never change.")
        return out


def channels_first(images: np.ndarray) -> np.ndarray:
    """(n, C, H, W) from (n, H, W), (n, H, W, C), (n, C, H, W), (n, S, H, W, C) or (n, S, C, H, W); C is below H and W."""
    if images.ndim == 3:
        return images[:, None]
    if images.shape[-1] < images.shape[-3]:
        images = np.moveaxis(images, -1, -3)
    return np.ascontiguousarray(images.reshape(len(images), -1, *images.shape[-2:]))


def _part(observations: Observations, path: tuple[str, ...]) -> np.ndarray:
    for key in path:
        require_keys(observations, [key])
        observations = observations[key]
    return np.asarray(observations)


def _subspace(space: Space | None, path: tuple[str, ...]) -> Space | None:
    for key in path:
        space = space[key] if isinstance(space, spaces.Dict) else None
    return space
