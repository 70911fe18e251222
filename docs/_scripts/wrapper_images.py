"""Draws docs/_static/wrappers/<Wrapper>.png for the wrappers that change pixels.

python docs/_scripts/wrapper_images.py [mine]   # "mine" for those of the voxel world alone
"""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import gymnasium as gym
import numpy as np
from mine_images import goal_share

import papergym  # noqa: F401  # registers the ids
from papergym.envs.mine import make
from papergym.envs.mine.voxel.painter import Painter
from papergym.wrappers import AffordanceObservation, LSImagineActions, LSImagineObservation
from papergym.wrappers.mine import ACTIONS
from papergym.wrappers.vision import AffordanceUNet, JumpFlag, RemoveHUD, ResizeMaps, SmallScorer

FOLDER = Path(__file__).resolve().parents[1] / "_static" / "wrappers"
HEIGHT = 160
SEED = 0
TASK, PROMPT, TASK_SEED = "shear_sheep", "Obtain wool", 8  # of seeds 0 to 11 the one with a sheep near the start


def row(name: str, images: Sequence[np.ndarray]) -> None:
    """Write (H, W, 3) or (H, W) uint8 images side by side, each ``HEIGHT`` pixels high, with a white line between them."""
    shown = []
    for image in images:
        colour = cv2.applyColorMap(image, cv2.COLORMAP_INFERNO) if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        size = (round(image.shape[1] * HEIGHT / image.shape[0]), HEIGHT)
        shown += [cv2.resize(colour, size, interpolation=cv2.INTER_NEAREST), np.full((HEIGHT, 6, 3), 255, np.uint8)]
    path = FOLDER / f"{name}.png"
    cv2.imwrite(str(path), np.hstack(shown[:-1]), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB", flush=True)


def heat(values: np.ndarray) -> np.ndarray:
    """A (1, H, W) map of 0 to 1 as uint8."""
    return (255 * values[0] / max(float(values.max()), 1e-6)).astype(np.uint8)


def last(pixels: np.ndarray) -> np.ndarray:
    """The newest image, (H, W, 3), of a (3 n, H, W) stack."""
    return pixels[-3:].transpose(1, 2, 0)


def stacks() -> None:
    """FrameStack and PixelBatch, on dm_control."""
    env = gym.make("ProtoRL-CheetahRun-v0")
    env.action_space.seed(SEED)
    observation, _ = env.reset(seed=SEED)
    for _ in range(5):
        observation, *_ = env.step(env.action_space.sample())
    row("FrameStack", [observation[3 * i : 3 * i + 3].transpose(1, 2, 0) for i in range(3)])
    env.close()
    envs = gym.make_vec("ProtoRL-CheetahRun-v0", num_envs=4)
    envs.action_space.seed(SEED)
    observations, _ = envs.reset(seed=SEED)
    for _ in range(15):
        observations, *_ = envs.step(envs.action_space.sample())
    row("PixelBatch", [last(pixels) for pixels in observations])
    envs.close()


def mine() -> None:
    """The wrappers of the voxel world, where the sheep fills most of the image while the player turns around."""
    maps, painter = AffordanceUNet(SmallScorer()), Painter((HEIGHT, 256))
    env = AffordanceObservation(LSImagineActions(make(TASK, cam_interval=10)), maps, PROMPT, JumpFlag())
    shown, _ = env.reset(seed=TASK_SEED)
    most = 0.0
    for _ in range(36):
        observation, *_ = env.step(ACTIONS.index("turn_left"))
        painter.paint(env.get_wrapper_attr("world"))
        if (share := goal_share(painter, "sheep")) > most:
            most, shown = share, observation
    print(f"the sheep fills {most:.1%}")
    small = ResizeMaps(env, (64, 64), ("affordance", "zoomed", "zoomed_affordance")).observation(shown)
    image = LSImagineObservation(env).observation(shown)
    row("AffordanceObservation", [last(shown["rgb"]), heat(shown["affordance"])])
    row("ResizeMaps", [heat(shown["affordance"]), heat(small["affordance"])])
    row("LSImagineObservation", [last(shown["rgb"]), image])
    row("RemoveHUD", [last(shown["rgb"]), last(RemoveHUD(env).observation(shown)["rgb"])])
    row("LSImagine", [image, heat(small["affordance"]), last(small["zoomed"]), heat(small["zoomed_affordance"])])
    env.close()


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    if "mine" not in sys.argv:
        stacks()
    mine()
