"""The papers' wrapper chains: each an ordered list, world first. Registered ids are made by these functions."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym

from papergym.wrappers.repeat import ActionRepeat
from papergym.wrappers.stack import FrameStack


def chain(world: gym.Env, *, action_repeat: int, frame_stack: int, obs_type: str) -> gym.Env:
    """``world`` with the chain of the pixel papers: repeat, then stack; state vectors are repeated but not stacked."""
    env: gym.Env = ActionRepeat(world, repeat=action_repeat)
    return FrameStack(env, num_stack=frame_stack) if obs_type == "pixels" else env


def protorl(
    domain: str,
    task: str,
    *,
    size_px: int | Sequence[int],
    frame_stack: int,
    action_repeat: int,
    camera: int | str,
    limit_frames: int,
    quality: str = "paper",
    obs_type: str = "pixels",
    **world: Any,
) -> gym.Env:
    """A dm_control task as Proto-RL sees it (arXiv 2102.11271; official code): pictures, repeated actions, stacked frames.

    Args:
        domain: suite domain.
        task: task of that domain.
        size_px: side, or (height, width), of the pictures.
        frame_stack: pictures in an observation.
        action_repeat: frames per step.
        camera: number or name of the camera.
        limit_frames: episode limit in frames.
        quality: ``"paper"``, ``"near"`` or ``"fast"``.
        obs_type: ``"pixels"`` for (3 * frame_stack, H, W) uint8, ``"state"`` for the task's float32 vector.
        world: further arguments of papergym.envs.dmc.env.DmControlEnv, for example ``render_mode``.
    """
    from papergym.envs.dmc.env import DmControlEnv  # loads the simulator

    look = {"size_px": size_px, "camera": camera, "quality": quality}
    env = DmControlEnv(domain, task, obs_type=obs_type, limit_frames=limit_frames, **look, **world)
    return chain(env, action_repeat=action_repeat, frame_stack=frame_stack, obs_type=obs_type)


protorl.metadata = {"render_modes": ["rgb_array"], "render_fps": 50}  # lets gym.make offer "human" through HumanRendering
