"""Which wrapper an episodic bonus serves: two would mix the episodes of their environments, which have the same numbers."""

import gc
from typing import Any
from weakref import ref

from papergym.wrappers.intrinsic.base import Bonus


class Owner:
    """The wrapper that a bonus serves, until it is dropped. Deep copies and pickles know of none."""

    def __init__(self) -> None:
        self._wrapper: ref[Any] | None = None

    def __reduce__(self) -> tuple[type["Owner"], tuple[()]]:
        return Owner, ()

    def get(self) -> Any:
        """The wrapper, or None."""
        return None if self._wrapper is None else self._wrapper()

    def set(self, wrapper: Any) -> None:
        """Note another wrapper."""
        self._wrapper = ref(wrapper)


def claim(bonus: Bonus, wrapper: Any) -> None:
    """Note that ``wrapper`` uses ``bonus``; nothing for a bonus that is not episodic.

    Raises:
        ValueError: the bonus is episodic and serves another wrapper that still exists; nothing has changed.
    """
    if not bonus.episodic:
        return
    owner = vars(bonus).setdefault("_owner", Owner())
    if owner.get() is wrapper:
        return
    if owner.get() is not None:
        gc.collect()  # a wrapper that was dropped may be part of a cycle
    if owner.get() is not None:
        name = type(bonus).__name__
        raise ValueError(
            f"expected one wrapper around an episodic bonus, got a second one around the same {name}, which would mix the "
            "episodes of two environments; give each wrapper a bonus of its own, drop the other wrapper, or wrap all "
            "environments at once in papergym.wrappers.vector.IntrinsicReward."
        )
    owner.set(wrapper)
