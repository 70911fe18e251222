"""Numbers of a finished run: success in the tests, and how often the flag and the jumps occurred."""

from typing import Any

import gymnasium as gym
import numpy as np
from scipy import stats

from papergym.agents.runner.evaluation import evaluate, make_env
from papergym.agents.runner.tables import read_table

FLAG_EPISODES = 3
"""Test episodes in which flags are counted."""


def numbers(plan: Any, learner: Any, folder: Any) -> dict[str, Any]:
    """``success`` in percent with its interval and ``episode_steps`` of the last evaluation, and the counts of jumps.

    An episode is a success if it was paid for the item; intrinsic rewards are no part of its return.
    """
    rounds = folder.eval_rounds()
    last = rounds[max(rounds)]
    lengths = [float(row["length"]) for row in read_table(folder.tables["eval"].path)[-len(last) :]]
    found = success(np.array(last) > 0) | {"episode_steps": float(np.mean(lengths))}
    return found if plan.config.baseline else found | _jumps(plan, learner, folder)


def success(won: np.ndarray) -> dict[str, float]:
    """Percent of the episodes that were won, with Wilson's 95 % interval."""
    interval = stats.binomtest(int(won.sum()), len(won)).proportion_ci(method="wilson")
    return {"success": 100 * float(won.mean()), "success_low": 100 * interval.low, "success_high": 100 * interval.high}


def _jumps(plan: Any, learner: Any, folder: Any) -> dict[str, float]:
    counts = learner.model.replay_buffer.counts
    ended = counts["completed"] + counts["dropped"]
    found = {"test_jump_rate": 100 * jump_rate(plan, learner)}
    rates = [
        float(row["rollout/jump_rate"]) for row in read_table(folder.tables["metrics"].path) if row.get("rollout/jump_rate")
    ]
    found |= {"jump_rate": 100 * float(np.mean(rates))} if rates else {}
    found |= {"jumps_completed": 100 * counts["completed"] / ended} if ended else {}
    return found | ({"jump_steps": counts["steps"] / counts["completed"]} if counts["completed"] else {})


def jump_rate(plan: Any, learner: Any) -> float:
    """Share of the steps of some test episodes that have the jump flag.

    See :func:`keep_flag`.
    """
    flags: list[bool] = []
    with make_env(plan.run.env, plan.env_kwargs) as env:
        keep_flag(plan, learner, env)
        watched = _Watched(env, flags)
        evaluate(learner, watched, FLAG_EPISODES, plan.run.seed)
    return float(np.mean(flags))


def keep_flag(plan: Any, learner: Any, env: gym.Env) -> None:
    """Give a test environment the statistics of training, with which the flag compares a map.

    With the setting ``test_flag="lost"`` it keeps its own, empty ones: the official code begins its tests so. Worlds that
    bring their flags themselves have none.
    """
    if plan.config.test_flag == "kept" and env.has_wrapper_attr("parts"):
        trained = learner.model.env.unwrapped.envs[0]
        env.get_wrapper_attr("parts").load_state_dict(trained.get_wrapper_attr("parts").state_dict())


class _Watched(gym.Wrapper):
    """Notes the flag of every step."""

    def __init__(self, env: gym.Env, flags: list[bool]) -> None:
        super().__init__(env)
        self.flags = flags

    def step(self, action: Any) -> Any:
        """Step once."""
        result = self.env.step(action)
        self.flags.append(bool(result[0]["jump"]))
        return result
