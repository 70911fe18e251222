"""PPO and its environments from a configuration."""

import math
from typing import Any

import stable_baselines3 as sb3
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from papergym.agents.errors import UsageError
from papergym.agents.ppo.algorithm import PPO
from papergym.agents.ppo.config import Config


def build(
    config: Config, env_id: str, *, seed: int, device: str = "auto", env_kwargs: dict[str, Any] | None = None, n_envs: int = 1
) -> BaseAlgorithm:
    """The algorithm with ``n_envs`` environments in one process, under VecNormalize if the configuration normalises.

    Raises:
        UsageError: settings that exclude each other.
    """
    config.check()
    venv: VecEnv = make_vec_env(env_id, n_envs, seed=seed, env_kwargs={"disable_env_checker": True, **(env_kwargs or {})})
    policy = _policy(venv.observation_space)
    flat = policy == "MlpPolicy" and isinstance(venv.observation_space, spaces.Box)
    if config.norm_obs or config.norm_reward:
        venv = VecNormalize(venv, norm_obs=config.norm_obs and flat, norm_reward=config.norm_reward, gamma=config.gamma)
    common: dict[str, Any] = {
        "learning_rate": config.learning_rate,
        "n_steps": config.n_steps,
        "batch_size": config.batch_size,
        "gamma": config.gamma,
        "gae_lambda": 1.0 if config.advantage == "truncated" else config.gae_lambda,
        "normalize_advantage": config.normalize_advantage,
        "policy_kwargs": {
            "net_arch": {"pi": list(config.hidden), "vf": list(config.hidden)},
            "optimizer_kwargs": {"eps": config.adam_eps},
        },
        "seed": seed,
        "device": device,
    }
    if config.implementation == "trpo":
        return _trpo(policy, venv, common)
    proximal = {
        "n_epochs": config.n_epochs,
        "clip_range": config.clip_range,
        "ent_coef": config.entropy_coef,
        "vf_coef": config.value_coef,
    }
    limit = math.inf if config.max_grad_norm is None else config.max_grad_norm  # SB3 cannot go on from None
    if config.implementation == "sb3":
        return sb3.PPO(policy, venv, max_grad_norm=limit, **common, **proximal)
    return PPO(
        policy,
        venv,
        objective=config.objective,
        beta=config.beta,
        d_targ=config.d_targ,
        use_fast=config.use_fast,
        max_grad_norm=limit,
        **common,
        **proximal,
    )


def _policy(space: spaces.Space) -> str:
    """SB3's name of the policy that reads ``space``; images and dictionaries are not standardised."""
    if isinstance(space, spaces.Dict):
        return "MultiInputPolicy"
    return "CnnPolicy" if is_image_space(space) else "MlpPolicy"


def _trpo(policy: str, venv: VecEnv, common: dict[str, Any]) -> BaseAlgorithm:
    """sb3-contrib's TRPO with its own step sizes: the baseline that the paper quotes."""
    try:
        from sb3_contrib import TRPO
    except ImportError as error:
        raise UsageError("implementation='trpo' needs sb3-contrib: pip install 'papergym[contrib]'.") from error
    own = ("learning_rate", "batch_size")
    return TRPO(policy, venv, **{key: value for key, value in common.items() if key not in own})
