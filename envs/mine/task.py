"""Tasks: the start, what is counted, and when a task is done."""

from collections.abc import Mapping
from dataclasses import dataclass

from papergym.envs.mine.actions import InventoryItem

FAMILIES = ("open-ended", "harvest", "combat", "techtree", "survival")
ANIMALS = ("sheep", "cow", "pig", "chicken")
HOSTILES = ("zombie",)
DAY = 24000
"""Ticks."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a task asks for.

    Attributes:
        id: MineDojo's or LS-Imagine's id.
        family: one of FAMILIES.
        prompt: the goal in words.
        targets: name -> quantity; items (harvest, techtree) or mobs (combat). All must be reached.
        weights: reward for each piece of each target; 1 where a name is missing. Techtree: for each piece one comes to own.
        use_weight: techtree: reward for each use of a target.
        days: survival: days until success, which pays ``days_weight`` once more; 0 for no end.
        day_weight: survival: reward for each day.
        days_weight: survival: reward at the last of ``days``.
        biome: biome of the world, None for the mixed world.
        inventory: what the player starts with.
        use_voxel: the observation holds ``voxels``.
        mobs: kinds that start near the player, one each.
        start: block, least and most distance in blocks between the start and the nearest column that holds it; None for a
            start anywhere on grass.
        mob_low, mob_high: corners of the region around the player in which they start.
        start_time: ticks of the day, None for sunrise.
        always_night: the sun stands still at midnight.
        allow_mob_spawn: put animals into the world, and zombies at night.
        break_speed_multiplier: factor on the speed of breaking blocks.
        limit: steps after which the paper stops an episode, None where the task sets none.
        fast_reset: resets that keep the world, between two new worlds.
    """

    id: str
    family: str
    prompt: str
    targets: Mapping[str, int]
    weights: Mapping[str, float] | None = None
    use_weight: float = 10.0
    days: int = 0
    day_weight: float = 1.0
    days_weight: float = 0.0
    biome: str | None = None
    inventory: tuple[InventoryItem, ...] = ()
    start: tuple[str, float, float] | None = None
    use_voxel: bool = False
    mobs: tuple[str, ...] = ()
    mob_low: tuple[int, int, int] = (-7, 1, -7)
    mob_high: tuple[int, int, int] = (7, 1, 7)
    start_time: int | None = None
    always_night: bool = False
    allow_mob_spawn: bool = True
    break_speed_multiplier: float = 1.0
    limit: int | None = None
    fast_reset: int = 0

    def weight(self, name: str) -> float:
        """Reward for one piece of a target."""
        return 1.0 if self.weights is None else self.weights.get(name, 1.0)
