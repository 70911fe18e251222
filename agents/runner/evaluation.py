"""Evaluation apart from training: environments of its own with seeds of its own, the same starts at every call.

The protocol is that of stable-baselines3's ``evaluate_policy`` on ``make_vec_env(env_id, n, seed=10_000 + seed)``: the first
episode of each environment starts from its seed, the others go on from its generator. So a run's numbers can be had again
without papergym. ``n`` is the setting ``eval_envs``, 1 unless an agent's preset or the user says otherwise.
"""

from collections.abc import Callable, Sequence
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
    env: gym.Env | Sequence[gym.Env],
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
        env: environment of the evaluation, or several that are played at once, the learner acting for all in one call. As in
            SB3, number ``i`` is seeded with ``i`` more than the first one and plays every n-th episode.
        episodes: how many.
        seed: of the run; the first environment is seeded with it and :data:`EVALUATION_SEED`.
        target: return to aim at, for agents that are told one.
        deterministic: without exploration.
        on_step: called after every reset and every step.

    Returns:
        The episodes in the order in which they ended.
    """
    envs = [env] if isinstance(env, gym.Env) else list(env)
    first_seed = EVALUATION_SEED + seed
    lanes = [
        Lane(each, (episodes + index) // len(envs), first_seed + index, on_step or (lambda env: None))
        for index, each in enumerate(envs)
    ]
    played: list[Episode] = []
    with undisturbed(learner.generators()):
        state = None
        for lane in lanes:
            lane.reset(lane.seed)
        while len(played) < episodes:
            batch = tree.map_structure(lambda *parts: np.stack(parts), *(lane.observation for lane in lanes))
            first = np.array([lane.first for lane in lanes])
            reward = np.array([lane.reward for lane in lanes])
            actions, state = learner.act(batch, first, reward, target, state, deterministic=deterministic)
            played += [episode for lane, action in zip(lanes, actions) if (episode := lane.step(action))]
    return played


class Lane:
    """One environment of an evaluation.

    Args:
        env: the environment.
        episodes: how many it plays.
        seed: of its first reset; the others go on from its generator.
        on_step: called after every reset and every step.

    Attributes:
        observation, first, reward: what the learner is shown next: of the step before, 0 where an episode begins.
    """

    def __init__(self, env: gym.Env, episodes: int, seed: int, on_step: Callable[[gym.Env], None]) -> None:
        self.env, self.left, self.seed, self._on_step = env, episodes, seed, on_step
        self.observation: Any = None
        self.first, self.reward = True, 0.0
        self._rewards: list[float] = []

    def reset(self, seed: int | None = None) -> None:
        """Begin an episode."""
        self.observation, _ = self.env.reset(seed=seed)
        self.first, self.reward, self._rewards = True, 0.0, []
        self._on_step(self.env)

    def step(self, action: Any) -> Episode | None:
        """One step; the episode if it ended. A lane that has played its share stays as it is."""
        if self.left < 1:
            return None
        self.observation, paid, terminated, truncated, _ = self.env.step(action)
        self.first, self.reward = False, float(paid)
        self._rewards.append(self.reward)
        self._on_step(self.env)
        if not (terminated or truncated):
            return None
        episode = Episode(round(sum(self._rewards), 6), len(self._rewards))  # to six digits, as SB3's Monitor
        self.left -= 1
        self.first, self.reward = True, 0.0  # of no episode if none is left: a history is not carried on
        if self.left:
            self.reset()
        return episode
