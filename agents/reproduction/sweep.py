"""One run of a sweep: a trial names the agent, the environment, the seed and options of ``papergym train``."""

from pathlib import Path
from typing import Any

from papergym.agents.cli.options import parse_plan
from papergym.agents.runner.registry import agent
from papergym.agents.runner.settings import Plan


def options_of(trial: dict[str, Any]) -> list[str]:
    """The options of ``papergym train`` that a trial stands for; a text with spaces is several values of one option."""
    options: list[str] = []
    for name, value in trial.items():
        if name != "agent":
            flag, text = name.replace("_", "-"), str(value)
            if text.lower() in ("true", "false"):
                options.append(f"--{flag}" if text.lower() == "true" else f"--no-{flag}")
            else:
                options += [f"--{flag}", *text.split()]
    return options


def plan_of(trial: dict[str, Any], folder: Path) -> Plan:
    """The settled plan of a trial, with its run folder under ``folder``."""
    row = agent(trial["agent"])
    plan = parse_plan(row, options_of(trial), prog=f"papergym sweep ({row.key})")
    plan.run.run_folder = str(folder / "run")
    return plan


def run(trial: dict[str, Any], folder: Path, *, resume: bool) -> dict[str, Any]:
    """Train, or go on where an earlier attempt was cut; the contents of summary.json."""
    from papergym.agents.runner.train import run_plan

    plan = plan_of(trial, folder)
    plan.run.resume = resume and (folder / "run" / "config.toml").is_file()
    return run_plan(plan, f"papergym sweep: train {trial['agent']} {' '.join(options_of(trial))}")
