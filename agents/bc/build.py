"""Behaviour cloning from a configuration."""

from typing import Any

from papergym.agents.bc.config import Config
from papergym.agents.bc.learner import BehaviourCloning
from papergym.agents.runner.evaluation import make_env


def build(
    config: Config, env_id: str, *, seed: int, device: str = "auto", env_kwargs: dict[str, Any] | None = None, n_envs: int = 1
) -> BehaviourCloning:
    """The learner; ``n_envs`` has no meaning for it."""
    return BehaviourCloning(make_env(env_id, env_kwargs or {}), config, seed=seed, device=device)
