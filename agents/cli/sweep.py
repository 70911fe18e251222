"""``papergym sweep``: a matrix of agents, environments, seeds and settings, on Ray or on local processes."""

import dataclasses
import itertools
import logging
import math
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.table import Table

from papergym.agents.cli.options import parse
from papergym.agents.console import console
from papergym.agents.errors import UsageError
from papergym.agents.runner.signals import interrupt, on_stop

log = logging.getLogger(__name__)


@dataclasses.dataclass
class Options:
    """Run every combination; what is finished is skipped, what was cut goes on from its checkpoint."""

    agents: tuple[str, ...]
    """Agents, see `papergym list agents`."""
    envs: tuple[str, ...] = ()
    """Environment ids; empty: each agent's default."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds."""
    set: tuple[str, ...] = ()
    """NAME=V1,V2: an axis over an option of `papergym train`; one value fixes it. For example learning_rate=1e-3,3e-4."""
    steps: int = 0
    """Budget of each run in steps; 0: the preset's."""
    preset: str = ""
    """quick or paper."""
    folder: Path = Path("runs/sweep")
    """Run folders and results.csv; with Ray on several machines, a file system that they share lets cut runs resume."""
    jobs: int = 1
    """Local processes, without --ray."""
    device: str = "auto"
    """cpu, auto, cuda (every visible GPU), cuda:0,cuda:1: local processes take the devices in turn."""
    ray: str = ""
    """`local` for a Ray of this machine, `auto` for the cluster that this machine belongs to, or an address."""
    cpus: float = 1.0
    """Cores per run, on Ray."""
    gpus: float = 0.0
    """GPUs per run, on Ray; a fraction lets runs share one."""
    retries: int = 3
    """How often Ray starts a run again whose node was lost."""
    dry_run: bool = False
    """Print the runs without running them."""


def main(argv: list[str]) -> int:
    """Run the sweep; 0 if every run is finished, 1 if some failed."""
    options = parse(Options, "sweep", argv)
    trials = matrix(options)
    folder = options.folder.resolve()
    from papergym.agents.reproduction.results import append_row
    from papergym.agents.reproduction.trial import sweep_plan
    from papergym.agents.reproduction.trials import finished, label, trial_id

    for trial in trials:  # every mistake shows before anything runs
        sweep_plan(trial)
    table = folder / "results.csv"
    done = finished(table)
    waiting = [trial for trial in trials if trial_id(trial) not in done]
    log.info("%d runs, %d finished, %d to go; results in %s", len(trials), len(trials) - len(waiting), len(waiting), table)
    if options.dry_run:
        for trial in waiting:
            print(" ".join(f"{name}={value}" for name, value in trial.items()))
        return 0
    missing = len(waiting)
    with on_stop(interrupt), closing(_outcomes(options, waiting, folder)) as outcomes:
        for outcome in outcomes:
            name = trial_id(outcome.trial)
            if outcome.kind == "done":
                row = {"trial": name, **outcome.trial, **outcome.row, "folder": str(folder / name / "run")}
                append_row(table, row)
                missing -= 1
                log.info("finished %s: return %.4g", label(outcome.trial), outcome.row.get("return_after", math.nan))
            else:
                log.error("%s %s: %s", outcome.kind, label(outcome.trial), outcome.message.strip())
    _print(table, trials)
    if missing:
        log.error("%d of %d runs have no result. The same command runs only these.", missing, len(trials))
    return 1 if missing else 0


def matrix(options: Options) -> list[dict[str, Any]]:
    """The trials of a sweep: every combination of its axes, once.

    Raises:
        UsageError: an axis without a value, or one that has an option of its own.
    """
    axes: dict[str, list[str]] = {}
    for pair in options.set:
        name, equals, values = pair.partition("=")
        name = name.strip("-").replace("-", "_")
        if not equals or not name or not values:
            raise UsageError(f"--set expects NAME=V1,V2, got {pair!r}.")
        if name in ("agent", "env", "seed", "steps", "preset"):
            raise UsageError(f"--set {name}: use --{name}{'s' if name in ('agent', 'env', 'seed') else ''}.")
        if name in axes:
            raise UsageError(f"--set gives {name} twice. Join the values: {name}={','.join([*axes[name], values])}.")
        axes[name] = values.split(",")
    fixed = {name: value for name, value in {"steps": options.steps, "preset": options.preset}.items() if value}
    trials = []
    for key, env, seed, *values in itertools.product(options.agents, options.envs or ("",), options.seeds, *axes.values()):
        trials.append({"agent": key, **({"env": env} if env else {}), "seed": seed, **fixed, **dict(zip(axes, values))})
    return [trial for index, trial in enumerate(trials) if trial not in trials[:index]]


def _outcomes(options: Options, trials: list[dict[str, Any]], folder: Path) -> Generator[Any, None, None]:
    if options.ray:
        from papergym.agents.reproduction.cluster import run_on_ray

        return run_on_ray(trials, folder, address=options.ray, cpus=options.cpus, gpus=options.gpus, retries=options.retries)
    from papergym.agents.reproduction.trial import SweepTrial
    from papergym.agents.reproduction.workers import run_trials
    from papergym.agents.runner.device import devices

    chosen = devices(options.device)
    return run_trials(SweepTrial(), trials, folder, jobs=options.jobs, devices=chosen, alike=False)


def _print(path: Path, trials: list[dict[str, Any]]) -> None:
    """Returns of each setting over its seeds."""
    from papergym.agents.reproduction.results import read_rows
    from papergym.agents.reproduction.statistics import estimate
    from papergym.agents.reproduction.trials import trial_id

    rows = {row["trial"]: row for row in read_rows(path)}
    groups: dict[tuple, list[dict[str, str]]] = {}
    for trial in trials:
        setting = tuple((name, value) for name, value in trial.items() if name != "seed")
        groups.setdefault(setting, [])
        if trial_id(trial) in rows:
            groups[setting].append(rows[trial_id(trial)])
    table = Table("setting", "seeds", "return after", "training return", title=str(path), title_justify="left")
    for setting, members in groups.items():
        cells = []
        for column in ("return_after", "training_return"):
            values = [float(row[column]) for row in members if math.isfinite(float(row.get(column) or "nan"))]
            cells.append(str(estimate(values)) if values else "-")
        table.add_row(" ".join(f"{name}={value}" for name, value in setting), str(len(members)), *cells)
    console().print(table)
    console().print("Interquartile mean over seeds with a 95% bootstrap interval.", soft_wrap=True)
