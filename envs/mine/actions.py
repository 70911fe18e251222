"""What an action means, which actions are valid now, and what an inventory change was caused by; same for both backends."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from papergym.envs.checks import number, text, whole
from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.spaces import EQUIPMENT_SLOT, FUNCTIONS, SLOTS, VARIANTS, action_space

ACTION_ARG = np.array([[name in ("craft", "equip", "place", "destroy")] for name in FUNCTIONS], bool)
"""(8, 1): functions that read an argument."""

_NO_CHANGE = {
    f"{sign}_{what}_by_{cause}": np.full(room, empty, dtype)
    for cause in ("craft", "other")
    for sign, room in (("inc", 1), ("dec", 4))
    for what, empty, dtype in (("name", vocab.AIR, np.int64), ("quantity", 0, np.float32))
}


class InvalidAction(ValueError):
    """An action the space contains but the world refuses: placing, equipping or destroying an empty slot."""


class InventoryItem(NamedTuple):
    """An item in a slot, with MineDojo's fields.

    Attributes:
        slot: 0 to 40, or "mainhand", "feet", "legs", "chest", "head", "offhand".
        name: item name.
        variant: metadata, for example the colour of wool.
        quantity: pieces.
    """

    slot: int | str
    name: str
    variant: int | None = None
    quantity: int | None = None


def inventory_item(item: Any) -> InventoryItem:
    """An InventoryItem from one, from an equal sequence (as JSON keeps it), or from a mapping of its fields.

    Raises:
        ValueError: slot or name are missing, or a field is not what InventoryItem says.
    """
    fields = InventoryItem._fields
    if isinstance(item, Mapping) and {"slot", "name"} <= set(item) <= set(fields):
        found = InventoryItem(**item)
    elif isinstance(item, Sequence) and not isinstance(item, str | bytes) and 2 <= len(item) <= 4:
        found = InventoryItem(*item)
    else:
        raise ValueError(f"an InventoryItem is ({', '.join(fields)}), of which slot and name are needed; got {item!r}")
    slot, name, variant, quantity = found
    last = max(EQUIPMENT_SLOT.values())
    if isinstance(slot, str) and slot not in EQUIPMENT_SLOT:
        raise ValueError(f"a slot is 0 to {last} or one of {', '.join(EQUIPMENT_SLOT)}; got {slot!r}")
    return InventoryItem(
        slot if isinstance(slot, str) else whole("slot", slot, 0, last),
        text("name of an item", name),
        None if variant is None else whole("variant", variant, 0, VARIANTS - 1),
        None if quantity is None else whole("quantity", quantity, 1, unit="pieces"),
    )


class Decoded(NamedTuple):
    """An action in words. ``forward`` and ``strafe`` are -1, 0 or 1 (left is +1); turns are degrees, pitch down positive."""

    forward: int
    strafe: int
    jump: bool
    sneak: bool
    sprint: bool
    pitch: float
    yaw: float
    function: str
    craft: int
    slot: int


class Actions:
    """Decodes the MultiDiscrete actions of one camera interval.

    Args:
        cam_interval: degrees per camera bin, a divisor of 180.

    Raises:
        ValueError: another interval; its no-op would turn the view.
    """

    def __init__(self, cam_interval: float = 15) -> None:
        cam_interval = number("cam_interval", cam_interval)
        if not 0 < cam_interval <= 180 or abs(180 / cam_interval - round(180 / cam_interval)) > 1e-9:
            raise ValueError(f"cam_interval divides 180 degrees, so that one bin does not turn; got {cam_interval}")
        self.cam_interval = cam_interval
        self.space = action_space(cam_interval)
        self._sizes = tuple(int(n) for n in self.space.nvec)

    @property
    def no_op(self) -> np.ndarray:
        """(8,) int64, the action that does nothing; a new array."""
        return self.space.no_op()

    def decode(self, action: np.ndarray) -> Decoded:
        """Read an (8,) integer action.

        Raises:
            ValueError: the action is outside the space.
        """
        values = np.asarray(action).tolist()
        if not (
            isinstance(values, list)
            and len(values) == 8
            and all(isinstance(value, int) and 0 <= value < size for value, size in zip(values, self._sizes))
        ):
            raise ValueError(f"expected 8 integers below {list(self._sizes)}, got {action!r}; sample from action_space")
        forward, strafe, stance, pitch, yaw, function, craft, slot = values
        return Decoded(
            forward=(0, 1, -1)[forward],
            strafe=(0, 1, -1)[strafe],
            jump=stance == 1,
            sneak=stance == 2,
            sprint=stance == 3,
            pitch=pitch * self.cam_interval - 180.0,
            yaw=yaw * self.cam_interval - 180.0,
            function=FUNCTIONS[function],
            craft=craft,
            slot=slot,
        )


def count_items(name: np.ndarray, quantity: np.ndarray) -> np.ndarray:
    """(392,) int64 pieces of each item; air counts nothing."""
    counts = np.bincount(name, weights=quantity, minlength=len(vocab.ITEMS)).astype(np.int64)
    counts[vocab.AIR] = 0
    return counts


def masks(name: np.ndarray, quantity: np.ndarray, *, table: bool, furnace: bool) -> dict[str, np.ndarray]:
    """Which functions and arguments are valid, by the rules of MineDojo's mask wrapper.

    Args:
        name: (36,) item ids of the inventory.
        quantity: (36,) pieces.
        table: a crafting table is near.
        furnace: a furnace is near.
    """
    full = name != vocab.AIR
    craft = np.asarray((count_items(name, quantity) >= vocab.NEED).all(axis=1))
    if not table:
        craft &= ~vocab.NEEDS_TABLE
    if not furnace:
        craft &= ~vocab.NEEDS_FURNACE
    equip = full.copy()
    equip[0] &= vocab.NOT_MAINHAND[name[0]]  # what the hand holds already is equipped, unless it is worn elsewhere
    place = full & vocab.PLACEABLE[name]
    kinds = np.array([1, 1, full[0], 1, craft.any() and not full.all(), equip.any(), place.any(), full.any()], bool)
    return {
        "action_type": kinds,
        "action_arg": ACTION_ARG.copy(),
        "equip": equip,
        "place": place,
        "destroy": full,
        "craft_smelt": craft,
    }


def sample_masked(rng: np.random.Generator, actions: Actions, mask: Mapping[str, np.ndarray]) -> np.ndarray:
    """A random action that the masks allow: (8,) int64."""
    action = rng.integers(0, actions.space.nvec)
    action[5] = rng.choice(np.flatnonzero(mask["action_type"]))
    kind = FUNCTIONS[action[5]]
    if kind == "craft":
        action[6] = rng.choice(np.flatnonzero(mask["craft_smelt"]))
    elif kind in ("equip", "place", "destroy"):
        action[7] = rng.choice(np.flatnonzero(mask[kind]))
    return action


def delta(before: np.ndarray, after: np.ndarray, crafted: int | None) -> dict[str, np.ndarray]:
    """Change of the item counts by cause, as MineDojo's delta wrapper reports it.

    Args:
        before: (392,) counts before the step.
        after: (392,) counts after it.
        crafted: entry of CRAFTS that the step made, None where it made nothing.
    """
    change = after - before
    result = {key: array.copy() for key, array in _NO_CHANGE.items()}
    if not change.any():
        return result
    up, down = np.flatnonzero(change > 0)[:1], np.flatnonzero(change < 0)[:4]
    by_craft = crafted is not None and vocab.ITEM_ID[vocab.CRAFTS[crafted]] in up
    cause = "craft" if by_craft else "other"
    for sign, found in (("inc", up), ("dec", down)):
        result[f"{sign}_name_by_{cause}"][: len(found)] = found
        result[f"{sign}_quantity_by_{cause}"][: len(found)] = np.minimum(np.abs(change[found]), 64)
    return result


def check_slot(slot: int, name: np.ndarray, function: str) -> None:
    """Raise InvalidAction if ``function`` names an empty slot."""
    if name[slot] == vocab.AIR:
        filled = np.flatnonzero(name != vocab.AIR).tolist()
        raise InvalidAction(f"{function} needs a filled slot, got slot {slot} of {SLOTS}, which is empty; filled: {filled}")
