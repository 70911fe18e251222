"""Soft Q-learning and its environments from a configuration."""

from typing import Any

from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env

from papergym.agents.errors import UsageError
from papergym.agents.sql.algorithm import SQL
from papergym.agents.sql.config import Config


def build(
    config: Config, env_id: str, *, seed: int, device: str = "auto", env_kwargs: dict[str, Any] | None = None, n_envs: int = 1
) -> SQL:
    """The algorithm with ``n_envs`` environments in one process.

    Raises:
        UsageError: spaces that are no Box.
    """
    venv = make_vec_env(env_id, n_envs, seed=seed, env_kwargs={"disable_env_checker": True, **(env_kwargs or {})})
    for name in ("action_space", "observation_space"):
        if not isinstance(getattr(venv, name), spaces.Box):
            raise UsageError(f"soft Q-learning needs a Box, {env_id} has the {name} {getattr(venv, name)}.")
    return SQL(
        "SQLPolicy",
        venv,
        learning_rate=(lambda left: left * config.learning_rate) if config.anneal else config.learning_rate,
        buffer_size=config.buffer_size,
        learning_starts=config.learning_starts,
        batch_size=config.batch_size,
        tau=1.0,
        gamma=config.gamma,
        train_freq=config.train_freq,
        target_update_interval=config.target_update_interval,
        temperature=config.temperature,
        value_particles=config.value_particles,
        stein_particles=config.stein_particles,
        policy_kwargs={"net_arch": list(config.hidden)},
        seed=seed,
        device=device,
    )
