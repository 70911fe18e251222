"""The exact answer in the voxel world: which pixels show a goal, as a map and as a scorer's logits."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from papergym.wrappers.vision.affordance import blur_kernel
from papergym.wrappers.vision.concepts import CONCEPTS, NAMES, concept_map
from papergym.wrappers.vision.scorer import check_texts
from papergym.wrappers.vision.small import words


def concept_of(text: str) -> int:
    """Index of the concept that a text names: the one whose nouns share most words with it.

    Raises:
        ValueError: no concept's noun is in the text.
    """
    given = set(words(check_texts(text)[0]))
    hits = [max(len(given & set(words(noun))) / len(words(noun)) for noun in concept.nouns) for concept in CONCEPTS]
    if max(hits) < 1.0:
        raise ValueError(
            f"Expected a text that names one of {', '.join(NAMES)}, got {text!r}; name a thing of the voxel world."
        )
    full = [i for i, hit in enumerate(hits) if hit == 1.0]
    return max(full, key=lambda i: max(len(set(words(n)) & given) for n in CONCEPTS[i].nouns))


class SegmentationOracle:
    """Maps from the voxel world's own segmentation (``segmentation=True``), and logits from shares of pixels.

    Args:
        blur: blur the map as a zoom-in map is blurred.
    """

    def __init__(self, blur: bool = False) -> None:
        self.blur = blur

    def __call__(self, info: dict[str, Any], prompt: str) -> np.ndarray:
        """(H, W) float32 map: 1 where a pixel shows what the prompt names.

        Raises:
            ValueError: the info holds no segmentation, or the prompt names nothing that is known.
        """
        if "segmentation" not in info:
            raise ValueError(f"Expected info['segmentation'], got {sorted(info)}; make the voxel world with segmentation=True.")
        shown = (concept_map(info["segmentation"]) == concept_of(prompt)).astype(np.float32)
        return cv2.GaussianBlur(shown, blur_kernel(*shown.shape), 0) if self.blur else shown

    def logits(self, info: dict[str, Any], prompts: Sequence[str], enough: float = 0.06) -> np.ndarray:
        """(p,) float32 log odds from the share of pixels that show each prompt's thing; ``enough`` of them give 5."""
        share = np.array([self(info, prompt).mean() for prompt in prompts])
        part = np.clip(share / enough, 1 / 150, 149 / 150)
        return np.log(part / (1 - part)).astype(np.float32)
