"""``papergym train AGENT``: one run, from the command line."""

import logging
import shlex
from pathlib import Path

from rich.table import Table

from papergym.agents.cli.options import parse_given
from papergym.agents.console import console
from papergym.agents.errors import UsageError
from papergym.agents.runner.folder import read_plan
from papergym.agents.runner.plan import default_preset, presets
from papergym.agents.runner.planned import planned
from papergym.agents.runner.registry import agent, agents

log = logging.getLogger(__name__)

USAGE = """usage: papergym train AGENT [--env ID] [--preset quick|paper] [--steps N] [--seed N] [options]
       papergym train RUN_FOLDER --resume   (and --agent module:ATTRIBUTE, if its agent is one of yours)
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
    plan = planned(row, parse_given(row, options, verb=verb))
    from papergym.agents.runner.summary import print_summary  # torch loads only now: --help stays quick
    from papergym.agents.runner.train import plan_line, run_plan

    log.info(plan_line(plan))
    summary = run_plan(plan, shlex.join(["papergym", "train", *argv]), listen=True)
    print_summary(summary, plan.run.folder(row.key), row)
    return 0


def _target(argv: list[str]) -> tuple[str, list[str]]:
    """Agent's name and options; a run folder in the agent's place, or after --resume, names its own agent.

    One outside papergym has to be named all the same, by --agent.
    """
    first, rest = argv[0], argv[1:]
    if first == "--resume" and rest:
        first, rest = rest[0], ["--resume", *rest[1:]]
    if first.startswith("-"):
        raise UsageError(f"expected an agent or a run folder first, got {first!r}.\n{USAGE}")
    if first not in [row.key for row in agents()] and (Path(first) / "config.toml").is_file():
        trusted = ""
        if "--agent" in rest[:-1]:
            at = rest.index("--agent")
            trusted, rest = rest[at + 1], [*rest[:at], *rest[at + 2 :]]
        return read_plan(Path(first), trusted=trusted).agent.name, ["--run-folder", first, *rest]
    return first, rest


def _print_agents() -> None:
    terminal = console()
    terminal.print(USAGE)
    table = Table("agent", "learns", "default environment", "presets")
    for row in agents():
        names = [f"{name} (default)" if name == default_preset(row) else name for name in presets(row)]
        table.add_row(row.key, row.summary, row.default_env or "from the dataset", ", ".join(names) or "none")
    terminal.print(table)
