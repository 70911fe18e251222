"""Evaluation apart from training: deterministic actions, environments of its own with seeds of its own."""

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm

from papergym.agents.checkpoint.state import global_rng_state, set_global_rng_state
from papergym.agents.errors import UsageError

EVALUATION_SEED = 1_000_003
"""Added to the run's seed times 1000: starts that training has not been given."""


@dataclass(frozen=True)
class Episode:
    """One evaluation episode: sum of the environment's own rewards, and length in steps."""

    value: float
    length: int


def make_env(env_id: str, kwargs: dict[str, Any], **more: Any) -> gym.Env:
    """``gym.make`` with errors that the command line can print.

    Raises:
        UsageError: unknown id, unknown or bad argument, or a missing dependency.
    """
    import papergym  # noqa: F401  (registers the ids, in worker processes too)

    try:
        return gym.make(env_id, **kwargs, **more)
    except (gym.error.Error, TypeError, ValueError, ImportError) as error:
        given = f" with {kwargs}" if kwargs else ""
        raise UsageError(
            f"the environment {env_id!r}{given} cannot be made: {error} (`papergym list` prints every id.)"
        ) from error


def play_episode(model: BaseAlgorithm, env: gym.Env, seed: int, *, deterministic: bool = True, on_step: Any = None) -> Episode:
    """One episode from ``reset(seed=seed)``; ``on_step(env)`` is called after the reset and after every step."""
    normalise = model.get_vec_normalize_env()
    observation, _ = env.reset(seed=seed)
    state, start, value, length, done = None, np.ones(1, dtype=bool), 0.0, 0, False
    while not done:
        if on_step is not None:
            on_step(env)
        seen = normalise.normalize_obs(observation) if normalise is not None else observation
        action, state = model.predict(seen, state=state, episode_start=start, deterministic=deterministic)
        observation, reward, terminated, truncated, _ = env.step(action)
        value, length, done, start = value + float(reward), length + 1, terminated or truncated, np.zeros(1, dtype=bool)
    if on_step is not None:
        on_step(env)
    return Episode(value, length)


def evaluate(model: BaseAlgorithm, env: gym.Env, episodes: int, seed: int, *, deterministic: bool = True) -> list[Episode]:
    """Play ``episodes`` episodes; the same starts at every call, and no draw from the generators of training."""
    rng = global_rng_state()
    first = EVALUATION_SEED + 1000 * seed
    played = [play_episode(model, env, first + index, deterministic=deterministic) for index in range(episodes)]
    set_global_rng_state(rng)
    return played
