"""The atlas of block textures, each with four smaller levels for distant blocks."""

from functools import cache

import numpy as np

from papergym.envs.mine.voxel import blocks
from papergym.envs.mine.voxel.paints import DRAW, EDGE

LEVELS = 5
LEVEL_START = np.cumsum([0] + [(EDGE >> level) ** 2 for level in range(LEVELS)])[:LEVELS].astype(np.int64)
TEXELS = int(sum((EDGE >> level) ** 2 for level in range(LEVELS)))


@cache
def _texture(name: str) -> np.ndarray:
    return DRAW[name]()


def texture(name: str) -> np.ndarray:
    """(16, 16, 4) uint8 texture of a face; row 0 is its upper edge."""
    return _texture(name).copy()


def levels(full: np.ndarray, least: float = 0.45) -> np.ndarray:
    """(TEXELS, 4) uint8: the texture and its smaller copies, one after the other.

    Args:
        full: (16, 16, 4).
        least: share of opaque texels from which an averaged texel is opaque.
    """
    colour, tint = full[..., :3].astype(float), np.maximum(full[..., 3:].astype(float) - 1, 0)
    there = (full[..., 3:] > 0).astype(float)
    parts = []
    for _ in range(LEVELS):
        weight = np.maximum(there, 1e-6)
        alpha = np.where(there >= least, 1 + np.round(tint / weight), 0)
        parts.append(np.concatenate([colour / weight if parts else colour, alpha], axis=-1).reshape(-1, 4))
        if not parts[1:]:
            colour, tint = colour * there, tint * there
        edge = len(colour) // 2
        if edge:
            colour, tint, there = (a.reshape(edge, 2, edge, 2, -1).mean(axis=(1, 3)) for a in (colour, tint, there))
    return np.clip(np.concatenate(parts), 0, 255).astype(np.uint8)


NAMES: tuple[str, ...] = tuple(DRAW)
INDEX = {name: index for index, name in enumerate(NAMES)}
FACES = np.array([[INDEX[look] for look in looks] for looks in blocks.LOOK], np.int64)
"""(blocks, 4) texture index of top, side, bottom and front."""


@cache
def atlas() -> np.ndarray:
    """(textures, TEXELS, 4) uint8: every block texture with its levels, in the order of NAMES."""
    return np.stack([levels(_texture(name), 0.3 if name == "leaves" else 0.45) for name in NAMES])
