"""``papergym train AGENT``: one run, from the command line."""

import logging
import shlex
from pathlib import Path

from rich.table import Table

from papergym.agents.cli.options import parse_plan, refuse_contradictions
from papergym.agents.console import console
from papergym.agents.errors import UsageError
from papergym.agents.runner.folder import read_plan
from papergym.agents.runner.registry import AGENTS, agent
from papergym.agents.runner.settings import presets

log = logging.getLogger(__name__)

USAGE = """usage: papergym train AGENT [--env ID] [--preset quick|paper] [--steps N] [--seed N] [options]
       papergym train RUN_FOLDER --resume
       papergym train AGENT --help          every option of an agent, with the preset's values
"""


def main(argv: list[str]) -> int:
    """Train, or go on with a run; 0 when the budget is used up."""
    if not argv or argv[0] in ("-h", "--help"):
        _print_agents()
        return 0
    key, options = _target(argv)
    row = agent(key)
    refuse_contradictions(options)
    plan = parse_plan(row, options, prog=f"papergym train {key}")
    if plan.run.resume:
        stored = read_plan(plan.run.folder(row.key))
        plan = parse_plan(row, options, prog=f"papergym train {key}", base=stored)
    from papergym.agents.runner.summary import print_summary  # torch loads only now: --help stays quick
    from papergym.agents.runner.train import plan_line, run_plan

    log.info(plan_line(plan))
    summary = run_plan(plan, shlex.join(["papergym", "train", *argv]), listen=True)
    print_summary(summary, plan.run.folder(row.key))
    return 0


def _target(argv: list[str]) -> tuple[str, list[str]]:
    """Agent's key and options; a run folder in the agent's place, or after --resume, names its own agent."""
    first, rest = argv[0], argv[1:]
    if first == "--resume" and rest:
        first, rest = rest[0], ["--resume", *rest[1:]]
    if first.startswith("-"):
        raise UsageError(f"expected an agent or a run folder first, got {first!r}.\n{USAGE}")
    if (Path(first) / "config.toml").is_file():
        return read_plan(Path(first)).agent.key, ["--run-folder", first, *rest]
    return first, rest


def _print_agents() -> None:
    terminal = console()
    terminal.print(USAGE)
    table = Table("agent", "learns", "default environment", "presets")
    for row in AGENTS:
        table.add_row(row.key, row.summary, row.default_env, ", ".join(presets(row)) or "none")
    terminal.print(table)
