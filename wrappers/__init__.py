"""Wrappers change what an agent sees of an environment, or what it is paid. Names load their module when first used.

Importing this room registers the ids that are an environment plus a preset chain of wrappers.
"""

if __name__ != "papergym.wrappers":
    raise ImportError("import papergym.wrappers, not wrappers: two copies of a module have two sets of classes")

from typing import TYPE_CHECKING

from papergym.envs.table import register
from papergym.wrappers.rows import ROWS

if TYPE_CHECKING:
    __all__: list[str]
    from papergym.wrappers import intrinsic as intrinsic
    from papergym.wrappers import sb3 as sb3
    from papergym.wrappers import vector as vector
    from papergym.wrappers import vision as vision
    from papergym.wrappers.dm_env import DmEnv as DmEnv
    from papergym.wrappers.episodic_rewards import E3BReward as E3BReward
    from papergym.wrappers.episodic_rewards import RIDEReward as RIDEReward
    from papergym.wrappers.flatten import FlattenDict as FlattenDict
    from papergym.wrappers.intrinsic_reward import IntrinsicReward as IntrinsicReward
    from papergym.wrappers.intrinsic_reward import add_intrinsic_reward as add_intrinsic_reward
    from papergym.wrappers.memory_rewards import CountReward as CountReward
    from papergym.wrappers.memory_rewards import EpisodicReward as EpisodicReward
    from papergym.wrappers.memory_rewards import NoveltyReward as NoveltyReward
    from papergym.wrappers.memory_rewards import PrototypeReward as PrototypeReward
    from papergym.wrappers.memory_rewards import PseudoCountReward as PseudoCountReward
    from papergym.wrappers.memory_rewards import RE3Reward as RE3Reward
    from papergym.wrappers.mine import LSImagineActions as LSImagineActions
    from papergym.wrappers.mine import LSImagineObservation as LSImagineObservation
    from papergym.wrappers.network_rewards import DisagreementReward as DisagreementReward
    from papergym.wrappers.network_rewards import ICMReward as ICMReward
    from papergym.wrappers.network_rewards import NGUReward as NGUReward
    from papergym.wrappers.network_rewards import RNDReward as RNDReward
    from papergym.wrappers.previous_reward import PreviousReward as PreviousReward
    from papergym.wrappers.repeat import ActionRepeat as ActionRepeat
    from papergym.wrappers.stack import FrameStack as FrameStack
    from papergym.wrappers.vision.lsimagine import LSImagine as LSImagine
    from papergym.wrappers.vision.observation import AffordanceObservation as AffordanceObservation
    from papergym.wrappers.vision.rewards import AffordanceReward as AffordanceReward
    from papergym.wrappers.vision.rewards import MineCLIPReward as MineCLIPReward
else:
    from papergym.wrappers.lazy import attach

    __getattr__, __dir__, __all__ = attach(
        __name__,
        {
            "ActionRepeat": "repeat",
            "AffordanceObservation": "vision.observation",
            "AffordanceReward": "vision.rewards",
            "CountReward": "memory_rewards",
            "DisagreementReward": "network_rewards",
            "DmEnv": "dm_env",
            "E3BReward": "episodic_rewards",
            "EpisodicReward": "memory_rewards",
            "FlattenDict": "flatten",
            "FrameStack": "stack",
            "ICMReward": "network_rewards",
            "IntrinsicReward": "intrinsic_reward",
            "LSImagine": "vision.lsimagine",
            "LSImagineActions": "mine",
            "LSImagineObservation": "mine",
            "MineCLIPReward": "vision.rewards",
            "NGUReward": "network_rewards",
            "NoveltyReward": "memory_rewards",
            "PreviousReward": "previous_reward",
            "PrototypeReward": "memory_rewards",
            "PseudoCountReward": "memory_rewards",
            "RE3Reward": "memory_rewards",
            "RIDEReward": "episodic_rewards",
            "RNDReward": "network_rewards",
            "add_intrinsic_reward": "intrinsic_reward",
            "intrinsic": "",
            "sb3": "",
            "vector": "",
            "vision": "",
        },
    )

for _room_rows in ROWS.values():
    for _row in _room_rows:
        register(_row)
