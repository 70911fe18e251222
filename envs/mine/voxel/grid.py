"""The grid of blocks with everything that is computed from it: light, open sky, and height of the land."""

import numpy as np

from papergym.envs.mine.voxel import blocks, caves, crosses, light, plants, room, terrain
from papergym.envs.mine.voxel.terrain import HEIGHT, SIZE, WRAP


class Grid:
    """A world of blocks.

    Attributes:
        blocks: (SIZE, SIZE, HEIGHT) uint8, indexed [x, z, y]; ids of :mod:`.blocks`.
        light: same shape; see :mod:`.light`.
        biome: (SIZE, SIZE) uint8, contract biome ids.
        roof: (SIZE, SIZE) uint8, lowest cell of the column under the open sky.
        room: 1-D uint8, boxes that rays can leap; see :mod:`.room`.
        flat_room: shape of blocks, boxes as high as their cell.
        plants: where they are; see :class:`.crosses.Index`.
        ceiling: no cell above it is filled.
    """

    def __init__(self) -> None:
        self.blocks = np.zeros((SIZE, SIZE, HEIGHT), np.uint8)
        self.light = np.zeros((SIZE, SIZE, HEIGHT), np.uint8)
        self.biome = np.zeros((SIZE, SIZE), np.uint8)
        self.roof = np.zeros((SIZE, SIZE), np.uint8)
        (self.room, self.flat_room), self.plants, self.ceiling = room.empty(), crosses.empty(), 0

    def generate(self, seed: int, kind: int = terrain.MIXED) -> None:
        """Make a new world; ``kind`` is one of the biome ids of ``terrain.BIOME_NAMES``, or MIXED."""
        stream = np.array([seed], np.uint64)
        top = np.empty((SIZE, SIZE), np.uint8)
        perm = terrain.fill(stream, kind, self.blocks, self.biome, top)
        caves.carve(perm, self.blocks, top)
        caves.settle(self.blocks, top)
        caves.ores(stream, self.blocks, caves.VEINS)
        plants.plant(stream, self.blocks, self.biome, top)
        self._derive()

    def flat(self, ground: int = 63, block: int = blocks.GRASS) -> None:
        """A plane whose highest cells are at ``ground``: one layer of ``block`` on stone."""
        self.blocks[:] = blocks.AIR
        self.blocks[:, :, :ground] = blocks.STONE
        self.blocks[:, :, 0] = blocks.BEDROCK
        self.blocks[:, :, ground] = block
        self.biome[:] = terrain.PLAINS
        self._derive()

    def _derive(self) -> None:
        light.shine(self.blocks, self.light, self.roof, light.queue())
        self._measure()

    def _measure(self) -> None:
        """What only images need."""
        self.ceiling = int(room.fit_all(self.blocks, self.room, self.flat_room, *room.work()))
        crosses.find_all(self.blocks, self.plants)

    def __getitem__(self, cell: tuple[int, int, int]) -> int:
        """Block at (x, y, z); air above the world, bedrock below it."""
        x, y, z = cell
        if y >= HEIGHT:
            return blocks.AIR
        return int(self.blocks[x & WRAP, z & WRAP, y]) if y >= 0 else blocks.BEDROCK

    def __setitem__(self, cell: tuple[int, int, int], block: int) -> None:
        """Change the block at (x, y, z).

        Raises:
            ValueError: y is outside the world.
        """
        x, y, z = cell
        if not 0 <= y < HEIGHT:
            raise ValueError(f"blocks can be set at heights 0 to {HEIGHT - 1}, got y={y}")
        x, z = x & WRAP, z & WRAP
        old = int(self.blocks[x, z, y])
        self.blocks[x, z, y] = block
        room.fit_near(self.blocks, self.room, self.flat_room, x, z, y, *room.work())
        crosses.find_near(self.blocks, self.plants, x, z)
        if block != blocks.AIR:
            self.ceiling = max(self.ceiling, y)
        if blocks.DIMS[block] <= blocks.DIMS[old] and not blocks.GLOWS[block] and not blocks.GLOWS[old]:
            light.brighten(self.blocks, self.light, self.roof, light.queue(), x, z, y)
        else:
            light.relight(self.blocks, self.light, self.roof, light.queue(), x, z, y)

    def get_state(self) -> dict[str, np.ndarray]:
        """Copies of the arrays that cannot be computed from others."""
        return {"blocks": self.blocks.copy(), "biome": self.biome.copy(), "light": self.light.copy(), "roof": self.roof.copy()}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Restore what :meth:`get_state` returned."""
        for key in ("blocks", "biome", "light", "roof"):
            getattr(self, key)[...] = state[key]
        self._measure()
