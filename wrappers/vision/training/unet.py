"""Distils virtual exploration into the U-Net: annotate pictures once, then learn the maps."""

from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import numpy as np
import torch

from papergym.wrappers.vision.affordance import ZoomAffordance
from papergym.wrappers.vision.concepts import CONCEPTS, caption
from papergym.wrappers.vision.small import SmallScorer
from papergym.wrappers.vision.training.pictures import pictures
from papergym.wrappers.vision.unet import UNetwork, shrink

BATCH, RATE, TARGET = 16, 2e-3, (40, 64)
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
        for number, (rgb, labels) in enumerate(pictures(count, seed)):  # from the start: the seed decides each picture
            if not done[number]:
                held["frames"][number], held["concepts"][number], done[number] = rgb, labels, 1  # type: ignore[index]
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
            progress(number + 1, count, 0.0)


def train(file: Path, scorer: SmallScorer, steps: int, output: Path, progress: Progress, seed: int = 0) -> None:
    """Learn the maps of an annotated file and write the weights (safetensors)."""
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    with h5py.File(file) as held:
        frames, maps, shown = shrink(held["frames"][:]), held["maps"][:], _shown(held["concepts"][:])  # type: ignore[index]
    network = UNetwork(scorer.feature_size).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        rows = rng.integers(len(frames), size=BATCH)
        concepts = np.array([_choice(shown[row], rng) for row in rows])
        text = torch.from_numpy(scorer.encode_texts([caption(int(index), rng) for index in concepts]))
        flip = slice(None, None, -1 if rng.random() < 0.5 else 1)
        logits = network(torch.from_numpy(frames[rows][:, :, flip].copy()), text)
        target = torch.from_numpy(maps[rows, concepts][:, :, flip].astype(np.float32) / 255)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        progress(step + 1, steps, float(loss.detach()))
    output.parent.mkdir(parents=True, exist_ok=True)
    network = network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, str(output))


def _create(held: h5py.File, name: str, shape: tuple[int, ...], dtype: str) -> h5py.Dataset:
    return held.require_dataset(name, shape, dtype, chunks=(1, *shape[1:]) if len(shape) > 1 else None)


def _shown(concepts: np.ndarray) -> np.ndarray:
    """(n, concepts) bool: which concepts each picture shows."""
    return np.stack([(concepts == index).any(axis=(1, 2)) for index in range(len(CONCEPTS))], axis=1)


def _choice(shown: np.ndarray, rng: np.random.Generator) -> int:
    """A goal of the tasks half of the time, and half of the time something that the picture shows."""
    wanted = np.flatnonzero(shown)
    if rng.random() < 0.5 and len(wanted):
        return int(rng.choice(wanted))
    return int(rng.integers(5 if rng.random() < 0.7 else len(CONCEPTS)))
