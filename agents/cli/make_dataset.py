"""``papergym make-dataset ENV``: a dataset for agents that learn without an environment, made here."""

import dataclasses
import logging
from pathlib import Path
from typing import Annotated

import tyro
from rich.table import Table

from papergym.agents.cli.options import parse
from papergym.agents.console import console
from papergym.agents.errors import UsageError
from papergym.agents.runner.fields import key_values

log = logging.getLogger(__name__)

DESCRIPTION = """Write a Minari dataset of whole episodes.

The qualities are those of D4RL:

  random          uniform actions; needs no training run
  medium          a policy a third of the way from random to expert
  medium-replay   everything the training run saw until that policy
  medium-expert   half of the steps from each
  expert          the best policy of the run

Policies come from a training run. Without --from it is trained here, once for all qualities: SAC for continuous
actions, DQN (per) for discrete ones, in runs/make-dataset. The quick preset takes minutes and is enough for Pendulum-v1 or
CartPole-v1; MuJoCo tasks want --preset paper (SAC: a million steps, about four hours on a core). The same command again
goes on where it was cut.

  papergym make-dataset Pendulum-v1 --quality medium-replay
  papergym make-dataset Hopper-v4 --quality medium --preset paper
  papergym make-dataset Hopper-v4 --quality expert --from runs/sac-Hopper-v4-s0
  papergym train dt --dataset papergym/hopper-v4/medium-v0

Datasets go to MINARI_DATASETS_PATH (default ~/.minari/datasets). `minari show ID` prints one; docs/guides/offline.md
says what is in it and how an episode is played again."""


@dataclasses.dataclass
class Options:
    """What to write."""

    env: tyro.conf.Positional[str]
    """Environment id."""
    quality: str = "medium"
    """random, medium, medium-replay, medium-expert or expert."""
    steps: int = 200_000
    """Least number of steps; whole episodes are written. medium-replay takes what the run saw until the medium policy."""
    source: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """Folder of a run with snapshots (and, for medium-replay, with its checkpoint): `papergym train --snapshots 20`."""
    seed: int = 0
    """Seed of the episodes, and of the training run that is made here."""
    id: str = ""
    """Id of the dataset; empty: papergym/<env>/<quality>-v0."""
    env_kwargs: tuple[str, ...] = ()
    """KEY=VALUE for gym.make, for example size=3; values are read as TOML, else as text. With --from: the run's."""
    overwrite: bool = False
    """Replace a dataset of the same id, once the new one is whole."""
    agent: str = ""
    """Agent to train without --from; empty: sac for continuous, per for discrete actions."""
    preset: str = ""
    """Preset of that agent; empty: quick."""
    train_steps: int = 0
    """Budget of that agent; 0: the preset's."""


def main(argv: list[str]) -> int:
    """Write the dataset and print what is in it."""
    options = parse(Options, "make-dataset", argv, description=DESCRIPTION)
    from papergym.agents.offline.make import Request, check_request, make_dataset  # torch loads only now: --help stays quick
    from papergym.agents.offline.source import Source
    from papergym.agents.offline.train_source import train_source

    kwargs = key_values(options.env_kwargs, "--env-kwargs")
    if (options.agent or options.preset or options.train_steps) and (options.source or options.quality == "random"):
        why = "--from gives one" if options.source else "random needs none"
        raise UsageError(f"--agent, --preset and --train-steps are for a run that is trained here; {why}.")
    request = Request(options.env, options.quality, options.steps, options.seed, kwargs)
    request.check()
    if options.source is not None:
        source = Source(options.source, options.env, kwargs)
        request = dataclasses.replace(request, env_kwargs=kwargs or source.plan.env_kwargs)
    elif options.quality != "random":
        check_request(request, options.id, overwrite=options.overwrite)
        trained = {"key": options.agent, "preset": options.preset, "steps": options.train_steps}
        source = train_source(options.env, kwargs, seed=options.seed, listen=True, **trained)
    else:
        source = None
    folder = make_dataset(request, source, options.id, overwrite=options.overwrite)
    _print(options.id or request.dataset_id, folder)
    return 0


def _print(dataset_id: str, folder: Path) -> None:
    from papergym.agents.data.minari import load_dataset

    data = load_dataset(str(folder))
    returns = data.returns
    table = Table("", dataset_id, title_justify="left")
    table.add_row("steps, episodes", f"{len(data)}, {data.episodes}")
    table.add_row("return", f"{returns.mean():.1f} ± {returns.std():.1f}, from {returns.min():.1f} to {returns.max():.1f}")
    if data.expert_return is not None:
        table.add_row("random, expert", f"{data.random_return:.1f}, {data.expert_return:.1f}")
        table.add_row("normalized return", f"{data.normalized(float(returns.mean())):.1f}")
    table.add_row("digest", data.digest)
    table.add_row("folder", str(folder))
    console().print(table)
