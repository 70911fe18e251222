"""Runs that are read again."""

from pathlib import Path
from typing import Any

import gymnasium as gym

from papergym.agents.checkpoint.state import load_state
from papergym.agents.errors import UsageError
from papergym.agents.runner.fields import key_values
from papergym.agents.runner.folder import BEST, NETWORKS, newest, read_tables
from papergym.agents.runner.learner import Learner
from papergym.agents.runner.plan import Plan, digest, from_toml
from papergym.agents.runner.sb3 import SB3Learner
from papergym.agents.runner.strangers import confirm
from papergym.agents.runner.train import build_learner, check_env, fitting


def load(
    folder: str | Path,
    *,
    best: bool = False,
    agent: str = "",
    env: str = "",
    env_kwargs: tuple[str, ...] = (),
    device: str = "auto",
) -> tuple[Any, gym.Env]:
    """What a run has learned, and its environment.

    Args:
        folder: of the run, or of an exported agent.
        best: the policy of the best evaluation instead of the last one.
        agent: ``module:ATTRIBUTE`` of the run's agent, if it is one of yours.
        env: ``module:Id`` of the run's environment, if it is one of yours.
        env_kwargs: ``KEY=VALUE`` of those arguments of the environment that name files, programs or modules.
        device: of the networks.

    Returns:
        The SB3 algorithm, or the learner of an agent that is none; and the Gymnasium environment as in evaluations.

    Raises:
        UsageError: no run there, or one without a checkpoint, or of another environment than is given.
    """
    file = best_policy(Path(folder)) if best else None
    plan, learner, _ = load_run(Path(folder), file, device=device, trusted=agent, env=env, env_kwargs=env_kwargs)
    return learner.model if isinstance(learner, SB3Learner) else learner, check_env(plan)


def load_run(
    folder: Path,
    checkpoint: Path | None = None,
    *,
    device: str = "auto",
    seed: int | None = None,
    trusted: str = "",
    env: str = "",
    env_kwargs: tuple[str, ...] = (),
) -> tuple[Plan, Learner, Path]:
    """Plan of a run, its learner, and the file that the learner's state is from.

    Args:
        folder: of the run.
        checkpoint: file to take instead of :func:`newest`.
        device: of the networks.
        seed: instead of the run's.
        trusted: agent outside this package that the user has named.
        env: environment that the user has named, see :func:`papergym.agents.runner.strangers.confirm`.
        env_kwargs: arguments of it that the user has given.

    Raises:
        UsageError: no run there, or one without a checkpoint, or one that would import or start what the user has not named.
        CheckpointError: a file that cannot be used.
    """
    if folder.is_file():
        raise UsageError(f"{folder} is a file, expected the run's folder: {folder.parent}.")
    tables = read_tables(folder)
    plan = from_toml(tables, trusted=trusted)
    confirm(plan, env, key_values(env_kwargs, "--env-kwargs"))
    plan.run.device = device
    plan.run.seed = plan.run.seed if seed is None else seed
    file = checkpoint or newest(folder)
    learner = build_learner(plan)
    state = load_state(file, kind=plan.agent.key, plan=digest(tables))
    with fitting(file):
        if file.name == NETWORKS:
            learner.start_from(state["model"])  # pyright: ignore[reportAttributeAccessIssue] (export has looked for it)
        else:
            learner.set_state(state["model"])
    return plan, learner, file


def best_policy(folder: Path) -> Path:
    """The policy of a run's best evaluation.

    Raises:
        UsageError: the run has none.
    """
    if not (folder / BEST).is_file():
        raise UsageError(f"{folder} has no {BEST}: the run has not been evaluated yet, or an earlier version made it.")
    return folder / BEST
