"""``papergym show RUN_FOLDER``: what a run has learned, as images."""

import dataclasses
from pathlib import Path

import tyro

from papergym.agents.cli.options import parse
from papergym.agents.console import console
from papergym.agents.errors import UsageError


@dataclasses.dataclass
class Options:
    """What to show."""

    run_folder: tyro.conf.Positional[Path]
    """Folder made by `papergym train`."""
    checkpoint: Path | None = None
    """File in its folder `checkpoints` or `snapshots`; without: the finished policy, else the newest checkpoint."""
    output: Path | None = None
    """Folder of the images; without: `show` in the run's folder."""
    seed: int | None = None
    """Seed of the episode's start; without: the run's."""
    device: str = "auto"
    """cpu, cuda, cuda:1, ..."""
    agent: str = ""
    """module:ATTRIBUTE of the run's agent, if it is one of yours."""
    env: str = ""
    """module:Id of the run's environment, if it is one of yours."""
    env_kwargs: tuple[str, ...] = ()
    """KEY=VALUE of the run's arguments that name a program, a module or a path; a folder alone makes none be used."""


def main(argv: list[str]) -> int:
    """Write the images and print where they are."""
    options = parse(Options, "show", argv)
    from papergym.agents.runner.load import load_run

    plan, learner, file = load_run(
        options.run_folder,
        options.checkpoint,
        device=options.device,
        seed=options.seed,
        trusted=options.agent,
        env=options.env,
        env_kwargs=options.env_kwargs,
    )
    if not plan.agent.show:
        raise UsageError(
            f"{plan.agent.key} has nothing to show but episodes: `papergym evaluate {options.run_folder} --video FILE`."
        )
    folder = options.output or options.run_folder / "show"
    folder.mkdir(parents=True, exist_ok=True)
    written = plan.agent.load(plan.agent.show)(plan, learner, folder)
    learner.close()
    console().print(f"{file.name}, {learner.done} {plan.agent.unit}: {', '.join(map(str, written))}", soft_wrap=True)
    return 0
