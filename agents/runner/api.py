"""Runs from Python: what ``papergym train`` does, as functions. ``papergym.train`` and ``papergym.load`` are these."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym

from papergym.agents.runner.folder import read_plan
from papergym.agents.runner.load import load
from papergym.agents.runner.plan import make_plan
from papergym.agents.runner.registry import agent as agent_row
from papergym.agents.runner.train import run_plan

__all__ = ["Run", "load", "train"]


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        folder: its files, see the guide on runs.
        summary: the contents of summary.json: ``return_before``, ``return_after``, ``seconds`` and others.
    """

    folder: Path
    summary: dict[str, Any]

    def load(self, *, device: str = "auto") -> tuple[Any, gym.Env]:
        """See :func:`papergym.load`."""
        return load(self.folder, device=device)


def train(agent: str, env: str = "", *, preset: str = "", **settings: Any) -> Run:
    """Train an agent, evaluate it, and write a run folder; ``papergym train`` in Python.

    ```python
    run = papergym.train("ppo", "CartPole-v1", steps=20_000, seed=1)
    model, env = run.load()
    ```

    Args:
        agent: key of an agent, or ``module:ATTRIBUTE`` of your own.
        env: id; "" is the agent's default, or the environment of its dataset.
        preset: values from the paper's TOML, ``quick`` or ``paper``; "" is the agent's default.
        **settings: settings of the run and of the agent by the names of ``papergym train AGENT --help``, for example
            ``learning_rate=1e-3``, ``run_folder="runs/mine"``, ``resume=True``.

    Raises:
        UsageError: an agent, an environment or a setting that cannot be used; nothing has been overwritten.
        BadNumbersError: numbers that are not finite; the last checkpoint is kept.
    """
    row = agent_row(agent)
    given = {**settings, **({"env": env} if env else {})}
    plan = make_plan(row, preset, given, where="papergym.train")
    if plan.run.resume:
        stored = read_plan(plan.run.folder(row.key), trusted=row.name)
        stored.run.resume, stored.run.run_folder = True, str(plan.run.folder(row.key))
        plan = stored
    words = " ".join(f"{name}={value!r}" for name, value in {"env": env, "preset": preset, **settings}.items() if value != "")
    summary = run_plan(plan, f"papergym.train({agent!r}, {words})")
    return Run(plan.run.folder(row.key), summary)
