"""The Trajectory Transformer from a configuration."""

from typing import Any

from papergym.agents.runner.evaluation import make_env
from papergym.agents.tt.config import Config
from papergym.agents.tt.learner import TrajectoryTransformerLearner


def build(
    config: Config, env_id: str, *, seed: int, device: str = "auto", env_kwargs: dict[str, Any] | None = None, n_envs: int = 1
) -> TrajectoryTransformerLearner:
    """The learner; ``n_envs`` has no meaning for it."""
    return TrajectoryTransformerLearner(make_env(env_id, env_kwargs or {}), config, seed=seed, device=device)
