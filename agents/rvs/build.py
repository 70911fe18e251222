"""RvS from a configuration."""

from typing import Any

from papergym.agents.runner.evaluation import make_env
from papergym.agents.rvs.config import Config
from papergym.agents.rvs.learner import RvS


def build(
    config: Config, env_id: str, *, seed: int, device: str = "auto", env_kwargs: dict[str, Any] | None = None, n_envs: int = 1
) -> RvS:
    """The learner; ``n_envs`` has no meaning for it."""
    return RvS(make_env(env_id, env_kwargs or {}), config, seed=seed, device=device)
