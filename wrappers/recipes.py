"""The papers' wrapper chains: each an ordered list, world first. Registered ids are made by these functions."""

from collections.abc import Mapping, Sequence
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
    camera: int | str | Mapping[str, Any],
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
        camera: number or name of the camera, or the pose of a free one.
        limit_frames: episode limit in frames.
        quality: ``"paper"``, ``"near"`` or ``"fast"``.
        obs_type: ``"pixels"`` for (3 * frame_stack, H, W) uint8, ``"state"`` for the task's float32 vector.
        world: further arguments of papergym.envs.dmc.env.DmControlEnv, for example ``render_mode``.
    """
    from papergym.envs.dmc.env import DmControlEnv  # loads the simulator

    look = {"size_px": size_px, "camera": camera, "quality": quality}
    env = DmControlEnv(domain, task, obs_type=obs_type, limit_frames=limit_frames, **look, **world)
    return chain(env, action_repeat=action_repeat, frame_stack=frame_stack, obs_type=obs_type)


def mujoco_v4(
    task: str,
    *,
    size_px: int | Sequence[int],
    frame_stack: int,
    action_repeat: int,
    camera: int | str | Mapping[str, Any],
    limit_frames: int,
    quality: str = "paper",
    obs_type: str = "pixels",
    **world: Any,
) -> gym.Env:
    """A MuJoCo v4 task of Gymnasium with the same chain and arguments as :func:`protorl`.

    Args:
        task: name of a v4 task, for example ``"Walker2d"``.
        size_px: side, or (height, width), of the pictures.
        frame_stack: pictures in an observation.
        action_repeat: frames per step, on top of the task's own frame_skip.
        camera: number or name of the camera; -1 for MuJoCo's free camera, or a mapping with its pose.
        limit_frames: episode limit in frames.
        quality: ``"paper"``, ``"near"`` or ``"fast"``.
        obs_type: ``"pixels"`` for (3 * frame_stack, H, W) uint8, ``"state"`` for the task's vector as float32.
        world: further arguments of papergym.envs.mujoco.env.MujocoV4Env.
    """
    from papergym.envs.mujoco.env import MujocoV4Env  # loads the simulator

    look = {"size_px": size_px, "camera": camera, "quality": quality}
    env = MujocoV4Env(task, obs_type=obs_type, limit_frames=limit_frames, **look, **world)
    return chain(env, action_repeat=action_repeat, frame_stack=frame_stack, obs_type=obs_type)


for _entry_point in (protorl, mujoco_v4):  # lets gym.make offer render_mode="human" through HumanRendering
    setattr(_entry_point, "metadata", {"render_modes": ["rgb_array"], "render_fps": 50})  # noqa: B010
