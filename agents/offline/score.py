"""Numbers that stand beside the return of an agent that learned from a dataset."""

from typing import Any

import numpy as np

from papergym.agents.data.minari import load_dataset

LABELS = {
    "normalized": "evaluation return, 0 for random and 100 for expert, by the dataset's own reference returns",
    "data_best_normalized": "best return of the dataset's episodes, likewise",
    "data_mean": "mean return of the dataset's episodes",
    "data_best": "best return of the dataset's episodes",
}
"""Of :func:`numbers`; the ``labels`` of an agent's row."""


def numbers(plan: Any, learner: Any, folder: Any) -> dict[str, Any]:
    """Numbers of a finished run, by the names in :data:`LABELS`; the ``score`` of an agent's row.

    Normalized ones are NaN where the dataset states no reference returns.
    """
    data = load_dataset(plan.config.dataset)
    rounds = folder.eval_rounds()
    return {
        "normalized": data.normalized(float(np.mean(rounds[max(rounds)]))),
        "data_best_normalized": data.normalized(float(data.returns.max())),
        "data_mean": float(data.returns.mean()),
        "data_best": float(data.returns.max()),
    }
