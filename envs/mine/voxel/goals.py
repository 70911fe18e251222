"""Reward and success of a task in the embedded world."""

from typing import Any

from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.tasks import Task
from papergym.envs.mine.voxel.world import World

_DAY = 24000


class Goals:
    """Counts what a task asks for.

    Harvest pays ``weight * (pieces now - pieces before)``, negative when pieces are lost; combat pays each kill; techtree pays
    the first piece and the first use of the tool; survival pays each day. Success: every target's quantity beyond the start.

    Args:
        task: the task.
        scale: factor on every reward.
    """

    def __init__(self, task: Task, scale: float = 1.0) -> None:
        self._task, self._scale = task, scale
        self._start: dict[str, int] = dict.fromkeys(task.targets, 0)
        self._last: dict[str, int] = dict.fromkeys(task.targets, 0)

    def _count(self, world: World, name: str) -> int:
        if self._task.family == "combat":
            return world.kills.get(name, 0)
        if self._task.family == "techtree":
            owned = int(world.inventory.count(vocab.ITEM_ID[name]) > 0 or name in world.used)
            return owned + int(world.used.get(name, 0) > 0)
        return world.inventory.count(vocab.ITEM_ID[name])

    def reset(self, world: World) -> None:
        """Count from here."""
        self._start = {name: self._count(world, name) for name in self._task.targets}
        self._last = dict(self._start)

    def reward(self, world: World) -> float:
        """Reward since the last call."""
        if self._task.family == "survival":
            return self._scale * float(world.age > 0 and world.age % _DAY == 0 and world.vitals.life > 0)
        total = 0.0
        for name in self._task.targets:
            now = self._count(world, name)
            total += self._task.weight(name) * (now - self._last[name])
            self._last[name] = now
        return self._scale * total

    def success(self, world: World) -> bool:
        """Whether every target is reached; never for tasks without targets."""
        needed = {name: 2 for name in self._task.targets} if self._task.family == "techtree" else self._task.targets
        gains = ((self._count(world, name) - self._start[name], quantity) for name, quantity in needed.items())
        return bool(self._task.targets) and all(gain >= quantity for gain, quantity in gains)

    def get_state(self) -> dict[str, Any]:
        """Counts at the start and at the last step."""
        return {"start": dict(self._start), "last": dict(self._last)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_state` returned."""
        self._start, self._last = dict(state["start"]), dict(state["last"])
