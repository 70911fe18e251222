"""A Decision Transformer from a configuration."""

from typing import Any

from papergym.agents.dt.config import Config
from papergym.agents.dt.learner import DecisionTransformer
from papergym.agents.runner.evaluation import make_env


def build(
    config: Config, env_id: str, *, seed: int, device: str = "auto", env_kwargs: dict[str, Any] | None = None, n_envs: int = 1
) -> DecisionTransformer:
    """The learner; ``n_envs`` has no meaning for it."""
    return DecisionTransformer(make_env(env_id, env_kwargs or {}), config, seed=seed, device=device)
