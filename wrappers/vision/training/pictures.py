"""Pictures of the voxel world with the concept of every pixel, from poses that look at things, rare ones included."""

from collections.abc import Iterator, Sequence

import numpy as np

from papergym.envs.mine.voxel import blocks, mobs
from papergym.envs.mine.voxel.env import VoxelMineEnv
from papergym.envs.mine.voxel.physics import EYE_HEIGHT, YAW, X, Y, Z
from papergym.envs.mine.voxel.terrain import HEIGHT, WRAP
from papergym.wrappers.vision.concepts import CONCEPTS, NAMES, concept_map

SIZE, PER_WORLD = (160, 256), 10
_BIOMES = (None, "plains", "forest", "desert", "extreme_hills", None, "plains", "beach")
_ANIMALS = ("sheep", "cow", "pig", "chicken")
_ORES = ("iron_ore", "coal_ore", "gold_ore")


class Photographer:
    """Takes pictures of one voxel world after another.

    Args:
        seed: of the first world and of every choice.
        size: (H, W) of the pictures.
        first: number of the first world, which decides its biome.
    """

    def __init__(self, seed: int | Sequence[int], size: tuple[int, int] = SIZE, first: int = 0) -> None:
        self.rng, self._size, self._worlds = np.random.default_rng(seed), size, first
        self.new_world()

    def new_world(self) -> None:
        """Make the next world, with animals about and some ore in the open rock."""
        rng, self._worlds = self.rng, self._worlds + 1
        biome = _BIOMES[self._worlds % len(_BIOMES)]
        self.env = VoxelMineEnv("open-ended", image_size=self._size, segmentation=True, specified_biome=biome)
        self.env.reset(seed=int(rng.integers(2**31)))
        world = self.env.world
        world.time = int(rng.integers(1000, 11000))
        self._surface = self._open_cells()
        rock = self._surface.get(blocks.STONE, np.zeros((0, 3), int))
        for cell in rock[rng.permutation(len(rock))[:60]]:
            self._vein(cell, _ORES[int(rng.integers(len(_ORES)))])
        self._surface = self._open_cells()

    def _vein(self, cell: np.ndarray, ore: str) -> None:
        grid = self.env.world.grid
        for offset in self.rng.integers(-1, 2, (6, 3)):
            x, z, y = cell + offset
            if 1 <= y < HEIGHT and grid.blocks[x & WRAP, z & WRAP, y] == blocks.STONE:
                grid.blocks[x & WRAP, z & WRAP, y] = blocks.ID[ore]

    def _open_cells(self) -> dict[int, np.ndarray]:
        """(n, 3) cells [x, z, y] of each block that touch air."""
        grid = self.env.world.grid.blocks
        air = grid == blocks.AIR
        near = np.zeros_like(air)
        for axis in (0, 1):
            near |= np.roll(air, 1, axis) | np.roll(air, -1, axis)
        near[:, :, :-1] |= air[:, :, 1:]
        near &= ~air
        cells = np.argwhere(near)
        kinds = grid[near]
        return {int(kind): cells[kinds == kind] for kind in np.unique(kinds)}

    def look_at(self, concept: str) -> tuple[np.ndarray, np.ndarray] | None:
        """A picture with ``concept`` somewhere in view, or None where this world shows none."""
        entry = CONCEPTS[NAMES.index(concept)]
        for _ in range(12):
            if entry.entities:
                self._place(0)
                self._animals(entry.entities[0])
            else:
                keys = [block for block in self._surface if blocks.NAME[block] in entry.blocks]
                if not keys:
                    return None
                cells = self._surface[keys[int(self.rng.integers(len(keys)))]]
                if not self._aim(cells[int(self.rng.integers(len(cells)))]):
                    continue
            rgb, labels = self._shoot()
            if 0.004 <= (labels == NAMES.index(concept)).mean() <= 0.5:
                return rgb, labels
        return None

    def anywhere(self) -> tuple[np.ndarray, np.ndarray]:
        """A picture from a random place on the ground, as a random player sees it."""
        self._place(int(self.rng.integers(3)))
        return self._shoot()

    def _shoot(self) -> tuple[np.ndarray, np.ndarray]:
        painter = self.env.painter
        rgb = painter.paint(self.env.world).copy()
        return rgb, concept_map(painter.segmentation())

    def _place(self, animals: int) -> None:
        world, rng = self.env.world, self.rng
        self.env.command("random_teleport")
        world.mob_count = 0
        x, y, z = world.body[[X, Y, Z]].tolist()
        world.put_player(x, y, z, float(rng.uniform(-180, 180)), float(rng.normal(8, 18)))
        for _ in range(animals):
            self._animals(_ANIMALS[int(rng.integers(4))])

    def _animals(self, kind: str) -> None:
        """Put one animal of a kind before the player, a sheep in any of its colours with equal chance."""
        world, rng = self.env.world, self.rng
        angle = np.radians(world.yaw + rng.uniform(-35, 35))
        far = 1.5 + 12 * rng.random() ** 1.5
        x, z = world.body[X] - np.sin(angle) * far, world.body[Z] + np.cos(angle) * far
        y = float(world.grid.roof[int(np.floor(x)) & WRAP, int(np.floor(z)) & WRAP])
        row = world.mobs[world.mob_count]
        mobs.new_mob(world.streams["mobs"], row, mobs.KINDS.index(kind), float(x), y, float(z))
        if kind == "sheep":
            row[mobs.COLOUR] = rng.choice([0, 0, 6, 7, 8, 12, 15])
        row[YAW] = rng.uniform(-180, 180)
        world.mob_count += 1

    def _aim(self, cell: np.ndarray) -> bool:
        """Look towards a cell [x, z, y] from a free place near it."""
        world, rng = self.env.world, self.rng
        x, z, y = cell + 0.5
        angle, far = rng.uniform(0, 2 * np.pi), 1.6 + 14 * rng.random() ** 1.7
        ex, ez = x + far * np.cos(angle), z + far * np.sin(angle)
        top = float(world.grid.roof[int(np.floor(ex)) & WRAP, int(np.floor(ez)) & WRAP])
        ey = top + EYE_HEIGHT if top + EYE_HEIGHT - y < far + 2 and rng.random() < 0.7 else y + rng.uniform(-0.5, 2.0)
        if not 1 <= ey < HEIGHT or world.grid[int(np.floor(ex)), int(np.floor(ey)), int(np.floor(ez))] != blocks.AIR:
            return False
        yaw = np.degrees(np.arctan2(-(x - ex), z - ez)) + rng.normal(0, 18)
        pitch = np.degrees(np.arctan2(ey - y, np.hypot(x - ex, z - ez))) + rng.normal(0, 10)
        world.mob_count = 0
        world.put_player(float(ex), float(ey - EYE_HEIGHT), float(ez), float(yaw), float(np.clip(pitch, -70, 70)))
        if rng.random() < 0.15:
            self._animals(_ANIMALS[int(rng.integers(4))])
        return True


def pictures(count: int, seed: int, start: int = 0) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Pictures as (number, (3, H, W) uint8, (H, W) uint8 concepts): three of four look at a concept, goals more often.

    Every ten pictures have a world and a generator of their own, which ``seed`` and their number decide: a second call need
    not draw what an earlier one has.

    Args:
        count: pictures in all.
        seed: of worlds and poses.
        start: the first number that is needed; the rest of its world is drawn too.
    """
    order = [*NAMES[:5], *NAMES[:5], *NAMES[:20]]
    for world in range(start // PER_WORLD, -(-count // PER_WORLD)):
        photographer = Photographer([seed, world], first=world)
        for number in range(PER_WORLD * world, min(PER_WORLD * (world + 1), count)):
            wanted = order[int(photographer.rng.integers(len(order)))]
            taken = photographer.look_at(wanted) if photographer.rng.random() < 0.75 else None
            yield number, *(taken or photographer.anywhere())
