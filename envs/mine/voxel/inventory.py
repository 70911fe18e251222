"""The inventory: 36 slots, then feet, legs, chest, head and off hand; slot 0 is the main hand."""

import numpy as np

from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.spaces import EQUIPMENT, EQUIPMENT_SLOT, SLOTS

ALL_SLOTS = 41
_EQUIPMENT = np.array([EQUIPMENT_SLOT[key] for key in EQUIPMENT])


class Inventory:
    """What the player carries.

    Attributes:
        name: (41,) int64 item ids, air where empty.
        quantity: (41,) int64 pieces.
        variant: (41,) int64 metadata.
        wear: (41,) int64 uses that a tool has behind it.
    """

    def __init__(self) -> None:
        self.name = np.full(ALL_SLOTS, vocab.AIR, np.int64)
        self.quantity = np.zeros(ALL_SLOTS, np.int64)
        self.variant = np.zeros(ALL_SLOTS, np.int64)
        self.wear = np.zeros(ALL_SLOTS, np.int64)

    def held(self) -> str:
        """Name of the item in the main hand."""
        return vocab.ITEMS[self.name[0]]

    def clear(self, slot: int | None = None) -> None:
        """Empty one slot, or all."""
        where = slice(None) if slot is None else slot
        self.name[where], self.quantity[where], self.variant[where], self.wear[where] = vocab.AIR, 0, 0, 0

    def set(self, slot: int, item: int, quantity: int = 1, variant: int = 0, wear: int = 0) -> None:
        """Overwrite a slot."""
        if item == vocab.AIR or quantity <= 0:
            self.clear(slot)
        else:
            self.name[slot], self.quantity[slot], self.variant[slot], self.wear[slot] = item, quantity, variant, wear

    def count(self, item: int) -> int:
        """Pieces of an item in the 36 slots."""
        return int(self.quantity[:SLOTS][self.name[:SLOTS] == item].sum())

    def counts(self) -> np.ndarray:
        """(392,) int64 pieces of each item in the 36 slots; air counts nothing."""
        totals = np.bincount(self.name[:SLOTS], weights=self.quantity[:SLOTS], minlength=len(vocab.ITEMS)).astype(np.int64)
        totals[vocab.AIR] = 0
        return totals

    def add(self, item: int, quantity: int = 1, variant: int = 0, wear: int = 0) -> int:
        """Put pieces on equal stacks, then into empty slots; returns the pieces that found no room."""
        limit = int(vocab.STACK[item])
        same = (self.name[:SLOTS] == item) & (self.variant[:SLOTS] == variant) & (self.quantity[:SLOTS] < limit)
        for slot in [*np.flatnonzero(same & (limit > 1)), *np.flatnonzero(self.name[:SLOTS] == vocab.AIR)]:
            if quantity <= 0:
                break
            old = int(self.quantity[slot])
            moved = min(quantity, limit - old)
            self.set(int(slot), item, old + moved, variant, wear)
            quantity -= moved
        return quantity

    def take(self, item: int, quantity: int) -> None:
        """Remove pieces of an item, last slots first."""
        for slot in np.flatnonzero(self.name[:SLOTS] == item)[::-1]:
            gone = min(quantity, int(self.quantity[slot]))
            self.take_from(int(slot), gone)
            quantity -= gone
        if quantity > 0:
            raise ValueError(f"{quantity} more {vocab.ITEMS[item]} needed than the inventory holds")

    def take_from(self, slot: int, quantity: int = 1) -> None:
        """Remove pieces from a slot."""
        self.quantity[slot] -= quantity
        if self.quantity[slot] <= 0:
            self.clear(slot)

    def swap(self, a: int, b: int) -> None:
        """Exchange two slots."""
        for column in (self.name, self.quantity, self.variant, self.wear):
            column[a], column[b] = column[b], column[a]

    def equip(self, slot: int) -> None:
        """Bring a slot's item to the place where it is worn or held."""
        self.swap(slot, EQUIPMENT_SLOT[vocab.SLOT_OF.get(vocab.ITEMS[self.name[slot]], "mainhand")])

    def use_up(self, slot: int = 0, uses: int = 1) -> None:
        """Wear a tool; it breaks when its uses are over."""
        durability = int(vocab.DURABILITY[self.name[slot]])
        if durability > 0:
            self.wear[slot] += uses
            if self.wear[slot] > durability:
                self.clear(slot)

    def observe(self, equipment: bool = False) -> dict[str, np.ndarray]:
        """The ``inventory`` part of an observation, or ``equipment``."""
        at = _EQUIPMENT if equipment else slice(0, SLOTS)
        name = self.name[at].copy()
        durability = vocab.DURABILITY[name]
        return {
            "name": name,
            "quantity": self.quantity[at].astype(np.float32),
            "variant": self.variant[at].copy(),
            "cur_durability": np.where(durability > 0, durability - self.wear[at], -1).astype(np.float32),
            "max_durability": durability.astype(np.float32),
        }

    def get_state(self) -> dict[str, np.ndarray]:
        """Copies of the four columns."""
        return {key: getattr(self, key).copy() for key in ("name", "quantity", "variant", "wear")}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Restore what :meth:`get_state` returned."""
        for key in ("name", "quantity", "variant", "wear"):
            getattr(self, key)[...] = state[key]
