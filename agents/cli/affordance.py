"""``papergym affordance``: makes the small scorer and the U-Net of the voxel world, and shows what they see."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import tyro

from papergym.agents.cli.options import parse
from papergym.agents.errors import UsageError, unknown


@dataclasses.dataclass
class Options:
    """Make the scorer (train-scorer), then pictures (collect), their maps (annotate) and the U-Net (train); or show one."""

    action: tyro.conf.Positional[Literal["train-scorer", "collect", "annotate", "train", "show"]]
    """What to do; each but `show` goes on where it was stopped."""
    task: tyro.conf.Positional[str] = "harvest_log_in_plains"
    """Task of `show`: one of LS-Imagine's five."""
    data: Path = Path("affordance.h5")
    """HDF5 file of pictures and maps."""
    output: Path | None = None
    """Weights to write, or the picture of `show`; without it beside the current folder, under the action's name."""
    scorer: Path | None = None
    """Weights of the scorer; the shipped ones by default."""
    unet: Path | None = None
    """Weights of the U-Net for `show`; the shipped ones by default."""
    images: int = 4000
    """Images of `train-scorer` and `collect`."""
    steps: int = 3000
    """Batches of `train-scorer` and `train`."""
    clips: int = 300
    """Clips of players in `train-scorer`."""
    seed: int = 0
    """Seed of worlds, choices and weights."""


def main(argv: list[str]) -> int:
    """Do one of the actions; 0 when done."""
    options = parse(Options, "affordance", argv)
    for name in ("images", "steps", "clips"):
        if getattr(options, name) < 1:
            raise UsageError(f"--{name} is at least 1, got {getattr(options, name)}.")
    if options.action in ("annotate", "train") and not options.data.exists():
        raise UsageError(f"Expected pictures in {options.data}, got no such file: run `papergym affordance collect` first.")
    import torch

    torch.set_num_threads(1)
    work = {"train-scorer": _train_scorer, "collect": _collect, "annotate": _annotate, "train": _train, "show": _show}
    work[options.action](options)
    return 0


def _bar() -> Callable[..., None]:
    """A progress bar for callbacks that end in (done, of, loss), with or without a phase before."""
    from tqdm import tqdm

    bars: dict[str, Any] = {}

    def said(*values: Any) -> None:
        phase, done, of, loss = values if len(values) == 4 else ("", *values)
        if phase not in bars:
            bars[phase] = tqdm(total=of, desc=phase or None)
        bar = bars[phase]
        bar.update(done - bar.n)
        if loss and done % 20 == 0:
            bar.set_postfix(loss=f"{loss:.3f}")
        if done == of:
            bar.close()

    return said


def _scorer(options: Options) -> Any:
    from papergym.wrappers.vision.small import SmallScorer

    return SmallScorer(options.scorer)


def _train_scorer(options: Options) -> None:
    from papergym.wrappers.vision.training.scorer import train

    output = options.output or Path("voxel-scorer.safetensors")
    train(options.images, options.steps, output, options.seed, _bar(), options.clips)


def _data() -> Any:
    try:
        from papergym.wrappers.vision.training import unet
    except ImportError as error:
        raise UsageError(f'Expected h5py, got {error}: pip install "papergym[offline]".') from error
    return unet


def _collect(options: Options) -> None:
    _data().collect(options.data, options.images, options.seed, _bar())


def _annotate(options: Options) -> None:
    _data().annotate(options.data, _scorer(options), _bar(), options.seed)


def _train(options: Options) -> None:
    output = options.output or Path("voxel-unet.safetensors")
    _data().train(options.data, _scorer(options), options.steps, output, _bar(), options.seed)


def _show(options: Options) -> None:
    from papergym.wrappers.vision.concepts import GOALS

    if options.task not in GOALS:
        raise unknown("task", options.task, GOALS)
    from papergym.wrappers.vision.training.show import draw
    from papergym.wrappers.vision.unet import AffordanceUNet

    scorer = _scorer(options)
    output = options.output or Path(f"affordance-{options.task}.png")
    scores = draw(options.task, scorer, AffordanceUNet(scorer, options.unet), output, options.seed)
    print("\n".join(f"{name}: {value:.3f}" for name, value in scores.items()))
    print(f"wrote {output}")
