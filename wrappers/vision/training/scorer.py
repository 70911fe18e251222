"""Trains the small scorer: crops of pictures against captions, the target being how much of a crop shows the thing."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from papergym.wrappers.vision.concepts import CONCEPTS, NAMES, caption
from papergym.wrappers.vision.small import INPUT, SmallNetwork
from papergym.wrappers.vision.training.pictures import pictures

BATCH, RATE, ENOUGH = 96, 2e-3, 0.06
"""Crops of a batch, peak learning rate, and the share of a crop from which the target is 1."""


def crop(rgb: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A random crop at the network's size, (40, 64, 3) uint8, and the share of each concept in it, (concepts,) float32."""
    height, width = labels.shape
    part = 1.0 if rng.random() < 0.2 else 0.15 * (1 / 0.15) ** rng.random()
    h, w = max(int(part * height), 2), max(int(part * width), 2)
    seen = np.unique(labels)
    wanted = int(rng.choice(seen[seen < len(CONCEPTS)])) if rng.random() < 0.6 and (seen < len(CONCEPTS)).any() else -1
    if wanted >= 0:
        rows, columns = np.nonzero(labels == wanted)
        pick = int(rng.integers(len(rows)))
        y, x = rows[pick] - int(rng.integers(h)), columns[pick] - int(rng.integers(w))
    else:
        y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    y, x = min(max(y, 0), height - h), min(max(x, 0), width - w)
    picture = cv2.resize(
        np.ascontiguousarray(rgb[:, y : y + h, x : x + w].transpose(1, 2, 0)), INPUT[::-1], interpolation=cv2.INTER_AREA
    )
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    share = np.bincount(labels[y : y + h, x : x + w].reshape(-1), minlength=256)[: len(CONCEPTS)] / (h * w)
    return picture, share.astype(np.float32)


def train(
    pictures_count: int, steps: int, output: Path, seed: int = 0, progress: Callable[[str, int, int, float], None] | None = None
) -> None:
    """Make pictures, train, and write the weights (safetensors).

    Args:
        pictures_count: pictures to make.
        steps: batches of 96 crops.
        output: file to write.
        seed: of worlds, crops, captions and weights.
        progress: called with (phase, done, of, loss).
    """
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    rng, said = np.random.default_rng(seed), progress or (lambda *_: None)
    held = []
    for picture in pictures(pictures_count, seed):
        held.append(picture)
        said("pictures", len(held), pictures_count, 0.0)
    network = SmallNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        crops = [crop(*held[int(rng.integers(len(held)))], rng) for _ in range(BATCH)]
        frames = torch.from_numpy(np.stack([c[0] for c in crops]))
        share = torch.from_numpy(np.stack([c[1] for c in crops]))
        loss = loss_of(network, frames, share, rng)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        said("training", step + 1, steps, float(loss.detach()))
    output.parent.mkdir(parents=True, exist_ok=True)
    network = network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, str(output))


def loss_of(network: SmallNetwork, frames: torch.Tensor, share: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Cross-entropy of the log odds with the shares, plus which caption fits best where one thing leads."""
    texts = network.encode_texts([caption(index, rng) for index in range(len(NAMES))])
    logits = network.scale * network.encode_frames(frames) @ texts.T + network.bias
    target = (share / ENOUGH).clamp(max=1.0)
    binary = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
    best = torch.nn.functional.cross_entropy(logits, share / share.sum(1, keepdim=True).clamp(min=1e-6))
    return binary * 5.0 + 0.3 * best
