"""MineCLIP, the small scorer, affordance maps and the rewards drawn from them. Names load their module when first used."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __all__: list[str]
    from papergym.wrappers.vision.affordance import ZoomAffordance as ZoomAffordance
    from papergym.wrappers.vision.gaussian import gaussian_score as gaussian_score
    from papergym.wrappers.vision.jump import JumpFlag as JumpFlag
    from papergym.wrappers.vision.lsimagine import LSImagine as LSImagine
    from papergym.wrappers.vision.lsimagine import chain as chain
    from papergym.wrappers.vision.mineclip import MineCLIP as MineCLIP
    from papergym.wrappers.vision.mineclip import OpenCLIPScorer as OpenCLIPScorer
    from papergym.wrappers.vision.observation import AffordanceObservation as AffordanceObservation
    from papergym.wrappers.vision.observation import RemoveHUD as RemoveHUD
    from papergym.wrappers.vision.observation import ResizeMaps as ResizeMaps
    from papergym.wrappers.vision.oracle import SegmentationOracle as SegmentationOracle
    from papergym.wrappers.vision.rewards import AffordanceBonus as AffordanceBonus
    from papergym.wrappers.vision.rewards import AffordanceReward as AffordanceReward
    from papergym.wrappers.vision.rewards import MineCLIPReward as MineCLIPReward
    from papergym.wrappers.vision.rewards import MineCLIPScore as MineCLIPScore
    from papergym.wrappers.vision.scorer import VideoTextScorer as VideoTextScorer
    from papergym.wrappers.vision.signals import AgentView as AgentView
    from papergym.wrappers.vision.signals import LongTermSignals as LongTermSignals
    from papergym.wrappers.vision.signals import agent_view as agent_view
    from papergym.wrappers.vision.small import SmallScorer as SmallScorer
    from papergym.wrappers.vision.swin_maps import SwinAffordance as SwinAffordance
    from papergym.wrappers.vision.unet import AffordanceUNet as AffordanceUNet
else:
    from papergym.wrappers.lazy import attach

    __getattr__, __dir__, __all__ = attach(
        __name__,
        {
            "AffordanceBonus": "rewards",
            "AffordanceObservation": "observation",
            "AffordanceReward": "rewards",
            "AffordanceUNet": "unet",
            "AgentView": "signals",
            "JumpFlag": "jump",
            "LSImagine": "lsimagine",
            "LongTermSignals": "signals",
            "MineCLIP": "mineclip",
            "MineCLIPReward": "rewards",
            "MineCLIPScore": "rewards",
            "OpenCLIPScorer": "mineclip",
            "RemoveHUD": "observation",
            "ResizeMaps": "observation",
            "SegmentationOracle": "oracle",
            "SmallScorer": "small",
            "SwinAffordance": "swin_maps",
            "VideoTextScorer": "scorer",
            "ZoomAffordance": "affordance",
            "agent_view": "signals",
            "chain": "lsimagine",
            "gaussian_score": "gaussian",
        },
    )
