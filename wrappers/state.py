"""Checks of states that wrappers load: a state is refused whole, before anything changes."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def of_state(state: Any, *names: str) -> Mapping[str, Any]:
    """``state``, which has the entries ``names``.

    Raises:
        ValueError: no mapping, or an entry is missing.
    """
    if not isinstance(state, Mapping) or any(name not in state for name in names):
        found = f"the entries {sorted(map(str, state))}" if isinstance(state, Mapping) else f"{type(state).__name__}"
        wanted = f", with {', '.join(names)}" if names else ""
        raise ValueError(f"expected what state_dict() returned{wanted}; got {found}")
    return state


def array_of_state(state: Any, name: str, like: np.ndarray) -> np.ndarray:
    """The array ``name`` of ``state`` in a new array of the shape and dtype of ``like``.

    Raises:
        ValueError: it is missing, or has another shape or kind of numbers, or NaN or infinity.
    """
    held = of_state(state, name)[name]
    try:
        found = np.array(held)
        right = found.shape == like.shape and np.can_cast(found.dtype, like.dtype, "same_kind") and np.isfinite(found).all()
    except (TypeError, ValueError) as error:
        raise ValueError(f"expected what state_dict() returned: {name!r} is no array of numbers ({error})") from error
    if not right:
        raise ValueError(
            f"the state has {name} of shape {found.shape} and dtype {found.dtype}, or with NaN; expected shape {like.shape} "
            f"and {like.dtype}: it is of another wrapper"
        )
    return found.astype(like.dtype)
