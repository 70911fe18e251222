"""Draws docs/_static/clips, moving images of families, dm_control domains and MuJoCo v4 tasks, and readme.gif.

python docs/_scripts/clips.py [PREFIX ...]   # only clips whose name begins with one of them, for example "toys dmc/walker"

Actions are random, from seed 0, and change slowly, so that bodies move visibly. In the voxel world a player walks on and turns.
The clips of LS-Imagine are the ends of the scripted players' videos, which mine_images.py makes.
"""

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import imageio.v3 as iio
import numpy as np
from images import shrink
from PIL import Image

import papergym  # noqa: F401  # registers the ids
from papergym.wrappers.rows import rows

STATIC = Path(__file__).resolve().parents[1] / "_static"
FOLDER = STATIC / "clips"
FRAMES, MILLISECONDS = 40, 80
PANELS = {"mujoco": (160, 160), "football": (240, 180), "mine": (240, 150), "ls-imagine": (240, 150)}
"""Width and height of one environment in a family's clip, (160, 120) elsewhere."""

FAMILIES = {
    "protorl": [f"ProtoRL-{name}-v0" for name in ("WalkerRun", "QuadrupedRun", "CheetahRun", "HopperHop", "CartpoleSwingup")]
    + ["ProtoRL-JacoReachTopLeft-v0"],
    "dmc": [
        f"DMC-{name}-v0" for name in ("DogRun", "HumanoidRun", "FishSwim", "FingerSpin", "StackerStack4", "SwimmerSwimmer15")
    ],
    "mujoco": [f"Pixel-{name}-v4" for name in ("Ant", "HalfCheetah", "Hopper", "Humanoid", "Swimmer", "Walker2d")],
    "toys": ["TT-FourRooms-v0", "DT-KeyToDoor-v0", "DT-ShortestPath-v0", "PER-BlindCliffwalk-v0", "SQL-MultiGoal-v0"],
    "football": ["Football-2v2-v0", "Football-Shoot-v0"],
    "mine": [
        *("Mine-HarvestSand-v0", "Mine-CombatZombiePlainsIronArmorsIronSwordShield-v0", "Mine-CombatSheepPlainsBarehand-v0"),
        "Mine-HarvestWaterWithBucket-v0",
    ],
    "ls-imagine": ["HarvestLogInPlains", "HarvestWaterWithBucket", "MineIronOre", "ShearSheep"],
}
"""Clip of a family -> what is in it, side by side."""

README = ("ProtoRL-WalkerRun-v0", "DMC-DogRun-v0", "Pixel-Ant-v4", "ShearSheep", "Football-2v2-v0", "TT-FourRooms-v0")

Policy = Callable[[np.random.Generator], Any]


def slow(space: gym.Space) -> Policy:
    """Random actions: those of a Box follow an autoregressive process with a standard deviation of 0.7."""
    if not isinstance(space, gym.spaces.Box):
        space.seed(0)
        return lambda rng: space.sample()
    state = np.zeros(space.shape)

    def act(rng: np.random.Generator) -> np.ndarray:
        state[:] = 0.9 * state + 0.3 * rng.normal(size=state.shape)
        return np.clip(state, space.low, space.high).astype(space.dtype)

    return act


def walk(space: gym.Space) -> Policy:
    """In MineDojo's actions: forward, now and then a jump and a turn by one bin of the camera."""
    assert isinstance(space, gym.spaces.MultiDiscrete)
    still = int(space.nvec[3] - 1) // 2

    def act(rng: np.random.Generator) -> np.ndarray:
        action = np.zeros(len(space.nvec), space.dtype)
        action[0], action[3], action[4] = 1, still, still + (rng.random() < 0.3)
        action[2] = rng.random() < 0.1
        return action

    return act


def cliffwalk(env: gym.Env) -> Policy:
    """The right action, which alternates, but for one step in six."""
    world: Any = env.unwrapped
    return lambda rng: int(world.right_action(world.position)) ^ int(rng.random() < 1 / 6)


def frames(env_id: str, count: int = FRAMES) -> Iterator[np.ndarray]:
    """``count`` (H, W, 3) uint8 images."""
    mine = env_id.startswith("Mine-")
    env = gym.make(env_id, render_mode="rgb_array", **({"cam_interval": 5} if mine else {}))
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    act = walk(env.action_space) if mine else slow(env.action_space)
    act = cliffwalk(env) if env_id.startswith("PER-") else act
    for _ in range(count):
        yield np.asarray(env.render())
        *_, terminated, truncated, _ = env.step(act(rng))
        if terminated or truncated:
            env.reset()
    env.close()


def video(name: str, count: int = FRAMES) -> list[np.ndarray]:
    """The last images of a scripted player's video, and the last one held."""
    images = list(iio.imiter(STATIC / "mine" / f"{name}.mp4"))
    return images[-count:]


def fit(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The image in a panel of ``size`` (width, height), its aspect kept, on white."""
    width, height = size
    scale = min(width / image.shape[1], height / image.shape[0])
    small = shrink(image, round(image.shape[1] * scale), round(image.shape[0] * scale))
    panel = np.full((height, width, 3), 255, np.uint8)
    top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    panel[top : top + small.shape[0], left : left + small.shape[1]] = small
    return panel


def grid(names: Sequence[str], size: tuple[int, int]) -> list[np.ndarray]:
    """Environments and videos moving side by side, two or three in a row."""
    columns = [[fit(image, size) for image in (frames(name) if "-" in name else video(name))] for name in names]
    across = 2 if len(columns) in (2, 4) else 3
    blank = np.full_like(columns[0][0], 255)
    moments = [[*moment, *[blank] * (-len(moment) % across)] for moment in zip(*columns)]
    return [np.vstack([np.hstack(row[i : i + across]) for i in range(0, len(row), across)]) for row in moments]


def pages() -> dict[str, str]:
    """Clip of a page below a family's -> the id that it shows."""
    found = {}
    for row in rows():
        if row.family == "dmc":
            found.setdefault(f"dmc/{row.kwargs['domain'].replace('_', '-')}", row.id)
        elif row.family == "mujoco" and not row.unavailable:
            found[f"mujoco/{row.kwargs['task'].lower()}"] = row.id
    return found


def write(name: str, images: list[np.ndarray], quality: int = 60) -> None:
    """Write an animated WebP that repeats."""
    path = FOLDER / f"{name}.webp"
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *rest = [Image.fromarray(image) for image in images]
    first.save(path, save_all=True, append_images=rest, duration=MILLISECONDS, loop=0, quality=quality, method=4)
    print(f"{path.relative_to(STATIC)}: {path.stat().st_size / 1e3:.0f} kB", flush=True)


def main(prefixes: list[str]) -> None:
    """Draw all clips, or those of the prefixes."""
    wanted = tuple(prefixes) or ("",)
    for name in FAMILIES:
        if name.startswith(wanted):
            write(name, grid(FAMILIES[name], PANELS.get(name, (160, 120))))
    if "readme".startswith(wanted):
        iio.imwrite(STATIC / "readme.gif", grid(README, (160, 120)), duration=MILLISECONDS, loop=0)
    for name, env_id in pages().items():
        if name.startswith(wanted):
            write(name, [shrink(image, 240) for image in frames(env_id, 30)])


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    gym.logger.min_level = gym.logger.ERROR
    main(sys.argv[1:])
