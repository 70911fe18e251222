"""A player for each task of LS-Imagine: find the nearest goal, go there, act, and pick up what falls."""

from collections.abc import Callable

import numpy as np

from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.players.paths import beside
from papergym.envs.mine.players.pilot import Pilot
from papergym.envs.mine.voxel import blocks, drops, hands, mobs
from papergym.envs.mine.voxel.physics import X, Y, Z
from papergym.envs.mine.voxel.terrain import HEIGHT, SIZE, WRAP
from papergym.envs.mine.voxel.world import World


class Script:
    """Base of the players: collects items of one kind, and otherwise does ``work``.

    Args:
        world: the world of an environment (``env.unwrapped.world``).
        item: name of the item that is wanted.
        seed: for getting unstuck.
    """

    def __init__(self, world: World, item: str, seed: int = 0) -> None:
        self.world, self.item = world, vocab.ITEM_ID[item]
        self.pilot = Pilot(world, np.random.default_rng(seed))
        self._count = 0

    def act(self) -> str:
        """Name of the next action, one of LS-Imagine's twelve."""
        self._count += 1
        lying = self.world.drops[: self.world.drop_count]
        lying = lying[lying[:, drops.ITEM] == self.item]
        return self._collect(lying) if len(lying) else self.work()

    def work(self) -> str:
        """Next action while no wanted item lies on the ground."""
        raise NotImplementedError

    def _collect(self, lying: np.ndarray) -> str:
        goal = np.zeros((SIZE, SIZE, HEIGHT), bool)
        for row in lying:
            x, y, z = (int(np.floor(row[axis])) for axis in (X, Y, Z))
            for lift in (0, -1):
                goal[x & WRAP, z & WRAP, min(max(y + lift, 1), HEIGHT - 1)] = True
        step = self.pilot.go(goal, fresh=self._count % 20 == 0)
        row = lying[0]
        return step or self.pilot.aim((row[X], row[Y], row[Z]), level=True) or "forward"


class Miner(Script):
    """Digs for blocks of some kinds."""

    def __init__(self, world: World, item: str, wanted: tuple[str, ...], seed: int = 0) -> None:
        super().__init__(world, item, seed)
        self._wanted = [blocks.ID[name] for name in wanted]
        self._names = {blocks.NAME[block] for block in self._wanted}
        self._plan: tuple[int, np.ndarray, np.ndarray] | None = None

    def work(self) -> str:
        """Go beside the nearest wanted block and dig it out."""
        broken = sum(self.world.mined.get(name, 0) for name in self._names)
        if self._plan is None or self._plan[0] != broken:
            there = np.isin(self.world.grid.blocks, self._wanted)
            self._plan = broken, there, beside(there, -1, 2)
        _, there, goal = self._plan
        seen = self.pilot.gaze_block()
        if seen is not None and there[seen[0], seen[2], seen[1]]:
            return "attack"
        return self.pilot.go(goal) or self._dig_near(there)

    def _dig_near(self, there: np.ndarray) -> str:
        x, y, z = self.pilot.feet()
        for dx, dz in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            px, pz = (x + dx) & WRAP, (z + dz) & WRAP
            for lift in (1, 0, -1, 2):
                if 0 <= y + lift < HEIGHT and there[px, pz, y + lift]:
                    for between in range(min(lift, 1), 2):  # what hides it
                        if blocks.SOLID[self.world.grid[px, y + between, pz]]:
                            return self.pilot.dig((px, y + between, pz))
                    return self.pilot.dig((px, y + lift, pz))
        return "forward"


class Drawer(Script):
    """Fills the bucket from the nearest water."""

    def __init__(self, world: World, item: str, seed: int = 0) -> None:
        super().__init__(world, item, seed)
        self._water = world.grid.blocks == blocks.WATER
        surface = self._water.copy()
        surface[:, :, :-1] &= ~self._water[:, :, 1:]
        self._goal = beside(surface, -1, 0) | surface

    def work(self) -> str:
        """Go beside water, look into it, use the bucket."""
        seen = self.pilot.gaze_block(liquids=True)
        if seen is not None and self._water[seen[0], seen[2], seen[1]]:
            return "use"
        return self.pilot.go(self._goal) or self._look_down()

    def _look_down(self) -> str:
        x, y, z = self.pilot.feet()
        for dx, dz in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
            for lift in (0, -1):
                px, pz = (x + dx) & WRAP, (z + dz) & WRAP
                if self._water[px, pz, y + lift]:
                    return self.pilot.aim((px + 0.5, y + lift + 0.85, pz + 0.5)) or "forward"
        return "turn_down"


class Shearer(Script):
    """Shears the nearest sheep that has a fleece."""

    def work(self) -> str:
        """Follow a sheep, look at it, use the shears."""
        flock = self.world.mobs[: self.world.mob_count]
        flock = flock[(flock[:, mobs.KIND] == mobs.SHEEP) & (flock[:, mobs.SHORN] == 0)]
        if not len(flock):
            return "noop"
        body = self.world.body
        row = flock[np.argmin(((flock[:, [X, Y, Z]] - body[[X, Y, Z]]) ** 2).sum(axis=1))]
        index, _, _ = hands.gaze(self.world)
        if index >= 0 and self.world.mobs[index, mobs.KIND] == mobs.SHEEP and not self.world.mobs[index, mobs.SHORN]:
            return "use"
        if np.hypot(row[X] - body[X], row[Z] - body[Z]) < 2.2 and abs(row[Y] - body[Y]) < 2.5:
            return self.pilot.aim((row[X], row[Y] + 0.7, row[Z])) or "forward"
        goal = np.zeros((SIZE, SIZE, HEIGHT), bool)
        x, y, z = (int(np.floor(row[axis])) for axis in (X, Y, Z))
        for dx in (-1, 0, 1):
            for dz in (-1, 0, 1):
                goal[(x + dx) & WRAP, (z + dz) & WRAP, max(y - 1, 1) : y + 2] = True
        return (
            self.pilot.go(goal, fresh=self._count % 15 == 0)
            or self.pilot.aim((row[X], row[Y], row[Z]), level=True)
            or "forward"
        )


SCRIPTS: dict[str, Callable[[World, int], Script]] = {
    "harvest_log_in_plains": lambda world, seed: Miner(world, "log", ("log", "birch_log"), seed),
    "harvest_water_with_bucket": lambda world, seed: Drawer(world, "water_bucket", seed),
    "harvest_sand": lambda world, seed: Miner(world, "sand", ("sand",), seed),
    "mine_iron_ore": lambda world, seed: Miner(world, "iron_ore", ("iron_ore",), seed),
    "shear_sheep": lambda world, seed: Shearer(world, "wool", seed),
}
"""Task id -> player."""


def script(task_id: str, world: World, seed: int = 0) -> Script:
    """The player of a task.

    Raises:
        KeyError: no player knows the task.
    """
    if task_id not in SCRIPTS:
        raise KeyError(f"no scripted player for {task_id!r}; there is one for: {', '.join(SCRIPTS)}")
    return SCRIPTS[task_id](world, seed)
