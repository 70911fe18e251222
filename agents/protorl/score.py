"""Numbers of a finished Proto-RL run: intrinsic reward, and state coverage beside a random policy's."""

from typing import Any

import gymnasium as gym
import numpy as np

from papergym.agents.protorl.coverage import coverage, random_visits
from papergym.agents.runner.tables import read_table

_INTRINSIC = "train/intrinsic_reward"


def numbers(plan: Any, learner: Any, folder: Any) -> dict[str, float]:
    """``return_before``, intrinsic reward first, last and mean, and the coverage where visits were recorded."""
    rounds = folder.eval_rounds()
    before = {"return_before": float(np.mean(rounds[0]))} if 0 in rounds else {}
    return before | _intrinsic(read_table(folder.tables["metrics"].path)) | _coverage(plan, learner.model)


def _intrinsic(metrics: list[dict[str, str]]) -> dict[str, float]:
    values = [float(row[_INTRINSIC]) for row in metrics if row.get(_INTRINSIC)]
    if not values:
        return {}
    return {
        "intrinsic_reward_first": values[0],
        "intrinsic_reward_last": values[-1],
        "intrinsic_reward_mean": float(np.mean(values)),
    }


def _coverage(plan: Any, model: Any) -> dict[str, float]:
    """State coverage beside that of a random policy with as many steps, where the agent recorded its visits."""
    visited = model.visits.array() if model.visits is not None else np.zeros((0, 0))
    if not len(visited):
        return {}
    kwargs = {**plan.env_kwargs, "obs_type": "state"}  # no need to render
    baseline = random_visits(lambda: gym.make(plan.run.env, **kwargs), len(visited), plan.run.seed + 1)
    return coverage(visited, baseline)
