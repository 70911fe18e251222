"""What a finished run has reached, as numbers and as a printed table."""

import importlib
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from rich.table import Table as RichTable

from papergym.agents.console import console
from papergym.agents.runner.folder import RunFolder
from papergym.agents.runner.media import intrinsic_column
from papergym.agents.runner.settings import Plan
from papergym.agents.runner.tables import read_table

LAST_EPISODES = 10
"""Training episodes that the final training return averages (the convention of PPO's paper is 100; 10 suits short runs)."""


def summarise(plan: Plan, folder: RunFolder, model: Any, seconds: float) -> dict[str, Any]:
    """Returns before and after, intrinsic reward, coverage and cost; only numbers and strings."""
    rounds = eval_rounds(folder)
    episodes = [float(row["return"]) for row in read_table(folder.tables["episodes"].path)]
    first, last = rounds[min(rounds)], rounds[max(rounds)]
    found: dict[str, Any] = {
        "agent": plan.agent.key,
        "env": plan.run.env,
        "seed": plan.run.seed,
        "steps": model.num_timesteps,
        "return_before": float(np.mean(first)),
        "return_after": float(np.mean(last)),
        **({"return_after_std": float(np.std(last))} if len(last) > 1 else {}),
        "return_best": max(float(np.mean(values)) for values in rounds.values()),
        **({"training_return": float(np.mean(episodes[-LAST_EPISODES:]))} if episodes else {}),
        "training_episodes": len(episodes),
        "seconds": seconds,
        "steps_per_second": model.num_timesteps / seconds,
    }
    return found | _intrinsic(folder) | _coverage(plan, model)


def eval_rounds(folder: RunFolder) -> dict[int, list[float]]:
    """Step of each evaluation -> returns of its episodes."""
    rounds: dict[int, list[float]] = {}
    for row in read_table(folder.tables["eval"].path):
        rounds.setdefault(int(row["step"]), []).append(float(row["return"]))
    return rounds


def _intrinsic(folder: RunFolder) -> dict[str, float]:
    column = intrinsic_column(folder)
    values = [float(row[column]) for row in read_table(folder.tables["metrics"].path) if row.get(column)] if column else []
    if not values:
        return {}
    return {
        "intrinsic_reward_first": values[0],
        "intrinsic_reward_last": values[-1],
        "intrinsic_reward_mean": float(np.mean(values)),
    }


def _coverage(plan: Plan, model: Any) -> dict[str, float]:
    """State coverage beside that of a random policy with as many steps, where the agent recorded its visits."""
    visits = getattr(model, "visits", None)
    if not (plan.agent.coverage and plan.run.coverage and visits is not None and len(visits.array())):
        return {}
    module = importlib.import_module(plan.agent.coverage)
    visited = visits.array()
    kwargs = {**plan.env_kwargs, **plan.agent.coverage_kwargs}
    baseline = module.random_visits(lambda: gym.make(plan.run.env, **kwargs), len(visited), plan.run.seed + 1)
    return module.coverage(visited, baseline)


LABELS = {
    "return_before": "return before training (evaluation)",
    "return_after": "return after training (evaluation)",
    "return_best": "best evaluation return",
    "training_return": f"training return, last {LAST_EPISODES} episodes",
    "intrinsic_reward_first": "intrinsic reward, first",
    "intrinsic_reward_last": "intrinsic reward, last",
    "coverage_cells": "states covered while exploring (grid cells)",
    "coverage_cells_random": "states covered by a random policy",
    "coverage_ratio": "coverage, ratio to random",
    "coverage_entropy": "particle entropy per dimension, nats",
    "coverage_entropy_random": "particle entropy of a random policy, nats",
    "steps": "steps",
    "seconds": "seconds",
    "steps_per_second": "steps per second",
}
"""Key of the summary -> what the printed table calls it."""


def print_summary(summary: dict[str, Any], folder: Any) -> None:
    """The table that ends a run."""
    table = RichTable(title=f"{summary['agent']} on {summary['env']}, seed {summary['seed']}", title_justify="left")
    table.add_column("result")
    table.add_column("value", justify="right")
    for key, label in LABELS.items():
        if key in summary:
            value = summary[key]
            spread = f" ± {summary[key + '_std']:.1f}" if f"{key}_std" in summary else ""
            table.add_row(label, f"{value}" if isinstance(value, int) else f"{value:.4g}{spread}")
    terminal = console()
    terminal.print(table)
    files = [
        name for name in ("video.mp4", "plot.png", "metrics.csv", "eval.csv", "model.zip") if (Path(folder) / name).is_file()
    ]
    terminal.print(f"in {folder}: {', '.join(files)}; more by `papergym evaluate {folder}`", soft_wrap=True)
