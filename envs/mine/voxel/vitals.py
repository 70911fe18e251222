"""The player's health, food, air and armour, and the last damage."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

AIR = 300
"""Ticks that a breath lasts."""
_STRENGTH_COST = {
    "sprint": 0.1,
    "swim": 0.01,
    "walk": 0.0,
    "jump": 0.05,
    "sprint_jump": 0.2,
    "dig": 0.005,
    "attack": 0.1,
    "hurt": 0.1,
}


@dataclass
class Harm:
    """One blow, as ``damage_source`` reports it. ``distance``, ``pitch`` and ``yaw`` give its direction."""

    amount: float = 0.0
    distance: float = 0.0
    pitch: float = 0.0
    yaw: float = 0.0
    hunger: float = 0.0
    unblockable: bool = False


@dataclass
class Vitals:
    """Health and food by the game's rules at normal difficulty.

    Attributes:
        life: half hearts, 0 is death.
        food: hunger points; saturation: reserve on top; tired: exhaustion, every 4 of which cost one point.
        breath: ticks of air left.
        armor: points of what is worn.
        xp: experience points.
        shield: ticks in which a further blow only counts for what it exceeds the last one by.
        blow: strength of the last blow.
        clock: ticks towards healing or starving.
        harm: the blow of this tick, if any.
        cause: what the player died of.
    """

    life: float = 20.0
    food: int = 20
    saturation: float = 5.0
    tired: float = 0.0
    breath: int = AIR
    armor: int = 0
    xp: float = 0.0
    shield: int = 0
    blow: float = 0.0
    clock: int = 0
    harm: Harm = field(default_factory=Harm)
    cause: str = ""

    def spend(self, what: str, times: float = 1.0) -> None:
        """Add the exhaustion that an action costs."""
        self.tired = min(self.tired + _STRENGTH_COST[what] * times, 40.0)

    def hurt(self, amount: float, cause: str, *, unblockable: bool = False, distance: float = 0.0, yaw: float = 0.0) -> bool:
        """Take a blow; armour absorbs 4 % per point unless unblockable. Returns whether it counted."""
        if amount <= 0 or self.life <= 0:
            return False
        if not unblockable:
            amount *= 1.0 - 0.04 * self.armor
        if self.shield > 10:
            if amount <= self.blow:
                return False
            amount, self.blow = amount - self.blow, amount
        else:
            self.blow, self.shield = amount, 20
        self.life = max(self.life - amount, 0.0)
        self.harm = Harm(min(amount, 40.0), distance, 0.0, yaw, 0.0, unblockable)
        self.spend("hurt")
        if self.life <= 0:
            self.cause = cause
        return True

    def eat(self, food: float, saturation: float) -> None:
        """Eat something."""
        self.food = min(self.food + int(food), 20)
        self.saturation = min(self.saturation + saturation, float(self.food))

    def tick(self, under_water: bool) -> None:
        """One tick of breathing, healing, tiring and starving."""
        self.shield = max(self.shield - 1, 0)
        if under_water:
            self.breath -= 1
            if self.breath == -20:
                self.breath = 0
                self.hurt(2.0, "drowning", unblockable=True)
        else:
            self.breath = AIR
        if self.tired > 4.0:
            self.tired -= 4.0
            if self.saturation > 0:
                self.saturation = max(self.saturation - 1.0, 0.0)
            else:
                self.food = max(self.food - 1, 0)
        self._heal_or_starve()

    def _heal_or_starve(self) -> None:
        wounded = 0 < self.life < 20
        if wounded and self.saturation > 0 and self.food >= 20:
            self.clock += 1
            if self.clock >= 10:
                spent = min(self.saturation, 6.0)
                self.life, self.clock = min(self.life + spent / 6.0, 20.0), 0
                self.tired = min(self.tired + spent, 40.0)
        elif wounded and self.food >= 18:
            self.clock += 1
            if self.clock >= 80:
                self.life, self.clock = min(self.life + 1.0, 20.0), 0
                self.tired = min(self.tired + 6.0, 40.0)
        elif self.food <= 0:
            self.clock += 1
            if self.clock >= 80:
                self.clock = 0
                if self.life > 1.0:
                    self.hurt(1.0, "hunger", unblockable=True)
                    self.harm.hunger = 1.0
        else:
            self.clock = 0

    def get_state(self) -> dict[str, Any]:
        """Every field as a plain value."""
        return asdict(self)

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_state` returned."""
        for entry in fields(self):
            value = state[entry.name]
            setattr(self, entry.name, Harm(**value) if entry.name == "harm" else value)
