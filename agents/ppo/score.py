"""Numbers of a finished PPO run beyond its returns."""

from typing import Any


def numbers(plan: Any, learner: Any, folder: Any) -> dict[str, Any]:
    """``beta_end``: the KL coefficient at the end, for algorithms that have one."""
    return {"beta_end": learner.model.beta} if hasattr(learner.model, "beta") else {}
