"""Batches of observations or actions as flat vectors of numbers, and the checks of these. Needs no network."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, NoReturn

import numpy as np
from gymnasium import Space, spaces

from papergym.wrappers.intrinsic.transitions import Observations


def is_image(example: np.ndarray) -> bool:
    """Whether one observation is an image: uint8 with two to four axes, (H, W), (H, W, C), (C, H, W) or a stack of these."""
    return example.dtype == np.uint8 and example.ndim in (2, 3, 4)


def flatten(observations: Observations, space: Space | None = None) -> np.ndarray:
    """(n, d) float32: numbers as they are, ids as one-hot vectors, Dict parts side by side in the order of the keys.

    Raises:
        ValueError: ids without a space to say how many there are, a part of the space that is missing, or tuples.
    """
    if isinstance(observations, dict):
        parts = space.spaces if isinstance(space, spaces.Dict) else dict.fromkeys(sorted(observations))
        require_keys(observations, parts)
        return np.concatenate([flatten(observations[key], part) for key, part in parts.items()], axis=1)
    if type(observations) is not np.ndarray:
        if isinstance(observations, tuple):
            raise ValueError("Tuple observations are not supported; use a Dict space.")
        observations = np.asarray(observations)
    if isinstance(space, spaces.Discrete):
        return _one_hot(observations.reshape(-1, 1) - space.start, np.array([space.n]))
    if isinstance(space, spaces.MultiDiscrete):
        return _one_hot(observations.reshape(len(observations), -1) - space.start.reshape(-1), space.nvec.reshape(-1))
    if observations.ndim == 1 and (space is None or space.shape != ()):
        if space is not None and not isinstance(space, (spaces.Box, spaces.MultiBinary)):
            raise ValueError(f"observations of {space} are no numbers; pass embed= a function to vectors, or use a Box.")
        if space is not None:
            raise ValueError(f"expected a batch of observations, the batch first, of {space}; got shape {observations.shape}.")
        raise ValueError("a batch of numbers needs its space: call bonus.bind(observation_space) or pass shape (n, 1).")
    return np.ascontiguousarray(observations.reshape(len(observations), -1), np.float32)


def require_keys(observations: Mapping[str, Any], keys: Any) -> None:
    """Raise ValueError where a Dict observation lacks a part."""
    missing = [key for key in keys if key not in observations]
    if missing:
        raise ValueError(f"the observation lacks {missing}; it has {sorted(observations)}. Every one must have the same parts.")


def _one_hot(ids: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    if (ids < 0).any() or (ids >= sizes).any():
        raise ValueError(
            f"a discrete observation lies outside its space: got {ids.min()}..{ids.max()}, sizes {sizes.tolist()}."
        )
    out = np.zeros((len(ids), int(sizes.sum())), np.float32)
    np.put_along_axis(out, (ids + np.cumsum(sizes) - sizes).astype(np.int64), 1.0, axis=1)
    return out


def require_finite(vectors: np.ndarray, what: str = "observation or embedding") -> None:
    """Raise ValueError unless all elements and the sum of their squares are finite; one product, cheap at every step."""
    if not isfinite(np.vdot(vectors, vectors)):
        explain(vectors, what)


def explain(vectors: np.ndarray, what: str = "observation or embedding") -> NoReturn:
    """Raise ValueError that says which element is not finite, or that squares overflow."""
    bad = ~np.isfinite(vectors)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"non-finite {what}: row {row}, element {column} is {vectors[row, column]}. Nothing was stored; fix what made it."
        )
    raise ValueError(f"{what} up to {np.abs(vectors).max():.3g} overflow squared float32 distances; rescale them first.")
