"""Trains the small scorer: crops of pictures and clips of players against captions, the target being what they show."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from papergym.wrappers.intrinsic.networks import generator_at
from papergym.wrappers.vision.concepts import CONCEPTS, NAMES, caption
from papergym.wrappers.vision.scorer import FRAMES
from papergym.wrappers.vision.small import SmallNetwork, recency, shrink
from papergym.wrappers.vision.training.clips import clips
from papergym.wrappers.vision.training.pictures import pictures
from papergym.wrappers.vision.training.resume import Run

BATCH, CLIPS, RATE, ENOUGH = 80, 2, 2e-3, 0.06
"""Crops and clips of a batch, peak learning rate, and the share of an image from which the target is 1."""
GOALS, GOAL_WEIGHT = 5, 2.0
"""The tasks' goals are the first concepts; a crop aims at one of them twice as often as at another concept."""
Picture = tuple[np.ndarray, np.ndarray]
Progress = Callable[[str, int, int, float], None]


class Choice:
    """Chooses pictures by what they show, so that rare things are as frequent in batches as common ones."""

    def __init__(self, held: list[Picture]) -> None:
        shown = np.stack([np.bincount(labels.reshape(-1), minlength=256)[: len(CONCEPTS)] > 20 for _, labels in held])
        self._held, self._with = held, [np.flatnonzero(column) for column in shown.T]
        weight = np.where(np.arange(len(CONCEPTS)) < GOALS, GOAL_WEIGHT, 1.0) * shown.any(axis=0)
        self._weight = weight / weight.sum()

    def crop(self, rng: np.random.Generator) -> Picture:
        """A crop that aims at something, or, in two of five, at nothing."""
        if rng.random() < 0.4:
            return crop(*self._held[int(rng.integers(len(self._held)))], -1, rng)
        wanted = int(rng.choice(len(CONCEPTS), p=self._weight))
        return crop(*self._held[int(rng.choice(self._with[wanted]))], wanted, rng)


def crop(rgb: np.ndarray, labels: np.ndarray, wanted: int, rng: np.random.Generator) -> Picture:
    """A random crop at the network's size, (40, 64, 3) uint8, and the share of each concept in it, (concepts,) float32.

    Args:
        rgb: (3, H, W) uint8.
        labels: (H, W) uint8 concepts.
        wanted: the concept that the crop holds some of; -1 for none in particular.
        rng: chooses place and size, and mirrors half of the crops.
    """
    height, width = labels.shape
    part = 1.0 if rng.random() < 0.2 else 0.15 * (1 / 0.15) ** rng.random()
    h, w = max(int(part * height), 2), max(int(part * width), 2)
    y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    if wanted >= 0:
        rows, columns = np.nonzero(labels == wanted)
        pick = int(rng.integers(len(rows)))
        y, x = rows[pick] - int(rng.integers(h)), columns[pick] - int(rng.integers(w))
    y, x = min(max(y, 0), height - h), min(max(x, 0), width - w)
    small = shrink(rgb[None, :, y : y + h, x : x + w])[0]
    return small[:, ::-1] if rng.random() < 0.5 else small, shares(labels[y : y + h, x : x + w])


def shares(labels: np.ndarray) -> np.ndarray:
    """(concepts,) float32 share of each concept in (h, w) uint8 concepts."""
    return (np.bincount(labels.reshape(-1), minlength=256)[: len(CONCEPTS)] / labels.size).astype(np.float32)


def gather(pictures_count: int, clips_count: int, seed: int, said: Progress) -> tuple[Choice, list[Picture]]:
    """The training set: pictures to crop, and clips as ((16, 40, 64, 3) uint8, shares of the last frame)."""
    held, played = [], []
    for number, rgb, labels in pictures(pictures_count, seed):
        held.append((rgb, labels))
        said("pictures", number + 1, pictures_count, 0.0)
    for frames in clips(clips_count, seed):
        played.append((shrink(np.stack([rgb for rgb, _ in frames])), shares(frames[-1][1])))
        said("clips", len(played), clips_count, 0.0)
    return Choice(held), played


def train(
    pictures_count: int,
    steps: int,
    output: Path,
    seed: int = 0,
    progress: Progress | None = None,
    clips_count: int = 300,
) -> None:
    """Make the training set, train, and write the weights (safetensors).

    A stopped training goes on from ``output`` with ``.part`` appended; the pictures are made again, the seed decides them.

    Args:
        pictures_count: pictures to make.
        steps: batches of 80 crops and two clips.
        output: file to write.
        seed: of worlds, crops, captions and weights.
        progress: called with (phase, done, of, loss).
        clips_count: clips of players to make.
    """
    said = progress or (lambda *_: None)
    choice, played = gather(pictures_count, clips_count, seed, said)
    with generator_at(seed):
        network = SmallNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    settings = {"images": pictures_count, "clips": clips_count, "seed": seed}
    run = Run(network, RATE, steps, output, settings, np.random.default_rng(seed))
    while run.done < steps:
        crops = [choice.crop(run.rng) for _ in range(BATCH)]
        walks = [played[int(run.rng.integers(len(played)))] for _ in range(CLIPS)]
        frames = np.concatenate([np.stack([c[0] for c in crops]), *(frames for frames, _ in walks)])
        share = torch.from_numpy(np.stack([c[1] for c in (*crops, *walks)]))
        loss = loss_of(network, torch.from_numpy(frames), share, run.rng)
        run.step(loss)
        said("training", run.done, steps, float(loss.detach()))
    run.finish()


def loss_of(network: SmallNetwork, frames: torch.Tensor, share: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Cross-entropy of the log odds with the shares, plus which caption fits best where one thing leads.

    Args:
        network: encodes frames and captions.
        frames: single crops, then 16 frames for each clip, (n, 40, 64, 3) uint8.
        share: share of each concept in each crop and in each clip's last frame, (crops + clips, concepts).
        rng: chooses the captions.
    """
    texts = network.encode_texts([caption(index, rng) for index in range(len(NAMES))])
    features = network.encode_frames(frames)
    clip_count = (len(frames) - len(share)) // (FRAMES - 1)  # this many of the shares are clips'
    crops, walks = features[: len(share) - clip_count], features[len(share) - clip_count :].unflatten(0, (clip_count, FRAMES))
    ends = torch.einsum("t,ntf->nf", torch.from_numpy(recency()), walks)
    seen = torch.cat([crops, torch.nn.functional.normalize(ends, dim=1)])
    logits = network.scale * seen @ texts.T + network.bias
    binary = torch.nn.functional.binary_cross_entropy_with_logits(logits, (share / ENOUGH).clamp(max=1.0))
    best = torch.nn.functional.cross_entropy(logits, share / share.sum(1, keepdim=True).clamp(min=1e-6))
    return binary * 5.0 + 0.3 * best
