"""Evaluation apart from training: environments of its own with seeds of its own, the same starts at every call.

The protocol is that of stable-baselines3's ``evaluate_policy`` on ``make_vec_env(env_id, 1, seed=10_000 + seed)``: the first
episode starts from that seed, the others go on from the environment's generator. So a run's numbers can be had again without
papergym.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import tree

from papergym.agents.checkpoint.state import undisturbed
from papergym.agents.errors import UsageError
from papergym.agents.runner.learner import Learner
from papergym.agents.runner.registry import without_version_notes

EVALUATION_SEED = 10_000
"""Added to the run's seed: starts that training has not been given."""


@dataclass(frozen=True)
class Episode:
    """One evaluation episode: sum of the environment's own rewards, and length in steps."""

    value: float
    length: int


def make_env(env_id: str, kwargs: dict[str, Any], **more: Any) -> gym.Env:
    """``gym.make`` with errors that the command line can print, and without Gymnasium's notes on newer versions.

    Raises:
        UsageError: unknown id, unknown or bad argument, or a missing dependency.
    """
    import papergym  # noqa: F401  (registers the ids, in worker processes too)

    if not all(env_id.split(":")) or env_id.count(":") > 1:
        raise UsageError(f"the environment is {env_id!r}, expected an id, or module:id of one of yours.")
    try:
        with without_version_notes():
            return gym.make(env_id, **{"disable_env_checker": True, **kwargs, **more})
    except (gym.error.Error, TypeError, ValueError, ImportError) as error:
        given = f" with {kwargs}" if kwargs else ""
        raise UsageError(
            f"the environment {env_id!r}{given} cannot be made: {error} (`papergym list` prints every id.)"
        ) from error


def evaluate(
    learner: Learner,
    env: gym.Env,
    episodes: int,
    seed: int,
    *,
    target: float | None = None,
    deterministic: bool = True,
    on_step: Callable[[gym.Env], None] | None = None,
) -> list[Episode]:
    """Play ``episodes`` episodes; the same starts at every call, and no draw from the generators of training.

    Args:
        learner: acts.
        env: environment of the evaluation.
        episodes: how many.
        seed: of the run; the environment is seeded with it and :data:`EVALUATION_SEED`.
        target: return to aim at, for agents that are told one.
        deterministic: without exploration.
        on_step: called after every reset and every step.
    """
    with undisturbed(learner.generators()):
        return [
            _play(learner, env, EVALUATION_SEED + seed if index == 0 else None, target, deterministic, on_step)
            for index in range(episodes)
        ]


def _play(
    learner: Learner,
    env: gym.Env,
    seed: int | None,
    target: float | None,
    deterministic: bool,
    on_step: Callable[[gym.Env], None] | None,
) -> Episode:
    observation, _ = env.reset(seed=seed)
    state, first, reward = None, np.ones(1, bool), np.zeros(1)
    rewards: list[float] = []
    done = False
    while not done:
        if on_step is not None:
            on_step(env)
        batch = tree.map_structure(lambda part: np.asarray(part)[None], observation)  # one environment
        actions, state = learner.act(batch, first, reward, target, state, deterministic=deterministic)
        observation, paid, terminated, truncated, _ = env.step(actions[0])
        rewards.append(float(paid))
        first, reward, done = np.zeros(1, bool), np.array([float(paid)]), terminated or truncated
    if on_step is not None:
        on_step(env)
    return Episode(round(sum(rewards), 6), len(rewards))  # to six digits, as SB3's Monitor
