"""Further numbers of a finished run: its return beside the data's, and how well it follows the target."""

from typing import Any

import numpy as np
from scipy.stats import rankdata

from papergym.agents.dt.sweep import plot_sweep, target_sweep
from papergym.agents.offline import score as offline
from papergym.agents.reproduction.results import write_rows
from papergym.agents.runner.evaluation import make_env


def numbers(plan: Any, learner: Any, folder: Any) -> dict[str, Any]:
    """Tell the policy ``sweep_targets`` returns from the data's lowest to its best; write targets.csv and targets.png.

    Returns:
        Those of :func:`papergym.agents.offline.score.numbers`, and ``sweep_spearman``: rank correlation of the targets and the
        mean returns reached, NaN where all are equal; it is left out of a run without a sweep.
    """
    beside = offline.numbers(plan, learner, folder)
    config = plan.config
    if config.sweep_targets < 2 or config.hide_returns:
        return beside
    low, high = learner.policy.returns_range.tolist()
    targets = np.linspace(low, high, config.sweep_targets)
    returns = target_sweep(
        learner, lambda: make_env(plan.run.env, plan.env_kwargs), targets.tolist(), config.sweep_episodes, plan.run.seed
    )
    rows = [
        {
            "target": f"{target:.6g}",
            "return": f"{reached.mean():.6g}",
            "least": f"{reached.min():.6g}",
            "most": f"{reached.max():.6g}",
        }
        for target, reached in zip(targets, returns)
    ]
    write_rows(folder.path / "targets.csv", rows)
    plot_sweep(folder.path / "targets.png", targets.tolist(), returns, (low, high))
    reached = returns.mean(1)
    if np.ptp(reached) == 0 or low == high:
        return {**beside, "sweep_spearman": float("nan")}
    return {**beside, "sweep_spearman": float(np.corrcoef(rankdata(targets), rankdata(reached))[0, 1])}
