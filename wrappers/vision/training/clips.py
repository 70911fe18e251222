"""Clips of scripted and random players in the voxel world, 16 frames each, with what the last frame shows."""

from collections.abc import Iterator

import numpy as np

from papergym.envs.mine.players.scripts import script
from papergym.envs.mine.voxel.env import VoxelMineEnv
from papergym.envs.mine.voxel.world import World
from papergym.wrappers.mine import ACTIONS, LSImagineActions
from papergym.wrappers.vision.concepts import GOALS, concept_map
from papergym.wrappers.vision.scorer import FRAMES
from papergym.wrappers.vision.training.pictures import SIZE

Frame = tuple[np.ndarray, np.ndarray]
PER_EPISODE = 10


def walk(task: str, seed: int, policy: str, limit: int) -> Iterator[tuple[np.ndarray, np.ndarray, World]]:
    """One episode: (3, H, W) uint8 frames, (H, W) uint8 concepts, and the world as it then is; the first frame included.

    Args:
        task: one of LS-Imagine's five.
        seed: of the world and the player.
        policy: ``"script"`` goes to the task's goal, ``"random"`` acts at random.
        limit: steps at most; the episode's end ends it too.
    """
    world = VoxelMineEnv(task, image_size=SIZE, cam_interval=10, segmentation=True)
    env, rng = LSImagineActions(world), np.random.default_rng(seed)
    _, info = env.reset(seed=seed)
    player = script(task, world.world, seed)
    for _ in range(limit + 1):
        yield world.painter.paint(world.world).copy(), concept_map(info["segmentation"]), world.world
        action = int(rng.integers(len(ACTIONS))) if policy == "random" else ACTIONS.index(player.act())
        _, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            return


def clips(count: int, seed: int) -> Iterator[list[Frame]]:
    """``count`` clips of players: of three episodes two are scripted; at most ten from an episode, the tasks in turn."""
    given, episode = 0, 0
    while given < count:
        task = list(GOALS)[episode % len(GOALS)]
        frames: list[Frame] = []
        policy = "random" if episode % 3 == 2 else "script"
        for rgb, labels, _ in walk(task, 1000 * seed + episode, policy, PER_EPISODE * FRAMES - 1):
            frames.append((rgb, labels))
            if len(frames) == FRAMES and given < count:
                yield frames
                frames, given = [], given + 1
        episode += 1
