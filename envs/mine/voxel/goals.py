"""Reward and success of a task in the embedded world."""

from typing import Any

from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.task import DAY, Task
from papergym.envs.mine.voxel.world import World


class Goals:
    """Counts what a task asks for, and pays as MineDojo does.

    Harvest pays ``weight * (pieces now - pieces before)``, negative when pieces are lost; combat pays each kill; techtree pays
    each piece of the tool in the same way (1) and each use of it (10); survival pays each day (1) and its last one (100).
    Success: so many pieces or kills beyond the start as the task asks for; each tool used once; 100 days.

    Args:
        task: the task.
        scale: factor on every reward.
    """

    def __init__(self, task: Task, scale: float = 1.0) -> None:
        self._task, self._scale = task, float(scale)
        self._start: dict[str, int] = dict.fromkeys(self._counts(None), 0)
        self._last: dict[str, int] = dict(self._start)

    def _counts(self, world: World | None) -> dict[str, int]:
        """Pieces or kills of each target, and for techtree also its uses under ``use NAME``; zeros without a world."""
        names, counts = self._task.targets, {}
        for name in names:
            if self._task.family == "combat":
                counts[name] = world.kills.get(name, 0) if world else 0
            else:
                counts[name] = world.inventory.count(vocab.ITEM_ID[name]) if world else 0
        if self._task.family == "techtree":
            counts |= {f"use {name}": world.used.get(name, 0) if world else 0 for name in names}
        return counts

    def reset(self, world: World) -> None:
        """Count from here."""
        self._start = self._counts(world)
        self._last = dict(self._start)

    def _weight(self, name: str) -> float:
        return self._task.use_weight if name.startswith("use ") else self._task.weight(name)

    def reward(self, world: World) -> float:
        """Reward since the last call."""
        if self._task.family == "survival":
            day = world.age > 0 and world.age % DAY == 0 and world.vitals.life > 0
            last = day and world.age == self._task.days * DAY
            return self._scale * (self._task.day_weight * day + self._task.days_weight * last)
        now = self._counts(world)
        total = sum(self._weight(name) * (count - self._last[name]) for name, count in now.items())
        self._last = now
        return self._scale * float(total)

    def success(self, world: World) -> bool:
        """Whether the task is done; never for tasks without a goal."""
        task = self._task
        if task.family == "survival":
            return 0 < task.days * DAY <= world.age and world.vitals.life > 0
        prefix, now = "use " if task.family == "techtree" else "", self._counts(world)
        gains = ((now[prefix + name] - self._start[prefix + name], quantity) for name, quantity in task.targets.items())
        return bool(task.targets) and all(gain >= quantity for gain, quantity in gains)

    def get_state(self) -> dict[str, Any]:
        """Counts at the start and at the last step."""
        return {"start": dict(self._start), "last": dict(self._last)}

    def check_state(self, state: dict[str, Any]) -> None:
        """Raise ValueError if ``state`` counts something else than this task does."""
        if set(state["start"]) != set(self._start):
            raise ValueError(
                f"expected a snapshot of a task that counts {sorted(self._start)}, got one of {sorted(state['start'])}"
            )

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_state` returned."""
        self._start, self._last = dict(state["start"]), dict(state["last"])
