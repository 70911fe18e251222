"""``papergym reproduce KEY``: a table or figure of a paper, run by run; what is done is skipped, what was cut is resumed."""

import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from papergym.agents.cli.options import refuse_contradictions
from papergym.agents.errors import UsageError
from papergym.agents.reproduction.results import append_row, provenance, results_path
from papergym.agents.reproduction.trials import finished, label, reproduction, reproductions, select, trial_id
from papergym.agents.reproduction.workers import Outcome, run_trials


@dataclass
class Options:
    """Reproduce a table or a figure of a paper."""

    key: Annotated[str, tyro.conf.Positional] = ""
    """Which one; `--list` shows them."""
    list: bool = False
    """List the reproductions, their cost and how much is done."""
    seeds: tuple[int, ...] = ()
    """Seeds to run instead of the table's."""
    budget: int = 0
    """Steps per run instead of the table's; the rows then go to the run folder, not to assets/results."""
    where: tuple[str, ...] = ()
    """FIELD=VALUE: only these trials, for example env_id=Hopper-v4."""
    jobs: int = 1
    """Processes, of one thread each."""
    folder: str = ""
    """Folder of checkpoints; empty: runs/reproduce/<key>."""
    results: str = ""
    """CSV that receives the rows; empty: assets/results/<key>.csv."""
    fresh: bool = False
    """Begin cut trials anew instead of resuming them."""
    keep: bool = False
    """Keep replay memories and a snapshot of the policy every twentieth of the budget (off-policy agents)."""


def main(argv: list[str]) -> int:
    """Run the verb; 0 if every trial is done, 1 if some failed or are running elsewhere."""
    refuse_contradictions(argv)
    options = tyro.cli(Options, args=argv, prog="papergym reproduce")
    if options.list or not options.key:
        return _list()
    plan = reproduction(options.key)
    if options.budget < 0:
        raise UsageError(f"--budget is {options.budget}, expected a positive number of steps.")
    trials = select(plan.trials, seeds=options.seeds, budget=options.budget, where=options.where)
    folder = Path(options.folder or f"runs/reproduce/{plan.key}")
    short = folder / f"{plan.key}.csv" if options.budget else results_path(plan.key)
    path = Path(options.results) if options.results else short
    done = finished(path)
    todo = [trial for trial in trials if trial_id(trial) not in done]
    print(
        f"{plan.key}: {len(trials)} trials, {len(trials) - len(todo)} done, {len(todo)} to run; results in {path}", flush=True
    )
    if options.keep:
        for trial in todo:
            (folder / trial_id(trial)).mkdir(parents=True, exist_ok=True)
            (folder / trial_id(trial) / "keep").touch()
    outcomes = run_trials(plan.agent, todo, folder, jobs=options.jobs, resume=not options.fresh)
    command = shlex.join(["papergym", "reproduce", *argv])
    try:
        return _follow(outcomes, len(todo), path, command)
    except KeyboardInterrupt:
        print(
            f"\ninterrupted; what is done stands in {path}, and the same command goes on from the checkpoints", file=sys.stderr
        )
        return 130


def _follow(outcomes: Any, total: int, path: Path, command: str) -> int:
    """Append rows as they come and show progress; the exit status."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    bad: list[Outcome] = []
    done = 0
    begun = time.monotonic()
    with Progress(*columns, speed_estimate_period=3600 * 24, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=total)
        for number, outcome in enumerate(outcomes, 1):
            if outcome.kind == "done":
                identity = {"trial": trial_id(outcome.trial), **outcome.trial}
                append_row(path, {**identity, **outcome.row, **provenance(), "command": command})
                done += 1
            else:
                bad.append(outcome)
            progress.advance(task)
            left = (time.monotonic() - begun) / number * (total - number)
            print(f"[{number}/{total}] {_describe(outcome)}; {_duration(left)} left", flush=True)
    for outcome in bad:
        print(f"{label(outcome.trial)}: {outcome.kind}: {outcome.message}", file=sys.stderr)
    if bad:
        print(f"{total - done} of {total} trials have no result. The same command runs only these.", file=sys.stderr)
    return 2 if any(outcome.kind in ("refused", "full") for outcome in bad) else int(bool(bad))


def _describe(outcome: Outcome) -> str:
    numbers = [f"{name} {value:.5g}" for name, value in outcome.row.items() if isinstance(value, float)][:3]
    return f"{label(outcome.trial)}: {', '.join(numbers) if outcome.kind == 'done' else outcome.kind}"


def _duration(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min {int(seconds % 60):02d} s"


def _list() -> int:
    for key, plan in sorted(reproductions().items()):
        done = finished(results_path(key))
        count = sum(trial_id(trial) in done for trial in plan.trials)
        cost = f", about {plan.cost}" if plan.cost else ""
        print(f"{key:<20}{plan.summary} ({plan.paper}; {count} of {len(plan.trials)} trials done{cost})")
    return 0
