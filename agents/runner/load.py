"""Runs that are read again."""

from pathlib import Path
from typing import Any

import gymnasium as gym

from papergym.agents.checkpoint.state import load_state
from papergym.agents.errors import UsageError
from papergym.agents.runner.folder import read_plan
from papergym.agents.runner.learner import Learner
from papergym.agents.runner.plan import Plan
from papergym.agents.runner.sb3 import SB3Learner
from papergym.agents.runner.train import build_learner, check_env


def load(folder: str | Path, *, agent: str = "", device: str = "auto") -> tuple[Any, gym.Env]:
    """What a run has learned, and its environment.

    Args:
        folder: of the run.
        agent: ``module:ATTRIBUTE`` of the run's agent, if it is one of yours.
        device: of the networks.

    Returns:
        The SB3 algorithm, or the learner of an agent that is none; and the Gymnasium environment as in evaluations.

    Raises:
        UsageError: no run there, or one without a checkpoint.
    """
    plan, learner, _ = load_run(Path(folder), device=device, trusted=agent)
    return learner.model if isinstance(learner, SB3Learner) else learner, check_env(plan)


def load_run(
    folder: Path, checkpoint: Path | None = None, *, device: str = "auto", seed: int | None = None, trusted: str = ""
) -> tuple[Plan, Learner, Path]:
    """Plan of a run, its learner, and the file that the learner's state is from.

    Raises:
        UsageError: no run there, or one without a checkpoint.
        CheckpointError: a file that cannot be used.
    """
    if folder.is_file():
        raise UsageError(f"{folder} is a file, expected the run's folder: {folder.parent}.")
    plan = read_plan(folder, trusted=trusted)
    plan.run.device = device
    plan.run.seed = plan.run.seed if seed is None else seed
    file = checkpoint or newest(folder)
    learner = build_learner(plan)
    learner.set_state(load_state(file, kind=plan.agent.key)["model"])
    return plan, learner, file


def newest(folder: Path) -> Path:
    """The finished policy of a run, else its newest checkpoint.

    Raises:
        UsageError: the run has neither.
    """
    finished = folder / "policy.safetensors"
    checkpoints = sorted((folder / "checkpoints").glob("*.safetensors"))
    if not finished.is_file() and not checkpoints:
        raise UsageError(f"{folder} has no checkpoint yet. Go on with it: papergym train {folder} --resume")
    return finished if finished.is_file() else checkpoints[-1]
