"""Walking, aiming and digging with LS-Imagine's actions, one name per step."""

import math

import numpy as np

from papergym.envs.mine.players.paths import find_path
from papergym.envs.mine.voxel import blocks, hands
from papergym.envs.mine.voxel.physics import GROUND, WET, X, Y, Z
from papergym.envs.mine.voxel.terrain import SIZE, WRAP
from papergym.envs.mine.voxel.world import World

Cell = tuple[int, int, int]
_TURN = 10.0  # degrees of one turn
_STEEPEST = 70.0
_PATIENCE = 60  # steps after which a way is planned anew
_FARTHEST = 2500  # steps of the longest way that is planned


class Pilot:
    """Steers a player; every method returns the name of the next action.

    Args:
        world: the world, read but not changed.
        rng: generator for getting unstuck.
    """

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self.world, self.rng = world, rng
        self._path: list[Cell] = []
        self._age, self._still, self._lost, self._last = 0, 0, 0, (0.0, 0.0, 0.0)

    def feet(self) -> Cell:
        """Cell of the feet, wrapped."""
        body = self.world.body
        return math.floor(body[X]) & WRAP, math.floor(body[Y] + 0.01), math.floor(body[Z]) & WRAP

    def _offset(self, cell: tuple[float, float, float]) -> tuple[float, float, float]:
        """Shortest vector from the eye to a point of the torus."""
        ex, ey, ez = self.world.eye()
        half = SIZE / 2
        return (cell[0] - ex + half) % SIZE - half, cell[1] - ey, (cell[2] - ez + half) % SIZE - half

    def aim(self, point: tuple[float, float, float], *, level: bool = False) -> str | None:
        """Turn towards a point; None once the view is as near as turns of 10 degrees allow. ``level`` ignores the pitch."""
        dx, dy, dz = self._offset(point)
        if math.hypot(dx, dz) > 0.05:
            gap = (math.degrees(math.atan2(-dx, dz)) - self.world.yaw + 180.0) % 360.0 - 180.0
            if abs(gap) > _TURN / 2 + 0.01:
                return "turn_right" if gap > 0 else "turn_left"
        if level:
            return None
        pitch = math.degrees(math.atan2(-dy, max(math.hypot(dx, dz), 1e-6)))
        gap = min(max(pitch, -_STEEPEST), _STEEPEST) - self.world.pitch
        if abs(gap) > _TURN / 2 + 0.01:
            return "turn_down" if gap > 0 else "turn_up"
        return None

    def dig(self, cell: Cell) -> str:
        """Aim at a cell and break what is in the way."""
        return self.aim((cell[0] + 0.5, cell[1] + 0.5, cell[2] + 0.5)) or self._unless_stuck("attack")

    def go(self, goal: np.ndarray, *, fresh: bool = False) -> str | None:
        """Next step towards the nearest goal cell; None on arrival, or if there is no way.

        Args:
            goal: (SIZE, SIZE, HEIGHT) bool feet cells.
            fresh: plan anew, because the goal has moved.
        """
        feet = self.feet()
        if goal[feet[0], feet[2], min(max(feet[1], 0), goal.shape[2] - 1)]:
            self._path = []
            return None
        self._age += 1
        if self._lost > 0:  # no way was found: planning is dear, so try again a little later
            self._lost -= 1
            return None
        if fresh or feet not in self._path[:-1] or self._age > _PATIENCE:
            self._path, self._age = find_path(self.world.grid.blocks, goal, feet, _FARTHEST) or [], 0
            if len(self._path) < 2:
                self._lost = _PATIENCE // 2
                return None
            feet = self._path[0]
        return self._follow(feet, self._path[self._path.index(feet) + 1])

    def _sink(self, here: Cell) -> str:
        """Dig out the floor and drop: stand in the middle, look down so that the own cell is hit."""
        body, grid = self.world.body, self.world.grid
        x, z = body[X] % 1.0, body[Z] % 1.0
        if max(abs(x - 0.5), abs(z - 0.5)) > 0.19 and body[GROUND]:
            return self.aim((here[0] + 0.5, 0.0, here[2] + 0.5), level=True) or self._unless_stuck("forward")
        if not blocks.SOLID[grid[here[0], here[1] - 1, here[2]]]:
            return "noop"  # falling
        if self.world.pitch < _STEEPEST - _TURN / 2 - 0.01:
            return "turn_down"
        seen = self.gaze_block()
        return self._unless_stuck("attack") if seen == (here[0], here[1] - 1, here[2]) else self._unless_stuck("turn_right")

    def _follow(self, here: Cell, there: Cell) -> str:
        if (here[0], here[2]) == (there[0], there[2]):
            return self._sink(here)
        grid, up = self.world.grid, there[1] > here[1]
        over = [(here[0], here[1] + 2, here[2]), (there[0], there[1] + 2, there[2])] if up else []
        top = max(here[1], there[1]) + 1
        for cell in (*over[:1], *((there[0], y, there[2]) for y in range(top, there[1] - 1, -1))):
            if blocks.SOLID[grid[cell]]:
                return self.dig(cell)
        turn = self.aim((there[0] + 0.5, 0.0, there[2] + 0.5), level=True)
        if turn:
            return turn
        body = self.world.body
        if (up and (body[GROUND] or body[WET])) or (body[WET] and there[1] >= here[1]):
            return self._unless_stuck("jump")
        return self._unless_stuck("forward")

    def _unless_stuck(self, action: str) -> str:
        """The action, or a random other one where nothing has moved or changed for some time."""
        now = (
            float(self.world.body[X]),
            float(self.world.body[Y]),
            float(sum(self.world.mined.values())) + float(self.world.body[Z]),
        )
        self._still = self._still + 1 if max(abs(a - b) for a, b in zip(now, self._last)) < 1e-3 else 0
        self._last = now
        if self._still > 40:
            self._age = _PATIENCE
            return ("back", "jump", "left", "right", "turn_down", "attack")[int(self.rng.integers(6))]
        return action

    def gaze_block(self, *, liquids: bool = False) -> Cell | None:
        """Cell of the block in view and reach; None if there is a mob or nothing."""
        _, is_block, _ = hands.gaze(self.world, liquids=liquids)
        x, y, z = (int(c) for c in self.world.cell[:3])
        return (x & WRAP, y, z & WRAP) if is_block else None
