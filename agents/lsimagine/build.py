"""LS-Imagine and its environments from a configuration."""

from typing import Any

from stable_baselines3.common.env_util import make_vec_env

from papergym.agents.dreamerv3.algorithm import DreamerV3
from papergym.agents.lsimagine.algorithm import Baseline, LSImagine
from papergym.agents.lsimagine.config import Config


def build(
    config: Config, env_id: str, *, seed: int, device: str = "auto", env_kwargs: dict[str, Any] | None = None, n_envs: int = 1
) -> DreamerV3:
    """The algorithm with ``n_envs`` environments in one process; DreamerV3 with ``baseline``.

    Raises:
        UsageError: settings that cannot be used.
        ValueError: spaces that it cannot use, or a memory that is too small.
    """
    config.check()
    venv = make_vec_env(env_id, n_envs, seed=seed, env_kwargs={"disable_env_checker": True, **(env_kwargs or {})})
    if config.baseline:
        return Baseline("ImagePolicy", venv, config, seed=seed, device=device)
    return LSImagine("LSImaginePolicy", venv, config, seed=seed, device=device)
