"""Draws docs/_static/envs: an image of every id after some random steps.

python docs/_scripts/images.py [PREFIX]   # only ids that begin with PREFIX
"""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import gymnasium as gym
import numpy as np

import papergym  # noqa: F401  (registers the ids)
from papergym.wrappers.rows import rows

STATIC = Path(__file__).resolve().parents[1] / "_static"
WIDTH = 160


def image_name(env_id: str) -> str:
    """File stem of an id's image; the state and pixel ids of one dm_control task share theirs."""
    family, _, rest = env_id.partition("-")
    return rest if family in ("ProtoRL", "DMC") else env_id


def frames(env_id: str, count: int, seed: int = 0) -> Iterator[np.ndarray]:
    """``count`` (H, W, 3) uint8 images of a random policy."""
    env = gym.make(env_id, render_mode="rgb_array")
    env.reset(seed=seed)
    env.action_space.seed(seed)
    for _ in range(count):
        yield np.asarray(env.render())
        *_, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()
    env.close()


def shrink(frame: np.ndarray, width: int = WIDTH, height: int | None = None) -> np.ndarray:
    """Area-averaged to ``width`` pixels, keeping the aspect unless ``height`` is given."""
    height = height or round(frame.shape[0] * width / frame.shape[1])
    small = width <= frame.shape[1]
    return cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA if small else cv2.INTER_NEAREST)


def gallery(prefix: str) -> None:
    """One JPEG per id."""
    done = set()
    for row in rows():
        name = image_name(row.id)
        if not row.id.startswith(prefix) or row.unavailable or name in done:
            continue
        done.add(name)
        looks_ahead = row.id.startswith(("Mine-", "LSImagine-"))  # random turns soon end facing the ground
        *_, last = frames(row.id, 1 if looks_ahead else 25)
        path = STATIC / "envs" / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), cv2.cvtColor(shrink(last), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
        print(path.name, flush=True)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    gym.logger.min_level = gym.logger.ERROR
    gallery(sys.argv[1] if len(sys.argv) > 1 else "")
