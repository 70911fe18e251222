"""SAC and its environments from a configuration."""

from typing import Any

import stable_baselines3 as sb3
from gymnasium import spaces
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.preprocessing import is_image_space

from papergym.agents.errors import UsageError
from papergym.agents.sac.algorithm import SAC
from papergym.agents.sac.config import Config
from papergym.agents.sac.prioritized import PrioritizedSAC


def build(
    config: Config, env_id: str, *, seed: int, device: str = "auto", env_kwargs: dict[str, Any] | None = None, n_envs: int = 1
) -> sb3.SAC:
    """The algorithm with ``n_envs`` environments in one process.

    Raises:
        UsageError: settings that exclude each other, or an action space that SAC cannot act in.
    """
    config.check()
    venv = make_vec_env(env_id, n_envs, seed=seed, env_kwargs={"disable_env_checker": True, **(env_kwargs or {})})
    if not isinstance(venv.action_space, spaces.Box):
        raise UsageError(f"SAC acts in a Box; {env_id} has {venv.action_space}. `papergym list agents` shows who can.")
    space = venv.observation_space
    policy = "MultiInputPolicy" if isinstance(space, spaces.Dict) else "CnnPolicy" if is_image_space(space) else "MlpPolicy"
    common: dict[str, Any] = {
        "learning_rate": config.learning_rate,
        "buffer_size": config.buffer_size,
        "learning_starts": config.learning_starts,
        "batch_size": config.batch_size,
        "tau": config.tau,
        "gamma": config.gamma,
        "n_steps": config.n_steps,
        "train_freq": config.train_freq,
        "gradient_steps": config.gradient_steps,
        "ent_coef": config.temperature if config.temperature.startswith("auto") else float(config.temperature),
        "target_entropy": "auto" if config.target_entropy is None else config.target_entropy,
        "policy_kwargs": {"net_arch": list(config.hidden)},
        "seed": seed,
        "device": device,
    }
    if config.implementation == "sb3":
        return sb3.SAC(policy, venv, **common)
    own = {"separate_value": config.separate_value, "lean": config.lean, "actor_follows": config.actor_follows}
    if config.replay == "uniform":
        return SAC(policy, venv, **common, **own)
    return PrioritizedSAC(policy, venv, variant=config.replay, **common, **own)
