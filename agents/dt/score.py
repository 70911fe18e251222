"""Further numbers of a finished run: its return beside the data's, and how well it follows the target."""

from typing import Any

import numpy as np

from papergym.agents.offline import score as offline
from papergym.agents.offline.sweep import spearman, target_sweep, write_sweep
from papergym.agents.runner.evaluation import make_env


def numbers(plan: Any, learner: Any, folder: Any) -> dict[str, Any]:
    """Tell the policy ``sweep_targets`` returns from the data's lowest to its best; write targets.csv and targets.png.

    Returns:
        Those of :func:`papergym.agents.offline.score.numbers`, and ``sweep_spearman``: rank correlation of the targets and the
        mean returns reached, NaN where all are equal; it is left out of a run without a sweep.
    """
    beside = offline.numbers(plan, learner, folder)
    config = plan.config
    if config.sweep_targets < 2 or learner.returns_range is None:
        return beside
    low, high = learner.returns_range
    targets = np.linspace(low, high, config.sweep_targets).tolist()
    returns = target_sweep(
        learner, lambda: make_env(plan.run.env, plan.env_kwargs), targets, config.sweep_episodes, plan.run.seed
    )
    write_sweep(folder.path / "targets", targets, returns, (low, high))
    return {**beside, "sweep_spearman": spearman(targets, returns)}
