"""Trains the U-Net from two teachers: the maps of virtual exploration, annotated once, and the world's own segmentation."""

from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import numpy as np
import torch

from papergym.wrappers.intrinsic.networks import generator_at
from papergym.wrappers.vision.affordance import ZoomAffordance
from papergym.wrappers.vision.concepts import CONCEPTS, caption
from papergym.wrappers.vision.small import SmallScorer
from papergym.wrappers.vision.training.pictures import pictures
from papergym.wrappers.vision.training.resume import Run
from papergym.wrappers.vision.unet import UNetwork, shrink

BATCH, RATE, TARGET, GOALS, GOAL_WEIGHT = 16, 3e-3, (40, 64), 5, 3.0
"""Pictures of a batch, peak learning rate, size of the maps, goals (the first of the concepts) and how much more they count."""
Progress = Callable[[int, int, float], None]


def collect(file: Path, count: int, seed: int, progress: Progress) -> None:
    """Write ``count`` pictures and their segmentation to an HDF5 file; one that is there is gone on with.

    Raises:
        ValueError: the file was made with other settings.
    """
    with h5py.File(file, "a") as held:
        wanted = {"count": count, "seed": seed}
        found = {name: int(value) for name, value in held.attrs.items()}  # type: ignore[arg-type]
        if found and found != wanted:
            raise ValueError(f"Expected a file made with {wanted}, got one made with {found}; name another file.")
        held.attrs.update(wanted)
        _create(held, "frames", (count, 3, 160, 256), "u1")
        _create(held, "concepts", (count, 160, 256), "u1")
        done = _create(held, "collected", (count,), "u1")
        start = int(np.argmin(np.append(done[:], 0)))  # the first that is missing; they are made in order
        for number, rgb, labels in pictures(count, seed, start) if start < count else ():
            held["frames"][number], held["concepts"][number], done[number] = rgb, labels, 1  # type: ignore[index]
            _flush(held, number)
            progress(number + 1, count, 0.0)


def annotate(file: Path, scorer: SmallScorer, progress: Progress, seed: int = 0) -> None:
    """Add the maps of virtual exploration for every concept, (n, concepts, 40, 64) uint8; goes on where it was stopped."""
    zoom, rng = ZoomAffordance(scorer, divide="count", frames="late"), np.random.default_rng(seed)
    with h5py.File(file, "a") as held:
        frames = held["frames"]
        count = len(frames)  # type: ignore[arg-type]
        maps = _create(held, "maps", (count, len(CONCEPTS), *TARGET), "u1")
        done = _create(held, "annotated", (count,), "u1")
        for number in range(count):
            if not done[number]:
                prompts = [caption(index, rng) for index in range(len(CONCEPTS))]
                full = zoom(frames[number][None], prompts)[0]  # type: ignore[index]
                small = [cv2.resize(heat, TARGET[::-1], interpolation=cv2.INTER_AREA) for heat in full]
                maps[number], done[number] = np.round(255 * np.stack(small)).astype(np.uint8), 1
                _flush(held, number)
            progress(number + 1, count, 0.0)


def train(file: Path, scorer: SmallScorer, steps: int, output: Path, progress: Progress, seed: int = 0) -> None:
    """Learn the maps of an annotated file and write the weights (safetensors); a stopped training goes on.

    The target of a pixel is the mean of the map of virtual exploration and of the share of its area that shows the thing:
    the first spreads to where a closer look pays, the second is sharp and knows what the scorer misses.

    Raises:
        ValueError: the file is not annotated to its end.
    """
    with h5py.File(file) as held:
        if "annotated" not in held or not held["annotated"][:].all():  # type: ignore[index]
            raise ValueError(f"Expected maps for every picture in {file}, got fewer: run `papergym affordance annotate` first.")
        frames, concepts, maps = shrink(held["frames"][:]), held["concepts"][:], held["maps"][:]  # type: ignore[index]
    targets, shown = _targets(np.asarray(maps), np.asarray(concepts)), _shown(np.asarray(concepts))
    with generator_at(seed):
        network = UNetwork(scorer.feature_size).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    run = Run(network, RATE, steps, output, {"images": len(frames), "seed": seed}, np.random.default_rng(seed))
    while run.done < steps:
        loss = _loss(run, scorer, frames, targets, shown)
        run.step(loss)
        progress(run.done, steps, float(loss.detach()))
    run.finish()


def _loss(run: Run, scorer: SmallScorer, frames: np.ndarray, targets: np.ndarray, shown: np.ndarray) -> torch.Tensor:
    """Weighted cross-entropy of one batch and all concepts: few pixels show one, so these count up to four times."""
    rng, rows = run.rng, _rows(shown, run.rng)
    texts = torch.from_numpy(scorer.encode_texts([caption(index, rng) for index in range(len(CONCEPTS))]))
    flip = slice(None, None, -1 if rng.random() < 0.5 else 1)
    logits = run.network(torch.from_numpy(frames[rows][:, :, flip].copy()), texts)
    target = torch.from_numpy(targets[rows][..., flip].astype(np.float32) / 255)
    weight = (1 + 3 * target) * torch.where(torch.arange(len(CONCEPTS)) < GOALS, GOAL_WEIGHT, 1.0)[:, None, None]
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, target, weight=weight)


def _create(held: h5py.File, name: str, shape: tuple[int, ...], dtype: str) -> h5py.Dataset:
    return held.require_dataset(name, shape, dtype, chunks=(1, *shape[1:]) if len(shape) > 1 else None)


def _flush(held: h5py.File, number: int) -> None:
    """Write out now and then: what a killed process has not written is lost, and the file's index with it."""
    if number % 20 == 0:
        held.flush()


def _shown(concepts: np.ndarray) -> np.ndarray:
    """(n, concepts) bool: which concepts each picture shows in more than 20 pixels."""
    return np.stack([(concepts == index).sum(axis=(1, 2)) > 20 for index in range(len(CONCEPTS))], axis=1)


def _targets(maps: np.ndarray, concepts: np.ndarray) -> np.ndarray:
    """(n, concepts, 40, 64) uint8: the mean of ``maps`` and the share of each pixel's area that shows the concept."""
    targets = np.empty_like(maps)
    for number, labels in enumerate(concepts):
        parts = labels.reshape(TARGET[0], labels.shape[0] // TARGET[0], TARGET[1], labels.shape[1] // TARGET[1])
        for index in range(len(CONCEPTS)):
            area = (parts == index).mean(axis=(1, 3), dtype=np.float32)
            targets[number, index] = np.round(0.5 * (maps[number, index] + 255 * area))
    return targets


def _rows(shown: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(BATCH,) numbers of pictures: half of them any, half with a goal of the tasks, each goal as often as another."""
    rows = rng.integers(len(shown), size=BATCH)
    for place in range(BATCH // 2):
        found = np.flatnonzero(shown[:, place % GOALS])
        if len(found):
            rows[place] = rng.choice(found)
    return rows
