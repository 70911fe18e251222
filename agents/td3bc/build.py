"""TD3BC from a configuration."""

from typing import Any

from papergym.agents.runner.evaluation import make_env
from papergym.agents.td3bc.config import Config
from papergym.agents.td3bc.learner import TD3BC


def build(
    config: Config, env_id: str, *, seed: int, device: str = "auto", env_kwargs: dict[str, Any] | None = None, n_envs: int = 1
) -> TD3BC:
    """The learner; ``n_envs`` has no meaning for it."""
    return TD3BC(make_env(env_id, env_kwargs or {}), config, seed=seed, device=device)
