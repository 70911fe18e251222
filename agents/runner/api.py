"""Runs from Python: what ``papergym train`` does, as functions. ``papergym.train`` and ``papergym.load`` are these."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym

from papergym.agents.runner.load import load
from papergym.agents.runner.planned import planned
from papergym.agents.runner.registry import agent as agent_row
from papergym.agents.runner.session import Stopped
from papergym.agents.runner.tracking import Callback
from papergym.agents.runner.train import run_plan

__all__ = ["Run", "Stopped", "load", "train"]


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        folder: its files, see the guide on runs.
        summary: the contents of summary.json: ``return_before``, ``return_after``, ``seconds`` and others.
    """

    folder: Path
    summary: dict[str, Any]

    def load(self, *, best: bool = False, device: str = "auto") -> tuple[Any, gym.Env]:
        """See :func:`papergym.load`."""
        return load(self.folder, best=best, device=device)


def train(agent: str, env: str = "", *, preset: str = "", callback: Callback | None = None, **settings: Any) -> Run:
    """Train an agent, evaluate it, and write a run folder; ``papergym train`` in Python.

    Example:
        >>> run = papergym.train("ppo", "CartPole-v1", steps=20_000, seed=1)
        >>> model, env = run.load()

    Args:
        agent: key of an agent, or ``module:ATTRIBUTE`` of your own.
        env: id; "" is the agent's default, or the environment of its dataset.
        preset: values from the paper's TOML, ``quick`` or ``paper``; "" is the agent's default.
        callback: called with the numbers of each logged row and of each evaluation, by stable-baselines3's names, and the steps
            or updates done. If it returns False, the run is checkpointed and stops.
        **settings: settings of the run and of the agent by the names of ``papergym train AGENT --help``, for example
            ``learning_rate=1e-3``, ``run_folder="runs/mine"``, ``resume=True``.

    Raises:
        UsageError: an agent, an environment or a setting that cannot be used; nothing has been overwritten.
        BadNumbersError: numbers that are not finite; the last checkpoint is kept.
        Stopped: the callback has stopped the run; the same call with ``resume=True`` goes on.
    """
    row = agent_row(agent)
    given = {**settings, **{name: text for name, text in {"env": env, "preset": preset}.items() if text}}
    plan = planned(row, given, where="papergym.train")
    words = " ".join(f"{name}={value!r}" for name, value in {"env": env, "preset": preset, **settings}.items() if value != "")
    summary = run_plan(plan, f"papergym.train({agent!r}, {words})", callback=callback)
    return Run(plan.run.folder(row.key), summary)
