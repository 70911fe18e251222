"""Wrappers for stable-baselines3 vectorised environments, and replay buffers with fresh intrinsic rewards."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __all__: list[str]
    from papergym.wrappers.sb3.affordance import AffordanceObservation as AffordanceObservation
    from papergym.wrappers.sb3.intrinsic_reward import IntrinsicReward as IntrinsicReward
    from papergym.wrappers.sb3.log_intrinsic_reward import LogIntrinsicReward as LogIntrinsicReward
    from papergym.wrappers.sb3.previous_reward import PreviousReward as PreviousReward
    from papergym.wrappers.sb3.replay import RelabelledDictReplayBuffer as RelabelledDictReplayBuffer
    from papergym.wrappers.sb3.replay import RelabelledReplayBuffer as RelabelledReplayBuffer
else:
    from papergym.wrappers.lazy import attach

    __getattr__, __dir__, __all__ = attach(
        __name__,
        {
            "AffordanceObservation": "affordance",
            "IntrinsicReward": "intrinsic_reward",
            "LogIntrinsicReward": "log_intrinsic_reward",
            "PreviousReward": "previous_reward",
            "RelabelledDictReplayBuffer": "replay",
            "RelabelledReplayBuffer": "replay",
        },
    )
