"""dm_control tasks for ``gym.make_vec``: several environments on the threads of one process."""

from typing import Any

from papergym.envs.dmc.shared import SharedModels
from papergym.envs.vector.batch import ThreadedVectorEnv, batch_of
from papergym.envs.vector.pool import threads_to_draw


def make_batch(
    num_envs: int,
    *,
    obs_type: str = "state",
    backend: str | None = None,
    share_model: bool | SharedModels = True,
    **kwargs: Any,
) -> ThreadedVectorEnv:
    """Several of papergym.envs.dmc.env.DmControlEnv; also takes ``autoreset_mode``, ``copy`` and ``num_threads``.

    ``num_threads`` is one for each core that this process may use where images are observed, and one alone where states are:
    most steps are so short that threads wait longer than they work. With ``share_model``, which is the default, environments of
    one thread read one model.
    """
    from papergym.envs.dmc.env import DmControlEnv  # loads the simulator

    threads = 1 if obs_type == "state" else threads_to_draw(backend)
    seen: dict[str, Any] = {"obs_type": obs_type, "backend": backend, "share_model": SharedModels.of_batch(share_model)}
    return batch_of(DmControlEnv, num_envs, default_threads=threads, lanes=True, **seen, **kwargs)
