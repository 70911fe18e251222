"""A flat world and ways to act in it, for checks against values worked out by hand."""

import numpy as np
import pytest

from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.actions import Actions
from papergym.envs.mine.voxel import blocks
from papergym.envs.mine.voxel.world import World

_WORLD: list[World] = []  # one grid serves all tests: making it anew costs a whole generation
FLOOR = 63


class Arena:
    """A world whose highest blocks are at height 63, the player standing at (0.5, 64, 0.5) and looking along +z."""

    def __init__(self) -> None:
        if not _WORLD:
            _WORLD.append(World(allow_mob_spawn=False))
        self.world, self.actions = _WORLD[0], Actions()
        self.world.reset(np.random.default_rng(0))
        self.world.break_speed_multiplier, self.world.allow_mob_spawn = 1.0, False
        self.world.grid.flat(FLOOR)
        self.world.put_player(0.5, 64.0, 0.5, 0.0, 0.0)
        self.tick(2)  # comes to rest on the ground

    def tick(self, times: int = 1, **change):
        act = self.actions.decode(self.actions.no_op)._replace(**change)
        for _ in range(times):
            self.world.tick(act)

    def give(self, item: str, slot: int = 0, quantity: int = 1, variant: int = 0):
        self.world.inventory.set(slot, vocab.item_id(item), quantity, variant)

    def put(self, block: str, x: int, y: int, z: int):
        self.world.set_block(x, y, z, blocks.ID[block])

    def count(self, item: str) -> int:
        return self.world.inventory.count(vocab.item_id(item))


@pytest.fixture
def arena():
    return Arena()
