"""What a finished run has reached, as numbers and as a printed table."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from papergym.agents.console import console
from papergym.agents.runner.folder import RunFolder
from papergym.agents.runner.learner import Learner
from papergym.agents.runner.plan import Plan
from papergym.agents.runner.registry import Agent
from papergym.agents.runner.score import TrainingScore


def summarise(plan: Plan, folder: RunFolder, learner: Learner, score: TrainingScore, seconds: float) -> dict[str, Any]:
    """Returns before and after, the agent's own numbers, and cost; only numbers and strings.

    ``scores`` holds the columns of a result row: those of :class:`TrainingScore` and of the agent's ``score`` function.
    """
    rounds = folder.eval_rounds()
    first, last = rounds[min(rounds)], rounds[max(rounds)]
    own = plan.agent.load(plan.agent.score)(plan, learner, folder) if plan.agent.score else {}
    return {
        "agent": plan.agent.key,
        "env": plan.run.env,
        "seed": plan.run.seed,
        plan.agent.unit: learner.done,
        **({"return_before": float(np.mean(first))} if min(rounds) == 0 else {}),
        "return_after": float(np.mean(last)),
        **({"return_after_std": float(np.std(last))} if len(last) > 1 else {}),
        "return_best": max(float(np.mean(values)) for values in rounds.values()),
        **({"training_return": float(np.mean(score.returns))} if score.returns else {}),
        "training_episodes": score.episodes,
        "seconds": seconds,
        f"{plan.agent.unit}_per_second": learner.done / seconds,
        "scores": {**score.numbers(learner.done, rounds, during=bool(plan.run.eval_every)), **own},
    }


LABELS = {
    "return_before": "return before training (evaluation)",
    "return_after": "return after training (evaluation)",
    "return_best": "best evaluation return",
    "training_return": "training return, last episodes",
    "steps": "steps",
    "updates": "updates",
    "seconds": "seconds",
    "steps_per_second": "steps per second",
    "updates_per_second": "updates per second",
}
"""Key of the summary -> what the printed table calls it."""

FILES = ("video-before.mp4", "video.mp4", "plot.png", "metrics.csv", "eval.csv", "model.zip", "vecnormalize.pkl")


def print_summary(summary: dict[str, Any], folder: Path, agent: Agent) -> None:
    """The table that ends a run."""
    table = Table(title=f"{summary['agent']} on {summary['env']}, seed {summary['seed']}", title_justify="left")
    table.add_column("result")
    table.add_column("value", justify="right")
    found = {**summary, **summary["scores"]}
    for key, label in {**LABELS, **agent.labels}.items():
        if isinstance(found.get(key), (int, float)):
            value = found[key]
            spread = f" ± {found[key + '_std']:.1f}" if f"{key}_std" in found else ""
            table.add_row(label, f"{value}" if isinstance(value, int) else f"{value:.4g}{spread}")
    terminal = console()
    terminal.print(table)
    files = [name for name in FILES if (folder / name).is_file()]
    terminal.print(f"in {folder}: {', '.join(files)}; more by `papergym evaluate {folder}`", soft_wrap=True)
