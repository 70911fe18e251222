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
        task_id: MineDojo's task id ("harvest_1_log", "combat_sheep_plains_barehand", "open-ended") or meta task ("harvest",
            "combat", "techtree", "survival"), or one of LS-Imagine's ("harvest_log_in_plains", ...).
        image_size: (H, W) in pixels, or one number for a square.
        backend: "voxel", the embedded world, or "minedojo", the real game in a process of its own.
        **kwargs: ``minedojo.make``'s arguments and those of the backend's class
            (:class:`papergym.envs.mine.voxel.env.VoxelMineEnv`). For the meta tasks also theirs: ``target_names``,
            ``target_quantities``, ``reward_weights``, ``initial_mobs``, ``start_at_night``, ``tech_item``, ``target_days``, ...
            Here a meta task makes a new world at each reset unless ``fast_reset=True``, which is MineDojo's default.

    Raises:
        TypeError: ``task_id`` is no string.
        ValueError: an unknown backend, task or item, or a task or argument that the backend cannot honour.
    """
    from papergym.envs.checks import one_of
    from papergym.envs.mine import meta, tasks

    one_of("backend", backend, ("voxel", "minedojo"))
    if not isinstance(task_id, str):
        raise TypeError(f"task_id is a string, for example 'harvest_1_log'; got {task_id!r}")

    if backend == "minedojo":
        from papergym.envs.mine.minedojo.env import MineDojoEnv

        real_id, arguments = tasks.minedojo_call(task_id)
        return MineDojoEnv(real_id, image_size, **{**arguments, **kwargs})
    from papergym.envs.mine.voxel.env import VoxelMineEnv

    kwargs = meta.without_minedojos(kwargs)
    family = str(task_id).lower()  # "survival" is both a task and, with target_days, a meta task
    is_meta = family in meta.META and (family != "survival" or "target_days" in kwargs)
    task = meta.meta_task(family, kwargs) if is_meta else tasks.parse(task_id)
    return VoxelMineEnv(task, image_size=image_size, **kwargs)


setattr(make, "metadata", {"render_modes": ["rgb_array"], "render_fps": 20})  # noqa: B010  # lets gym.make offer a window
