"""The world: grid, player, animals and items, and one tick of all of them."""

import math
from typing import Any

import numpy as np

from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.actions import Decoded
from papergym.envs.mine.voxel import blocks, drops, hands, mobs, physics, snapshot, terrain
from papergym.envs.mine.voxel import sky as skies
from papergym.envs.mine.voxel.camera import Pose, look
from papergym.envs.mine.voxel.grid import Grid
from papergym.envs.mine.voxel.inventory import Inventory
from papergym.envs.mine.voxel.physics import BODY, JUMPED, LANDED, MOVED, SPRINT, SUNK, TALL, WET, WIDTH, YAW, X, Y, Z
from papergym.envs.mine.voxel.terrain import HEIGHT, SIZE, WRAP
from papergym.envs.mine.voxel.vitals import Vitals

STREAMS = ("mobs", "drops", "spawn")
_ZOMBIES = 8  # most zombies that come by themselves
_PACKS = 22  # packs of animals in a new world


class World:
    """A running world.

    Args:
        break_speed_multiplier: factor on the speed of breaking blocks.
        allow_time_passage: whether the sun moves.
        allow_mob_spawn: whether a new world has animals, and zombies at night.

    Attributes:
        grid: blocks and light.
        body: (BODY,) float64, the player; yaw and pitch are in degrees.
        inventory: what the player carries.
        vitals: health, food, air.
        mobs: (ROOM, MOB) float64, of which ``mob_count`` rows are in use. drops: likewise, items on the ground.
        streams: name -> (1,) uint64 random stream; seeded by :meth:`reset`.
        time: ticks of the day since the world began; rain: whether it rains.
        kills: mob kind -> killed by the player. mined: block name -> broken by the player. used: tool -> times used.
    """

    def __init__(
        self, *, break_speed_multiplier: float = 1.0, allow_time_passage: bool = True, allow_mob_spawn: bool = True
    ) -> None:
        self.break_speed_multiplier = break_speed_multiplier
        self.allow_time_passage, self.allow_mob_spawn = allow_time_passage, allow_mob_spawn
        self.grid = Grid()
        self.body = np.zeros(BODY)
        self.inventory, self.vitals = Inventory(), Vitals()
        self.mobs, self.mob_count = np.zeros((mobs.ROOM, mobs.MOB)), 0
        self.drops, self.drop_count = np.zeros((drops.ROOM, drops.DROP)), 0
        self.streams = {name: np.zeros(1, np.uint64) for name in STREAMS}
        self.cell = np.zeros(6, np.int64)
        self._touched = np.zeros(drops.ROOM, bool)
        self.stations: list[tuple[str, int, int, int]] = []
        self.new_life()

    def new_life(self) -> None:
        """Reset the player; land, animals and everything built stay."""
        self.inventory.clear()
        self.vitals, self.drop_count = Vitals(), 0
        self.time, self.age, self.rain = 0, 0, False
        self.kills: dict[str, int] = {}
        self.mined: dict[str, int] = {}
        self.used: dict[str, int] = {}
        self.dig_cell: tuple[int, int, int] | None = None
        self.dig_done, self.dig_pause, self.use_pause, self.chewed, self.arm, self.fuel = 0.0, 0, 0, 0, 100, 0
        self.sneaking = False
        self.crafted: int | None = None

    def reset(self, rng: np.random.Generator, kind: int = terrain.MIXED, world_seed: int | None = None) -> None:
        """A new world; every stream is seeded from ``rng``, the terrain from ``world_seed`` if given."""
        drawn = rng.integers(0, 2**63, len(STREAMS) + 1)
        for name, value in zip(STREAMS, drawn):
            self.streams[name][0] = value
        self.new_life()
        self.stations = []
        self.grid.generate(int(drawn[-1] if world_seed is None else world_seed), kind)
        self.mob_count = 0
        if self.allow_mob_spawn:
            self.mob_count = mobs.settle_animals(self.streams["mobs"], self.grid.blocks, self.grid.roof, self.mobs, _PACKS)
        self.body[:] = 0.0
        self.body[WIDTH], self.body[TALL] = 0.6, 1.8
        x, z = self._landing(rng)
        self.put_player(x + 0.5, float(self.grid.roof[x & WRAP, z & WRAP]), z + 0.5, rng.uniform(-180.0, 180.0), 0.0)

    def _landing(self, rng: np.random.Generator) -> tuple[int, int]:
        """A column to start on: grass under the open sky where there is any, else any dry ground, else anywhere."""
        columns = rng.integers(0, SIZE, (400, 2))
        top = np.maximum(self.grid.roof[columns[:, 0], columns[:, 1]].astype(int) - 1, 0)
        ground = self.grid.blocks[columns[:, 0], columns[:, 1], top]
        for good in (ground == blocks.GRASS, blocks.SOLID[ground] & (ground != blocks.ID["cactus"]), ground >= 0):
            if good.any():
                x, z = columns[np.flatnonzero(good)[0]]
                return int(x), int(z)
        raise AssertionError("unreachable: every column qualifies at last")

    # --- the player ---

    @property
    def yaw(self) -> float:
        """Degrees; 0 looks along +z, 90 along -x."""
        return float(self.body[YAW])

    @property
    def pitch(self) -> float:
        """Degrees, positive downward."""
        return float(self.body[physics.PITCH])

    def eye(self) -> tuple[float, float, float]:
        """Position of the eye."""
        lift = physics.EYE_SNEAKING if self.sneaking else physics.EYE_HEIGHT
        return float(self.body[X]), float(self.body[Y]) + lift, float(self.body[Z])

    def look(self) -> tuple[float, float, float]:
        """Unit vector of the view."""
        return look(self.yaw, self.pitch)

    def pose(self) -> Pose:
        """Where the camera stands."""
        return Pose(*self.eye(), self.yaw, self.pitch)

    def put_player(self, x: float, y: float, z: float, yaw: float, pitch: float) -> None:
        """Set the player down at rest."""
        self.body[:YAW] = x, y, z, 0.0, 0.0, 0.0
        self.body[YAW], self.body[physics.PITCH] = (yaw + 180.0) % 360.0 - 180.0, min(max(pitch, -90.0), 90.0)
        self.body[physics.FALL] = self.body[physics.GROUND] = 0.0
        self.gather()

    def gather(self) -> None:
        """Give mobs and drops the coordinates, on the torus, that lie nearest to the player: as each tick does."""
        player = self.body[[X, Z]]
        for rows in (self.mobs[: self.mob_count], self.drops[: self.drop_count]):
            rows[:, [X, Z]] += SIZE * np.round((player - rows[:, [X, Z]]) / SIZE)

    def station_near(self, name: str) -> bool:
        """Whether a crafting table or furnace lies within 5 blocks of the head."""
        x, y, z = self.body[X], self.body[Y] + 1.6, self.body[Z]
        for kind, sx, sy, sz in self.stations:
            dx, dz = (sx + 0.5 - x + 128) % SIZE - 128, (sz + 0.5 - z + 128) % SIZE - 128
            if kind == name and dx * dx + (sy + 0.5 - y) ** 2 + dz * dz <= 25.0:
                return True
        return False

    # --- changes of the world ---

    def set_block(self, x: int, y: int, z: int, block: int) -> None:
        """Change a block and apply the consequences: plants that lose their ground break, sand and gravel fall."""
        old = self.grid[x, y, z]
        self.grid[x, y, z] = block
        cell = (x & WRAP, y, z & WRAP)
        if blocks.NAME[old] in ("crafting_table", "furnace"):
            self.stations = [station for station in self.stations if station[1:] != cell]
        if blocks.NAME[block] in ("crafting_table", "furnace"):
            self.stations.append((blocks.NAME[block], *cell))
        if not blocks.SOLID[block]:
            self._unsettle(x, y + 1, z)
        if blocks.FALLS[block]:
            self._fall(x, y, z)

    def _unsettle(self, x: int, y: int, z: int) -> None:
        above = self.grid[x, y, z]
        if blocks.FALLS[above]:
            self._fall(x, y, z)
        elif y < HEIGHT and (blocks.SHAPE[above] == blocks.SHAPE_CROSS or blocks.KEYS[above] == "cactus"):
            hands.spill(self, above, x, y, z)
            self.set_block(x, y, z, blocks.AIR)

    def _fall(self, x: int, y: int, z: int) -> None:
        """Drop a block to the next solid cell, and then those that stood on it."""
        block, low = self.grid[x, y, z], y
        while low > 0 and not blocks.SOLID[self.grid[x, low - 1, z]]:
            low -= 1
        if low < y:
            self.grid[x, low, z] = block
            self.set_block(x, y, z, blocks.AIR)

    def drop_at(
        self, x: float, y: float, z: float, item: str, pieces: int, variant: int = 0, *, wear: int = 0, delay: int = 10
    ) -> None:
        """Put pieces of an item on the ground at a position."""
        if pieces > 0:
            number = vocab.ITEM_ID[item]
            self.drop_count = drops.new_drop(
                self.streams["drops"], self.drops, self.drop_count, x, y, z, number, pieces, variant, wear, delay
            )

    def wear_tool(self, uses: int) -> None:
        """Count a use of what the hand holds, and wear it."""
        held = self.inventory.held()
        self.used[held] = self.used.get(held, 0) + 1
        self.inventory.use_up(0, uses)

    # --- time ---

    def tick(self, act: Decoded) -> None:
        """One tick (1/20 s).

        Raises:
            InvalidAction: the action names an empty slot, or an item that cannot be placed. Nothing has changed then.
        """
        hands.check(self, act.function, act.slot)
        body = self.body
        self.crafted = None
        self.vitals.harm.amount = 0.0
        if act.yaw or act.pitch:
            body[YAW] = (body[YAW] + act.yaw + 180.0) % 360.0 - 180.0
            body[physics.PITCH] = min(max(body[physics.PITCH] + act.pitch, -90.0), 90.0)
        self.sneaking = act.sneak
        self._hands(act)
        can_sprint = self.vitals.food > 6
        physics.step_player(
            self.grid.blocks, body, float(act.forward), float(act.strafe), act.jump, act.sneak, act.sprint, can_sprint
        )
        self._live()
        self._others()
        self.age += 1
        if self.allow_time_passage:
            self.time += 1

    def _hands(self, act: Decoded) -> None:
        self.arm += 1
        self.use_pause = max(self.use_pause - 1, 0)
        kind = act.function
        if kind == "attack":
            hands.attack(self)
        else:
            self.dig_cell, self.dig_pause = None, 0
        if kind == "use":
            hands.use(self)
        else:
            self.chewed = 0
        if kind == "drop":
            hands.throw(self)
        elif kind == "craft":
            self.crafted = act.craft if hands.craft(self, act.craft) else None
        elif kind == "equip":
            self.inventory.equip(act.slot)
        elif kind == "place":
            hands.place(self, act.slot)
        elif kind == "destroy":
            self.inventory.clear(act.slot)

    def _live(self) -> None:
        """Exhaustion of moving, damage of falls, air and hunger."""
        body, vitals = self.body, self.vitals
        worn = self.inventory.name[36:40].tolist()
        vitals.armor = sum(blocks.armor_points(vocab.ITEMS[item]) for item in worn if item != vocab.AIR)
        if body[JUMPED]:
            vitals.spend("sprint_jump" if body[SPRINT] else "jump")
        if body[MOVED]:
            vitals.spend("swim" if body[WET] else ("sprint" if body[SPRINT] else "walk"), float(body[MOVED]))
        if body[LANDED] > 3.0:
            vitals.hurt(math.ceil(body[LANDED] - 3.0 - 1e-6), "fall", unblockable=True)
        if body[Y] < -16.0:
            vitals.hurt(40.0, "void", unblockable=True)
        vitals.tick(bool(body[SUNK]))

    def _others(self) -> None:
        """Animals, zombies and items."""
        grid, day = self.grid, skies.brightness(self.time, self.rain)
        if self.mob_count:
            self.mob_count, damage, attacker = mobs.step_mobs(
                self.streams["mobs"], grid.blocks, grid.light, self.mobs, self.mob_count, self.body, day > 0.7 and not self.rain
            )
            if damage:
                distance, yaw = hands.damage_from(self, self.mobs[attacker])
                self.vitals.hurt(damage, "zombie", distance=distance, yaw=yaw)
        if self.allow_mob_spawn and day < 0.3 and self.age % 40 == 0:
            zombies = int((self.mobs[: self.mob_count, mobs.KIND] == mobs.ZOMBIE).sum())
            if zombies < _ZOMBIES:
                self.mob_count = mobs.spawn_zombie(
                    self.streams["spawn"], grid.blocks, grid.light, self.mobs, self.mob_count, self.body
                )
        if self.drop_count:
            self.drop_count = drops.step_drops(grid.blocks, self.drops, self.drop_count, self.body, self._touched)
            if self._touched[: self.drop_count].any():
                self._pick_up()

    def _pick_up(self) -> None:
        for index in np.flatnonzero(self._touched[: self.drop_count])[::-1]:
            row = self.drops[index]
            item, pieces, variant, wear = (int(value) for value in row[drops.ITEM : drops.WEAR + 1])
            left = self.inventory.add(item, pieces, variant, wear)
            row[drops.PIECES] = left
            if not left:
                self.drop_count = drops.remove_drop(self.drops, self.drop_count, index)

    def get_state(self) -> dict[str, Any]:
        """Everything that decides the future, as nested dicts of arrays and plain values; see :mod:`.snapshot`."""
        return snapshot.take(self)

    def set_state(self, state: dict[str, Any]) -> None:
        """Go back to a snapshot.

        Raises:
            ValueError: the snapshot was made by another version of this world. Nothing has changed then.
        """
        snapshot.restore(self, state)
