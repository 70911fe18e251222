"""The papers' wrapper chains, the environment first. Registered ids are made by these functions."""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym

from papergym.envs.checks import whole
from papergym.envs.dmc.shared import SharedModels
from papergym.wrappers.repeat import ActionRepeat
from papergym.wrappers.stack import FrameStack, count_of_images


def chain(world: gym.Env, *, action_repeat: int, frame_stack: int, obs_type: str) -> gym.Env:
    """``world`` with the chain of the pixel papers: repeat, then stack; state vectors are repeated but not stacked."""
    action_repeat = whole("action_repeat", action_repeat, unit="frames")
    frame_stack = count_of_images("frame_stack", frame_stack)
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
    render_size_px: int | Sequence[int] = (240, 320),
    render_mode: str | None = None,
    backend: str | None = None,
    share_model: bool | SharedModels = False,
    lane: int = 0,
) -> gym.Env:
    """A dm_control task as Proto-RL sees it (arXiv 2102.11271; official code): images, repeated actions, stacked frames.

    Args:
        domain: suite domain.
        task: task of that domain.
        size_px: side, or (height, width), of the images.
        frame_stack: images in an observation.
        action_repeat: frames per step.
        camera: number or name of the camera, or the pose of a free one.
        limit_frames: episode limit in frames.
        quality: ``"paper"``, ``"near"`` or ``"fast"``.
        obs_type: ``"pixels"`` for (3 * frame_stack, H, W) uint8, ``"state"`` for the task's float32 vector.
        render_size_px: side, or (height, width), of images from ``render()``.
        render_mode: None or ``"rgb_array"``.
        backend: OpenGL backend; None for MUJOCO_GL or what works.
        share_model: read one compiled model with the other environments of the process that have the same task and lane and
            are made so; they must be stepped one after another.
        lane: number of the thread of a pool that steps this environment.
    """
    from papergym.envs.dmc.env import DmControlEnv  # loads the simulator

    env = DmControlEnv(
        domain,
        task,
        obs_type=obs_type,
        size_px=size_px,
        render_size_px=render_size_px,
        camera=camera,
        quality=quality,
        limit_frames=limit_frames,
        render_mode=render_mode,
        backend=backend,
        share_model=share_model,
        lane=lane,
    )
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
    render_size_px: int | Sequence[int] = 240,
    render_mode: str | None = None,
    backend: str | None = None,
    lane: int = 0,
) -> gym.Env:
    """A MuJoCo v4 task of Gymnasium with the same chain and arguments as :func:`protorl`.

    Args:
        task: name of a v4 task, for example ``"Walker2d"``.
        size_px: side, or (height, width), of the images.
        frame_stack: images in an observation.
        action_repeat: frames per step, on top of the task's own frame_skip.
        camera: number or name of the camera; -1 for MuJoCo's free camera, or a mapping with its pose.
        limit_frames: episode limit in frames.
        quality: ``"paper"``, ``"near"`` or ``"fast"``.
        obs_type: ``"pixels"`` for (3 * frame_stack, H, W) uint8, ``"state"`` for the task's vector as float32.
        render_size_px: side, or (height, width), of images from ``render()``.
        render_mode: None or ``"rgb_array"``.
        backend: OpenGL backend; None for MUJOCO_GL or what works.
        lane: number of the thread of a pool that steps this environment.
    """
    from papergym.envs.mujoco.env import MujocoV4Env  # loads the simulator

    env = MujocoV4Env(
        task,
        obs_type=obs_type,
        size_px=size_px,
        render_size_px=render_size_px,
        camera=camera,
        quality=quality,
        limit_frames=limit_frames,
        render_mode=render_mode,
        backend=backend,
        lane=lane,
    )
    return chain(env, action_repeat=action_repeat, frame_stack=frame_stack, obs_type=obs_type)


for _entry_point in (protorl, mujoco_v4):  # lets gym.make offer render_mode="human" through HumanRendering
    setattr(_entry_point, "metadata", {"render_modes": ["rgb_array"], "render_fps": 50})  # noqa: B010
