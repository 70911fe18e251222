"""The papers' chains for several environments in one process: the entry points of ``gym.make_vec``."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
from gymnasium.vector import AutoresetMode, VectorEnv

from papergym.envs.checks import one_of, whole
from papergym.envs.dmc.shared import SharedModels
from papergym.envs.vector.batch import batch_of
from papergym.envs.vector.pool import cores, threads_for, threads_to_draw
from papergym.wrappers import mine, recipes
from papergym.wrappers.stack import count_of_images
from papergym.wrappers.vector.pixel_batch import PixelBatch


def batch(
    world: Callable[..., gym.Env],
    chain: Callable[..., gym.Env],
    num_envs: int,
    *,
    action_repeat: int,
    frame_stack: int,
    obs_type: str = "pixels",
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    copy: bool = True,
    max_episode_steps: int | None = None,
    num_threads: int | None = None,
    **kwargs: Any,
) -> VectorEnv:
    """``num_envs`` worlds as a :class:`PixelBatch`, or ``chain`` of each as a ThreadedVectorEnv where states are observed.

    ``num_threads`` is the number of threads that step and draw; None for one on each core that this process may use where
    images are observed, and for one alone where states are.
    """
    if max_episode_steps is not None:
        raise ValueError("these worlds count frames: pass limit_frames instead of max_episode_steps")
    action_repeat = whole("action_repeat", action_repeat, unit="frames")
    frame_stack = count_of_images("frame_stack", frame_stack)
    if one_of("obs_type", obs_type, ("state", "pixels")) == "pixels":
        num_threads = threads_for(whole("num_envs", num_envs), num_threads, threads_to_draw(kwargs.get("backend")))
        worlds = [world(obs_type=obs_type, lane=index % num_threads, **kwargs) for index in range(num_envs)]
        counts = {"action_repeat": action_repeat, "num_stack": frame_stack}
        return PixelBatch(worlds, **counts, copy=copy, autoreset_mode=autoreset_mode, num_threads=num_threads)
    counts = {"action_repeat": action_repeat, "frame_stack": frame_stack, "obs_type": obs_type}
    how: dict[str, Any] = {"copy": copy, "autoreset_mode": autoreset_mode, "num_threads": num_threads}
    return batch_of(chain, num_envs, default_threads=1, lanes=True, **how, **counts, **kwargs)


def protorl(num_envs: int, *, share_model: bool | SharedModels = True, **kwargs: Any) -> VectorEnv:
    """Several of papergym.wrappers.recipes.protorl; also takes ``autoreset_mode``, ``copy`` and ``num_threads``.

    With ``share_model``, which is the default, the environments of one thread read one model.
    """
    from papergym.envs.dmc.env import DmControlEnv  # loads the simulator

    return batch(DmControlEnv, recipes.protorl, num_envs, share_model=SharedModels.of_batch(share_model), **kwargs)


def mujoco_v4(num_envs: int, **kwargs: Any) -> VectorEnv:
    """Several of papergym.wrappers.recipes.mujoco_v4; also takes ``autoreset_mode``, ``copy`` and ``num_threads``."""
    from papergym.envs.mujoco.env import MujocoV4Env  # loads the simulator

    return batch(MujocoV4Env, recipes.mujoco_v4, num_envs, **kwargs)


def lsimagine(num_envs: int, *, affordance: Any = False, **kwargs: Any) -> VectorEnv:
    """Several of papergym.wrappers.mine.lsimagine; also takes ``autoreset_mode``, ``copy`` and ``num_threads``.

    ``num_threads`` is one for each core that this process may use, but one alone with ``affordance``: its maps and flag may be
    objects that all environments share.
    """
    threads = 1 if affordance else cores()
    return batch_of(mine.lsimagine, num_envs, default_threads=threads, affordance=affordance, **kwargs)
