"""CQL from a configuration."""

from typing import Any

from papergym.agents.cql.config import Config
from papergym.agents.cql.learner import CQL
from papergym.agents.runner.evaluation import make_env


def build(
    config: Config, env_id: str, *, seed: int, device: str = "auto", env_kwargs: dict[str, Any] | None = None, n_envs: int = 1
) -> CQL:
    """The learner; ``n_envs`` has no meaning for it."""
    return CQL(make_env(env_id, env_kwargs or {}), config, seed=seed, device=device)
