"""Numbers of a finished run: those of every agent that learns from a dataset, and the share of the expert's return."""

from typing import Any

import numpy as np

from papergym.agents.data.minari import load_dataset
from papergym.agents.offline import score as offline


def numbers(plan: Any, learner: Any, folder: Any) -> dict[str, Any]:
    """Those of :func:`papergym.agents.offline.score.numbers`, and ``of_expert``.

    ``of_expert`` is the evaluation return in percent of the expert's, as the paper has it for imitation; NaN where the dataset
    states none, or one that is not positive.
    """
    expert = load_dataset(plan.config.dataset).expert_return or float("nan")
    rounds = folder.eval_rounds()
    share = 100 * float(np.mean(rounds[max(rounds)])) / expert
    return {"of_expert": share if expert > 0 else float("nan"), **offline.numbers(plan, learner, folder)}
