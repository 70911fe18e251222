"""``papergym train AGENT``: one run, from the command line."""

import logging
import shlex
from pathlib import Path

from rich.table import Table

from papergym.agents.cli.options import parse_plan
from papergym.agents.console import console
from papergym.agents.errors import UsageError
from papergym.agents.runner.fields import key_values
from papergym.agents.runner.folder import read_plan
from papergym.agents.runner.plan import default_preset, presets, refuse_strangers, settle
from papergym.agents.runner.registry import agent, agents

log = logging.getLogger(__name__)

USAGE = """usage: papergym train AGENT [--env ID] [--preset quick|paper] [--steps N] [--seed N] [options]
       papergym train RUN_FOLDER --resume
       papergym train AGENT --help          every option of an agent, with the preset's values

AGENT is a name of the table, or module:ATTRIBUTE of your own (see CONTRIBUTING).
"""


def main(argv: list[str]) -> int:
    """Train, or go on with a run; 0 when the budget is used up."""
    if not argv or argv[0] in ("-h", "--help"):
        _print_agents()
        return 0
    name, options = _target(argv)
    row = agent(name)
    verb = f"train {row.name}"
    plan = parse_plan(row, options, verb=verb)
    if not (plan.run.resume and (plan.run.run_folder or plan.run.env)):
        settle(plan)
    if plan.run.resume:
        folder = plan.run.folder(row.key)
        stored = read_plan(folder, trusted=row.name)
        if stored.agent.name != row.name:
            raise UsageError(f"{folder} is a run of {stored.agent.name}, not of {row.name}.")
        refuse_strangers(stored, plan.run.env, key_values(plan.run.env_kwargs, "--env-kwargs"))
        plan = parse_plan(row, options, verb=verb, base=stored)
        plan.run.run_folder = str(folder)  # not what the file in it says
    from papergym.agents.runner.summary import print_summary  # torch loads only now: --help stays quick
    from papergym.agents.runner.train import plan_line, run_plan

    log.info(plan_line(plan))
    summary = run_plan(plan, shlex.join(["papergym", "train", *argv]), listen=True)
    print_summary(summary, plan.run.folder(row.key), row)
    return 0


def _target(argv: list[str]) -> tuple[str, list[str]]:
    """Agent's name and options; a run folder in the agent's place, or after --resume, names its own agent."""
    first, rest = argv[0], argv[1:]
    if first == "--resume" and rest:
        first, rest = rest[0], ["--resume", *rest[1:]]
    if first.startswith("-"):
        raise UsageError(f"expected an agent or a run folder first, got {first!r}.\n{USAGE}")
    if first not in [row.key for row in agents()] and (Path(first) / "config.toml").is_file():
        return read_plan(Path(first)).agent.name, ["--run-folder", first, *rest]
    return first, rest


def _print_agents() -> None:
    terminal = console()
    terminal.print(USAGE)
    table = Table("agent", "learns", "default environment", "presets")
    for row in agents():
        names = [f"{name} (default)" if name == default_preset(row) else name for name in presets(row)]
        table.add_row(row.key, row.summary, row.default_env or "from the dataset", ", ".join(names) or "none")
    terminal.print(table)
