"""``papergym reproduce KEY``: a table or figure of a paper, run by run; what is done is skipped, what was cut is resumed."""

import math
import shlex
import sys
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from papergym.agents.cli.options import parse
from papergym.agents.errors import UsageError
from papergym.agents.reproduction.results import append_row, results_path
from papergym.agents.reproduction.trials import (
    Reproduction,
    finished,
    label,
    reproduction,
    reproductions,
    select,
    start_of,
    trial_id,
    user_results,
)
from papergym.agents.runner.signals import interrupt, on_stop


@dataclass
class Options:
    """Reproduce a table or a figure of a paper. The rows are yours: `papergym report KEY` sets them beside the paper's
    numbers and those that papergym ships.
    """

    key: Annotated[str, tyro.conf.Positional] = ""
    """Which one; `--list` shows them. A TOML file with a [reproduce.KEY] table of your own works too."""
    list: bool = False
    """List the reproductions, their cost and how much is done."""
    seeds: tuple[int, ...] = ()
    """Seeds to run instead of the table's."""
    budget: int = 0
    """Steps (or updates) per run instead of the table's."""
    where: tuple[str, ...] = ()
    """FIELD=VALUE: only these trials, for example env_id=Hopper-v4."""
    jobs: int = 1
    """Processes, of one thread each."""
    device: str = "cpu"
    """cpu, auto, cuda (every visible GPU), cuda:0,cuda:1: the processes take the devices in turn."""
    folder: str = ""
    """Folder of runs and results; empty: runs/reproduce/<key>."""
    results: str = ""
    """CSV that receives the rows; empty: results.csv in the folder."""
    record: bool = False
    """For maintainers: the rows go to assets/results of this checkout, and those that are there count as done."""
    fresh: bool = False
    """Run everything anew, also what is done or was cut; the old rows are replaced."""
    keep: bool = False
    """Keep of every run its last checkpoint with the replay memory and twenty snapshots of the policy."""


def main(argv: list[str]) -> int:
    """Run the verb; 0 if every trial is done, 1 if some failed or are running elsewhere."""
    options = parse(Options, "reproduce", argv)
    if options.list or not options.key:
        return _list()
    plan = reproduction(options.key)
    if options.budget < 0:
        raise UsageError(f"--budget is {options.budget}, expected a positive number.")
    if options.record and (options.results or options.budget):
        raise UsageError("--record writes whole runs to assets/results. Drop --results and --budget.")
    plan = replace(plan, trials=tuple(select(plan.trials, seeds=options.seeds, budget=options.budget)))
    trials = select(plan.trials, where=options.where)
    folder = Path(options.folder) if options.folder else user_results(plan.key).parent
    path = results_path(plan.key) if options.record else Path(options.results or folder / "results.csv")
    command = shlex.join(["papergym", "reproduce", *argv])
    todo = _todo(plan, trials, path, fresh=options.fresh)
    print(
        f"{plan.key}: {len(trials)} trials, {len(trials) - len(todo)} done, {len(todo)} to run; results in {path}", flush=True
    )
    try:
        with on_stop(interrupt), closing(_run(plan, todo, folder, options, command)) as outcomes:
            return _follow(outcomes, len(todo), path, command, fresh=options.fresh)
    except KeyboardInterrupt:
        print(
            f"\ninterrupted; what is done stands in {path}, and the same command goes on from the checkpoints", file=sys.stderr
        )
        return 130


def _todo(plan: Reproduction, trials: list[dict[str, Any]], path: Path, *, fresh: bool) -> list[dict[str, Any]]:
    """The trials to run, after a look at each: every mistake shows before anything runs."""
    from papergym.agents.reproduction.trial import trial_plan

    done = set() if fresh else finished(path)
    todo = [trial for trial in trials if trial_id(trial) not in done]
    if not plan.study:
        for trial in todo:
            trial_plan(plan, trial)
            start_of(plan, trial)
    return todo


def _run(plan: Reproduction, todo: list[dict[str, Any]], folder: Path, options: Options, command: str) -> Any:
    from papergym.agents.reproduction.trial import ReproductionTrial
    from papergym.agents.reproduction.workers import run_trials
    from papergym.agents.runner.device import devices

    body = ReproductionTrial(plan, keep=options.keep, command=command)
    return run_trials(body, todo, folder, jobs=options.jobs, devices=devices(options.device), resume=not options.fresh)


def _follow(outcomes: Any, total: int, path: Path, command: str, *, fresh: bool) -> int:
    """Append rows as they come and show progress; the exit status."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    bad: list[Any] = []
    done = 0
    begun = time.monotonic()
    with Progress(*columns, speed_estimate_period=3600 * 24, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=total)
        for number, outcome in enumerate(outcomes, 1):
            if outcome.kind == "done":
                identity = {"trial": trial_id(outcome.trial), **outcome.trial}
                append_row(path, {**identity, **outcome.row, "command": command}, replace=fresh)
                done += 1
            else:
                bad.append(outcome)
            progress.advance(task)
            left = (time.monotonic() - begun) / number * (total - number)
            print(f"[{number}/{total}] {describe(outcome)}; {_duration(left)} left", flush=True)
    for outcome in bad:
        print(f"{label(outcome.trial)}: {outcome.kind}: {outcome.message}", file=sys.stderr)
    if bad:
        print(f"{total - done} of {total} trials have no result. The same command runs only these.", file=sys.stderr)
    return 2 if any(outcome.kind in ("refused", "full") for outcome in bad) else int(bool(bad))


def describe(outcome: Any) -> str:
    """A trial and the first three of its numbers; an offline agent, for one, has none for the episodes of its training."""
    found = {name: value for name, value in outcome.row.items() if isinstance(value, float) and math.isfinite(value)}
    numbers = [f"{name} {value:.5g}" for name, value in found.items()][:3]
    return f"{label(outcome.trial)}: {', '.join(numbers) if outcome.kind == 'done' else outcome.kind}"


def _duration(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min {int(seconds % 60):02d} s"


def _list() -> int:
    known = sorted(reproductions().items())
    width = max(len(key) for key, _ in known) + 2
    for key, plan in known:
        ids = {trial_id(trial) for trial in plan.trials}
        shipped, yours = len(ids & finished(results_path(key))), len(ids & finished(user_results(key)))
        counts = f"shipped {shipped} of {len(ids)} trials, yours {yours}"
        cost = f", about {plan.cost}" if plan.cost else ""
        print(f"{key:<{width}}{plan.summary} ({plan.paper}; {counts}{cost})")
    return 0
