"""Humanoid football (arXiv 2105.12196) on dm_control's soccer: a PettingZoo parallel env, a single-player view and drills.

Importing this package loads no simulator. Where PettingZoo is installed it registers ``papergym/football-v0`` there.
"""

import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from papergym.envs.football.parallel import FootballEnv

PETTINGZOO_ID = "papergym/football-v0"


def parallel_env(team_size: int = 2, walker: str = "humanoid", **kwargs: Any) -> "FootballEnv":
    """A match as a PettingZoo parallel env; arguments as in :class:`papergym.envs.football.parallel.FootballEnv`.

    Raises:
        ImportError: PettingZoo is not installed.
    """
    if importlib.util.find_spec("pettingzoo") is None:
        raise ImportError("football matches need PettingZoo: pip install 'papergym[football]'")
    from papergym.envs.football.parallel import FootballEnv

    return FootballEnv(team_size, walker, **kwargs)


def _register() -> None:
    if importlib.util.find_spec("pettingzoo") is None:
        return
    import pettingzoo

    if PETTINGZOO_ID not in pettingzoo.parallel_registry:
        pettingzoo.register("parallel", PETTINGZOO_ID, "papergym.envs.football:parallel_env")


_register()
