"""Worlds of this family for ``gym.make_vec``: several environments on the threads of one process."""

from typing import Any

from papergym.envs.mine import make
from papergym.envs.vector.batch import ThreadedVectorEnv, batch_of
from papergym.envs.vector.pool import cores


def make_batch(num_envs: int, **kwargs: Any) -> ThreadedVectorEnv:
    """Several of papergym.envs.mine.make; also takes ``autoreset_mode``, ``copy`` and ``num_threads``.

    ``num_threads`` is one for each core that this process may use.
    """
    return batch_of(make, num_envs, default_threads=cores(), **kwargs)
