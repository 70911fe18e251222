"""``papergym evaluate RUN_FOLDER``: play what a run has learned, without exploration."""

import dataclasses
import logging
from pathlib import Path

import numpy as np
import tyro
from rich.table import Table

from papergym.agents.console import console
from papergym.agents.errors import UsageError

log = logging.getLogger(__name__)


@dataclasses.dataclass
class Options:
    """What to evaluate."""

    run_folder: tyro.conf.Positional[Path]
    """Folder made by `papergym train`."""
    checkpoint: Path | None = None
    """File in its folder `checkpoints`; without: the finished policy, else the newest checkpoint."""
    episodes: int = 10
    """Episodes to play."""
    seed: int | None = None
    """Seed of the starts; without: the run's, as in eval.csv."""
    stochastic: bool = False
    """Sample the actions, as in training."""
    video: Path | None = None
    """Write the first episode to this mp4."""
    device: str = "auto"
    """cpu, cuda, cuda:1, ..."""


def main(argv: list[str]) -> int:
    """Print the return of each episode, their mean and deviation."""
    options = tyro.cli(Options, prog="papergym evaluate", args=argv)
    if options.episodes < 1:
        raise UsageError(f"--episodes is {options.episodes}, expected at least 1.")
    from papergym.agents.checkpoint.state import load_state
    from papergym.agents.runner.evaluation import evaluate
    from papergym.agents.runner.folder import read_plan
    from papergym.agents.runner.media import record_video
    from papergym.agents.runner.train import build_model, check_env

    plan = read_plan(options.run_folder)
    plan.run.device = options.device
    plan.run.seed = plan.run.seed if options.seed is None else options.seed
    file = options.checkpoint or newest(options.run_folder)
    env = check_env(plan)
    model = build_model(plan)
    model.set_state(load_state(file, kind=plan.agent.key)["model"])  # pyright: ignore[reportAttributeAccessIssue]
    played = evaluate(model, env, options.episodes, plan.run.seed, deterministic=not options.stochastic)
    _print(f"{plan.agent.key} on {plan.run.env} after {model.num_timesteps} steps ({file.name})", played)
    if options.video is not None and record_video(plan, model, options.video):
        log.info("video of the first episode: %s", options.video)
    env.close()
    return 0


def newest(folder: Path) -> Path:
    """The finished policy of a run, else its newest checkpoint.

    Raises:
        UsageError: the run has neither.
    """
    finished = folder / "policy.safetensors"
    checkpoints = sorted((folder / "checkpoints").glob("*.safetensors"))
    if not finished.is_file() and not checkpoints:
        raise UsageError(f"{folder} has no checkpoint yet. Go on with it: papergym train {folder} --resume")
    return finished if finished.is_file() else checkpoints[-1]


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
