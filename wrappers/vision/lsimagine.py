"""LS-Imagine's chain around a MineDojo task, as one list of wrappers."""

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym

from papergym.envs.mine.tasks import FACTS
from papergym.wrappers.mine import LSImagineActions, LSImagineObservation
from papergym.wrappers.vision.jump import JumpFlag
from papergym.wrappers.vision.observation import FLAG_KEYS, AffordanceObservation, Maps, ResizeMaps
from papergym.wrappers.vision.rewards import AffordanceReward, MineCLIPReward
from papergym.wrappers.vision.scorer import VideoTextScorer

Link = Callable[[gym.Env], gym.Env]


def chain(
    task: str,
    *,
    scorer: VideoTextScorer | None = None,
    maps: Maps | None = None,
    flag: JumpFlag | None = None,
    size: Sequence[int] = (64, 64),
) -> list[Link]:
    """The wrappers of LS-Imagine, innermost first: actions, map and flag, the two rewards, the small picture and maps.

    Args:
        task: one of LS-Imagine's five, for its prompt.
        scorer: pays for the prompt; the small scorer by default.
        maps: makes the maps; the U-Net by default.
        flag: the jump flag; the official variant by default.
        size: (H, W) of what the agent sees.

    Raises:
        ValueError: an unknown task.
    """
    tasks = FACTS["lsimagine"]
    if task not in tasks:
        raise ValueError(f"Expected a task of {', '.join(tasks)}, got {task!r}.")
    prompt, seen, step_flag = tasks[task]["prompt"], scorer or _small(), flag or JumpFlag()
    drawn = maps or _unet(seen)
    kept = ("affordance", *FLAG_KEYS)
    return [
        LSImagineActions,
        lambda env: AffordanceObservation(env, drawn, prompt, step_flag),
        lambda env: MineCLIPReward(env, prompt, seen, "record"),
        lambda env: AffordanceReward(env, "record"),
        lambda env: ResizeMaps(env, size, kept[:3]),
        lambda env: LSImagineObservation(env, size=size, keep=kept),
    ]


def _small() -> VideoTextScorer:
    from papergym.wrappers.vision.small import SmallScorer  # loads torch

    return SmallScorer()


def _unet(scorer: VideoTextScorer) -> Maps:
    from papergym.wrappers.vision.unet import AffordanceUNet  # loads torch

    return AffordanceUNet(scorer)


def LSImagine(env: gym.Env, task: str, **settings: Any) -> gym.Env:
    """``env`` (of papergym.envs.mine.make with ``cam_interval=10``) with every wrapper of :func:`chain`, in its order."""
    for link in chain(task, **settings):
        env = link(env)
    return env
