"""A run that begins with the networks of another one: pretrain once, finetune many times."""

from pathlib import Path
from typing import Any

from papergym.agents.checkpoint.state import CheckpointError, load_state
from papergym.agents.errors import UsageError
from papergym.agents.runner.folder import newest
from papergym.agents.runner.plan import Plan


def check_start(plan: Plan) -> None:
    """Raise UsageError where ``plan.run.start_from`` names nothing that could be read."""
    if plan.run.start_from and not Path(plan.run.start_from).exists():
        raise UsageError(
            f"--from {plan.run.start_from}: no such folder or file. Give a run's folder, or a file in its folder "
            "`checkpoints` or `snapshots`."
        )


def start_from(learner: Any, plan: Plan) -> None:
    """Give a fresh learner the networks that ``plan.run.start_from`` names.

    Optimisers, memories, counters and generators stay those of the new run.

    Raises:
        UsageError: nothing there, another agent's, other networks or spaces, or an agent that cannot begin so.
    """
    place = Path(plan.run.start_from)
    if not hasattr(learner, "start_from"):
        raise UsageError(f"--from: {plan.agent.key} cannot begin with the networks of another run.")
    try:
        state = load_state(newest(place) if place.is_dir() else place, kind=plan.agent.key)
        learner.start_from(state["model"])
    except (CheckpointError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise UsageError(
            f"--from {place}: its networks do not fit this run on {plan.run.env}: {error}. Spaces and sizes must be the same."
        ) from error
