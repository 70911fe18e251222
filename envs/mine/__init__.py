"""The MineDojo side: one contract (spaces, vocabulary, tasks), the real game behind it, and an embedded voxel world.

:func:`make` builds either; the ids of :mod:`papergym.envs.mine.rows` use the voxel world unless told ``backend="minedojo"``.
"""

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import gymnasium as gym

__all__ = ["make"]


def make(
    task_id: str = "open-ended",
    image_size: int | tuple[int, int] = (160, 256),
    backend: Literal["voxel", "minedojo"] = "voxel",
    **kwargs: Any,
) -> "gym.Env":
    """MineDojo's ``make`` on either backend.

    Args:
        task_id: MineDojo's task id or meta task ("harvest_1_log", "combat_sheep_plains_barehand", "open-ended", "harvest"), or
            one of LS-Imagine's ("harvest_log_in_plains", ...).
        image_size: (H, W) in pixels, or one number for a square.
        backend: "voxel", the embedded world, or "minedojo", the real game in a process of its own.
        **kwargs: ``minedojo.make``'s arguments and those of the backend's class
            (:class:`papergym.envs.mine.voxel.env.VoxelMineEnv`). For the meta task "harvest" also ``target_names`` and
            ``target_quantities``.

    Raises:
        ValueError: an unknown backend, task or item, or a task that the backend cannot run.
    """
    if backend not in ("voxel", "minedojo"):
        raise ValueError(f'backend is "voxel" or "minedojo", came {backend!r}')
    from papergym.envs.mine import tasks

    if backend == "minedojo":
        from papergym.envs.mine.minedojo.env import MineDojoEnv

        real_id, arguments = tasks.minedojo_call(task_id)
        return MineDojoEnv(real_id, image_size, **{**arguments, **kwargs})
    from papergym.envs.mine.voxel.env import VoxelMineEnv

    if task_id.lower() == "harvest":
        if "target_names" not in kwargs:
            raise ValueError('the meta task "harvest" needs target_names, for example target_names="log"')
        task = tasks.custom_harvest(kwargs.pop("target_names"), kwargs.pop("target_quantities", 1))
        return VoxelMineEnv(task, image_size=image_size, **kwargs)
    return VoxelMineEnv(task_id, image_size=image_size, **kwargs)
