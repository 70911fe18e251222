"""What vector and stable-baselines3 wrappers wrap, checked by one rule."""

from typing import Any

import gymnasium as gym


def vector_env(envs: Any) -> gym.vector.VectorEnv:
    """``envs``, a Gymnasium vector environment.

    Raises:
        TypeError: something else.
    """
    if not isinstance(envs, gym.vector.VectorEnv):
        raise TypeError(f"expected envs (env) to be a gymnasium.vector.VectorEnv, got {envs!r}; make one with gym.make_vec")
    return envs


def vec_env(venv: Any) -> Any:
    """``venv``, a stable-baselines3 ``VecEnv``.

    Raises:
        TypeError: something else.
    """
    from stable_baselines3.common.vec_env import VecEnv

    if not isinstance(venv, VecEnv):
        raise TypeError(f"expected venv to be a stable-baselines3 VecEnv, got {venv!r}; wrap it in DummyVecEnv([lambda: env])")
    return venv
