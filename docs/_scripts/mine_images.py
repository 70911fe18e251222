"""Images of the embedded world for the docs: biomes, the tasks' goals, night, cave, under water, and a video per task.

python docs/_scripts/mine_images.py             # docs/_static/mine/*.png
python docs/_scripts/mine_images.py --videos    # also one mp4 per task: the last seconds of the scripted player
"""

import argparse
from collections import deque
from pathlib import Path

import cv2
import gymnasium as gym
import imageio.v2 as imageio
import numpy as np

import papergym  # noqa: F401  # registers the ids
from papergym.envs.mine import tasks
from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.players.paths import beside
from papergym.envs.mine.players.scripts import script
from papergym.envs.mine.voxel import blocks, terrain
from papergym.envs.mine.voxel.painter import Painter
from papergym.envs.mine.voxel.start import terrain_kind
from papergym.envs.mine.voxel.world import World
from papergym.wrappers.mine import ACTIONS

FOLDER = Path(__file__).parents[1] / "_static" / "mine"
SIZE = (160, 256)
SEEDS = 10
SECONDS = 12


def best_view(
    world: World, painter: Painter, wanted: str, rng: np.random.Generator, cells: np.ndarray, share: float = 0.1
) -> np.ndarray:
    """The image, of 60 poses at ``cells`` (n, 3), whose middle shows about ``share`` of ``wanted`` and is most varied."""
    best, image = -9.0, np.zeros((3, *SIZE), np.uint8)
    for _ in range(60):
        x, z, y = cells[rng.integers(len(cells))]
        world.put_player(x + 0.5, float(y), z + 0.5, float(rng.uniform(-180, 180)), float(rng.uniform(-5, 25)))
        rgb = painter.paint(world)
        seen = (painter.segmentation()["block"][20:140, 30:226] == blocks.CONTRACT[blocks.ID[wanted]]).mean()
        score = min(rgb.std() / 200.0, 0.2) - 2.0 * abs(seen - share)
        if score > best:
            best, image = score, rgb.copy()
    return image


def standing(world: World) -> np.ndarray:
    """(n, 3) cells [x, z, y] on the surface."""
    x, z = np.mgrid[0 : terrain.SIZE, 0 : terrain.SIZE].reshape(2, -1)
    return np.stack([x, z, world.grid.roof[x, z].astype(int)], axis=1)


def caves(world: World) -> np.ndarray:
    """(n, 3) cells in caves from which iron is one step away."""
    grid = world.grid.blocks
    free = grid == blocks.AIR
    room = free & np.roll(free, -1, 2) & ~np.roll(free, 1, 2)
    near = np.argwhere(room & beside(beside(grid == blocks.ID["iron_ore"], 0, 2), 0, 0))
    return near[(near[:, 2] > 30) & (near[:, 2] < 58)]


def save(name: str, rgb: np.ndarray) -> None:
    """Write a (3, H, W) image."""
    cv2.imwrite(str(FOLDER / f"{name}.png"), rgb.transpose(1, 2, 0)[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])


def biomes() -> None:
    """One image per biome, at noon."""
    looks = {"plains": ("log", 0.05), "forest": ("log", 0.1), "desert": ("cactus", 0.05)}
    looks |= {"extreme_hills": ("stone", 0.25), "ocean": ("water", 0.5), "beach": ("water", 0.2)}
    for biome, (wanted, share) in looks.items():
        world, painter, rng = World(), Painter(SIZE), np.random.default_rng(5)
        world.reset(rng, terrain_kind(biome))
        world.time = 6000
        save(f"biome-{biome}", best_view(world, painter, wanted, rng, standing(world), share))
    river()


def river() -> None:
    """Rivers run only through worlds of mixed biomes: seen from the land within six columns of one."""
    world, painter, rng = World(), Painter(SIZE), np.random.default_rng(5)
    world.reset(rng, terrain.MIXED)
    world.time = 6000
    water = (world.grid.biome == terrain.RIVER).astype(np.uint8)
    banks = (cv2.dilate(water, np.ones((13, 13), np.uint8)) > 0) & ~np.isin(world.grid.biome, (terrain.RIVER, terrain.OCEAN))
    cells = standing(world)
    save("biome-river", best_view(world, painter, "water", rng, cells[banks[cells[:, 0], cells[:, 1]]], 0.25))


def moods() -> None:
    """Night, a cave with ore, under water."""
    world, painter, rng = World(), Painter(SIZE), np.random.default_rng(7)
    world.reset(rng, terrain_kind("forest"))
    world.time = 18000
    save("night", best_view(world, painter, "log", rng, standing(world)))
    world.time = 6000
    save("cave", best_view(world, painter, "iron_ore", rng, caves(world)))
    world.reset(rng, terrain_kind("ocean"))
    world.time = 6000
    cells = standing(world)
    cells[:, 2] = terrain.SEA - 3
    deep = world.grid.blocks[cells[:, 0], cells[:, 1], terrain.SEA - 6] == blocks.WATER
    save("under-water", best_view(world, painter, "gravel", rng, cells[deep]))


def goal_share(painter: Painter, goal: str) -> float:
    """Part of the last image that shows a block or an animal."""
    found = painter.segmentation()
    if goal in vocab.ENTITIES:
        return float((found["entity"] == vocab.ENTITY_ID[goal]).mean())
    return float((found["block"] == vocab.BLOCK_ID[goal]).mean())


def played(key: str, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """The scripted player's last seconds: images (H, W, 3), and how much of each shows the goal, at least in dim light."""
    facts = tasks.FACTS["lsimagine"][key]
    goal = {"water_bucket": "water", "wool": "sheep"}.get(facts["target"]) or facts["target"]
    env = gym.make(f"LSImagine-{facts['name']}-v0", image_size=8, size=(8, 8))
    env.reset(seed=seed)
    world = env.unwrapped.world  # type: ignore[attr-defined]
    painter, player, done = Painter(SIZE), script(key, world, seed), False
    frames: deque[np.ndarray] = deque(maxlen=20 * SECONDS)
    shares: deque[float] = deque(maxlen=20 * SECONDS)
    while not done:
        _, _, terminated, truncated, _ = env.step(ACTIONS.index(player.act()))
        done = terminated or truncated
        frames.append(painter.paint(world).transpose(1, 2, 0).copy())
        shares.append(goal_share(painter, goal) * float(frames[-1].mean() > 60))
    return list(frames), np.array(shares)


def goals(videos: bool) -> None:
    """For each task the view in which its goal shows best, and on request a video, of the seed that shows the goal longest."""
    for key, facts in tasks.FACTS["lsimagine"].items():
        frames, shares = max((played(key, seed) for seed in range(SEEDS)), key=lambda found: np.mean(found[1].clip(0, 0.15)))
        save(f"task-{facts['name']}", frames[int(np.argmin(np.abs(shares - 0.15)))].transpose(2, 0, 1))
        if videos:
            film(FOLDER / f"{facts['name']}.mp4", frames)


def film(path: Path, frames: list[np.ndarray]) -> None:
    """Write the last seconds at 10 of the 20 frames a second, and hold the last image for a second."""
    shown = frames[-20 * SECONDS :: 2]
    imageio.mimwrite(path, [*shown, *[frames[-1]] * 10], fps=10, macro_block_size=16, output_params=["-crf", "27"])


def sheet() -> None:
    """All images on one page."""
    images = [
        np.asarray(cv2.imread(str(path)))
        for path in [*sorted(FOLDER.glob("*-*.png")), FOLDER / "night.png", FOLDER / "cave.png"]
    ]
    images += [np.full_like(images[0], 255)] * (-len(images) % 4)
    rows = [np.concatenate(images[i : i + 4], axis=1) for i in range(0, len(images), 4)]
    page = np.concatenate(rows)
    cv2.imwrite(str(FOLDER / "sheet.png"), page, [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", action="store_true", help="also mp4 files")
    arguments = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    biomes()
    moods()
    goals(arguments.videos)
    sheet()
