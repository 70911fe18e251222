"""``papergym evaluate RUN_FOLDER``: play what a run has learned, without exploration."""

import dataclasses
import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.table import Table

from papergym.agents.cli.options import parse
from papergym.agents.console import console
from papergym.agents.errors import UsageError
from papergym.agents.runner.plan import Plan

log = logging.getLogger(__name__)


@dataclasses.dataclass
class Options:
    """What to evaluate."""

    run_folder: tyro.conf.Positional[Path] = Path()
    """Folder made by `papergym train` or `papergym pull`."""
    trained: str = ""
    """Instead of a folder, an agent of this package, for example sac/Hopper-v4; `papergym list trained` prints them."""
    checkpoint: Path | None = None
    """File in its folder `checkpoints` or `snapshots`; without: the finished policy, else the newest checkpoint."""
    best: bool = False
    """The policy of the best evaluation instead of the last one."""
    episodes: int = 10
    """Episodes to play."""
    seed: int | None = None
    """Seed of the starts; without: the run's, as in eval.csv."""
    target: float | None = None
    """Return to aim at, for agents that are told one; without: the run's."""
    targets: int = 0
    """Tell the agent this many returns, from its data's lowest to its best, --episodes each: a table, targets-evaluated.csv and
    targets-evaluated.png in the run's folder, and the rank correlation; 0: only --target."""
    stochastic: bool = False
    """Sample the actions, as in training."""
    video: Path | None = None
    """Write the first episode to this mp4."""
    device: str = "auto"
    """cpu, cuda, cuda:1, ..."""
    agent: str = ""
    """module:ATTRIBUTE of the run's agent, if it is one of yours; a folder alone makes no module be imported."""
    env: str = ""
    """module:Id of the run's environment, if it is one of yours."""
    env_kwargs: tuple[str, ...] = ()
    """KEY=VALUE of the run's arguments that name a program, a module or a path; a folder alone makes none be used."""


def main(argv: list[str]) -> int:
    """Print the return of each episode, their mean and deviation; with ``--targets`` the mean return for each target."""
    options = parse(Options, "evaluate", argv)
    _check(options)
    from papergym.agents.runner import trained
    from papergym.agents.runner.evaluation import evaluate
    from papergym.agents.runner.load import best_policy, load_run
    from papergym.agents.runner.media import record_video
    from papergym.agents.runner.train import eval_envs

    if options.trained:
        options.run_folder = trained.find(options.trained)
    plan, learner, file = load_run(
        options.run_folder,
        best_policy(options.run_folder) if options.best else options.checkpoint,
        device=options.device,
        seed=options.seed,
        trusted=options.agent,
        env=options.env,
        env_kwargs=options.env_kwargs,
    )
    plan.run.target = plan.run.target if options.target is None else options.target
    sharp = not options.stochastic
    done = learner.done or plan.run.steps  # an exported agent has no counters
    title = f"{plan.agent.key} on {plan.run.env} after {done} {plan.agent.unit} ({file.name})"
    if options.targets:
        _sweep(options, title, plan, learner)
    else:
        with eval_envs(plan, options.episodes) as envs:
            played = evaluate(learner, envs, options.episodes, plan.run.seed, target=plan.run.target, deterministic=sharp)
        _print(title, played)
    if options.video is not None and record_video(plan, learner, options.video, deterministic=sharp):
        log.info("video of the first episode: %s", options.video)
    return 0


def _check(options: Options) -> None:
    if options.episodes < 1:
        raise UsageError(f"--episodes is {options.episodes}, expected at least 1.")
    if bool(options.trained) == (options.run_folder != Path()):
        raise UsageError("Give a run's folder, or --trained NAME.")
    if options.best and options.checkpoint is not None:
        raise UsageError("--best and --checkpoint name two files. Give one of them.")
    if options.target is not None and not math.isfinite(options.target):
        raise UsageError(f"--target is {options.target}, expected a finite number.")
    if options.targets != 0 and options.targets < 2:
        raise UsageError(f"--targets is {options.targets}, expected at least 2, or 0 for none.")
    if options.video is not None and options.video.suffix != ".mp4":
        raise UsageError(f"--video writes an .mp4, got {options.video}.")
    if options.targets and options.target is not None:
        raise UsageError("--target and --targets exclude each other: give one of them.")


def _sweep(options: Options, title: str, plan: Plan, learner: Any) -> None:
    from papergym.agents.offline.sweep import spearman, sweep_rows, target_sweep, write_sweep
    from papergym.agents.runner.evaluation import make_env

    known = getattr(learner, "returns_range", None)
    if known is None:
        raise UsageError(
            f"{plan.agent.key} is told no return to reach in this run, --targets is for agents such as dt and rvs."
        )
    low, high = known
    targets = np.linspace(low, high, options.targets).tolist()
    returns = target_sweep(
        learner,
        lambda: make_env(plan.run.env, plan.env_kwargs),
        targets,
        options.episodes,
        plan.run.seed,
        deterministic=not options.stochastic,
    )
    place = options.run_folder / "targets-evaluated"
    write_sweep(place, targets, returns, (low, high))
    rows = sweep_rows(targets, returns)
    table = Table(*rows[0], title=f"{title}, {options.episodes} episodes a target", title_justify="left")
    for row in rows:
        table.add_row(*row.values())
    console().print(table)
    console().print(f"rank correlation of told and reached (Spearman): {spearman(targets, returns):.3f}")
    log.info("table and plot: %s.csv, %s.png", place, place)


def _print(title: str, played: list) -> None:
    table = Table(title=title, title_justify="left")
    for column in ("episode", "return", "steps"):
        table.add_column(column, justify="right")
    for index, episode in enumerate(played):
        table.add_row(str(index), f"{episode.value:.2f}", str(episode.length))
    returns = np.array([episode.value for episode in played])
    table.add_section()
    table.add_row(
        "mean", f"{returns.mean():.2f} ± {returns.std():.2f}", f"{np.mean([episode.length for episode in played]):.0f}"
    )
    console().print(table)
