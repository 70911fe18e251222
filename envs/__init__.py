"""Worlds. Importing this room registers every id of the tables with Gymnasium; simulators load when an id is made."""

if __name__ != "papergym.envs":
    raise ImportError("import papergym.envs, not envs: two copies of a module have two sets of classes")

import gymnasium as gym

from papergym.envs.table import Row, rows


def _register(row: Row) -> None:
    if row.id in gym.registry:  # a second import, for example in a worker that inherited the registry
        return
    kwargs = {"env_id": row.id, "reason": row.unavailable} if row.unavailable else dict(row.kwargs)
    gym.register(
        id=row.id,
        entry_point="papergym.envs.table:unavailable" if row.unavailable else row.entry_point,
        vector_entry_point=None if row.unavailable else row.vector_entry_point,
        max_episode_steps=row.max_episode_steps,
        kwargs=kwargs,
    )


for _row in rows():
    _register(_row)
