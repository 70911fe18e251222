"""Wrappers for Gymnasium vector environments, under the names of those for one environment."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __all__: list[str]
    from papergym.wrappers.vector.affordance import AffordanceObservation as AffordanceObservation
    from papergym.wrappers.vector.intrinsic_reward import IntrinsicReward as IntrinsicReward
    from papergym.wrappers.vector.pixel_batch import PixelBatch as PixelBatch
    from papergym.wrappers.vector.previous_reward import PreviousReward as PreviousReward
    from papergym.wrappers.vector.stack import FrameStack as FrameStack
else:
    from papergym.wrappers.lazy import attach

    __getattr__, __dir__, __all__ = attach(
        __name__,
        {
            "AffordanceObservation": "affordance",
            "FrameStack": "stack",
            "IntrinsicReward": "intrinsic_reward",
            "PixelBatch": "pixel_batch",
            "PreviousReward": "previous_reward",
        },
    )
