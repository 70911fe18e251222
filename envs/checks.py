"""Checks of arguments that several environments and wrappers take: one rule for each kind of argument."""

from collections.abc import Collection, Mapping, Sequence
from math import inf, isfinite, nan
from numbers import Real
from operator import index
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces


class ActionError(ValueError, TypeError):
    """An action that the environment cannot take; nothing has changed."""


class ResetNeeded(gym.error.ResetNeeded, RuntimeError):
    """A step before the first reset or after the end of an episode; nothing has changed."""


def is_whole(value: Any) -> bool:
    """Whether ``value`` is one integer: Python's, NumPy's, or an array or tensor without axes. No bool, no float."""
    if isinstance(value, bool) or "bool" in str(getattr(value, "dtype", "")) or getattr(value, "ndim", 0):
        return False
    try:
        index(value)
    except TypeError:
        return False
    return True


def whole(name: str, value: Any, least: float = 1, most: float = inf, unit: str = "") -> int:
    """``value`` as a Python int.

    Args:
        name: what errors call the argument.
        value: what the user gave.
        least: smallest value that is accepted.
        most: largest value that is accepted.
        unit: what is counted, for the error.

    Raises:
        ValueError: no integer (see :func:`is_whole`), or out of the range.
    """
    if not is_whole(value) or not least <= index(value) <= most:
        of = f" of {unit}" if unit else ""
        bounds = "" if least == -inf else f", at least {least}" if most == inf else f" from {least} to {most}"
        raise ValueError(f"{name} is a whole number{of}{bounds}; got {value!r}")
    return index(value)


def number(name: str, value: Any, low: float = -inf, high: float = inf, *, above: bool = False) -> float:
    """``value`` as a finite Python float.

    Args:
        name: what errors call the argument.
        value: what the user gave: an int, a float, or NumPy's, also as an array without axes. No bool, no text.
        low: smallest value that is accepted.
        high: largest value that is accepted.
        above: whether ``low`` itself is refused.

    Raises:
        ValueError: no finite number, or out of the range.
    """
    plain: Any = value[()] if isinstance(value, np.ndarray) and not value.ndim else value
    real = isinstance(plain, Real) and not isinstance(plain, bool | np.bool_)
    try:
        found = float(plain) if real else nan
    except OverflowError:  # an integer too large for a float
        found = nan
    if not isfinite(found) or not low <= found <= high or (above and found == low):
        least = "" if low == -inf else f" above {low:g}" if above else f", at least {low:g}"
        most = "" if high == inf else f", at most {high:g}"
        raise ValueError(f"{name} must be a finite number{least}{most}; got {value!r}")
    return found


def flag(name: str, value: Any) -> bool:
    """``value`` as a Python bool.

    Raises:
        ValueError: neither True nor False, of Python or NumPy.
    """
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} is True or False; got {value!r}")
    return bool(value)


def one_of(name: str, value: Any, known: Collection[Any]) -> Any:
    """``value``, which is one of the texts ``known``, or None where that is among them.

    Raises:
        ValueError: another text, or no text.
    """
    if not (value is None or isinstance(value, str)) or value not in known:
        raise ValueError(f"{name} is one of {', '.join(map(str, known))}; got {value!r}")
    return value


def text(name: str, value: Any) -> str:
    """``value``, a text that is not empty.

    Raises:
        ValueError: anything else.
    """
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is a text that is not empty; got {value!r}")
    return value


def texts(name: str, value: Any) -> list[str]:
    """``value`` as a list of texts.

    Raises:
        ValueError: one text, or something else that is no sequence of texts.
    """
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{name} is a sequence of texts; got {value!r}")
    return list(value)


def seed_of(seed: Any) -> int | None:
    """A seed as Gymnasium takes it: None or a Python int.

    Raises:
        ValueError: neither None nor an integer of at least 0.
    """
    return None if seed is None else whole("seed", seed, 0)


def seeds_of(seed: Any, count: int) -> list[int | None]:
    """One seed for each of ``count`` environments, as Gymnasium's vector environments share them out.

    Args:
        seed: None, the first environment's seed (the next ones follow), or one seed or None for each.
        count: number of environments.

    Raises:
        ValueError: another number of seeds, or one that :func:`seed_of` refuses.
    """
    if seed is None or is_whole(seed) or not isinstance(seed, Sequence | np.ndarray) or isinstance(seed, str | bytes):
        first = seed_of(seed)
        return [None if first is None else first + place for place in range(count)]
    if len(seed) != count:
        raise ValueError(f"one seed per environment: expected {count}, got {len(seed)}")
    return [seed_of(one) for one in seed]


def mask_of(mask: Any, count: int) -> np.ndarray:
    """``options["reset_mask"]`` of ``count`` environments, (count,) bool.

    Raises:
        ValueError: another shape or dtype, or no True.
    """
    if not isinstance(mask, np.ndarray) or mask.shape != (count,) or mask.dtype != bool or not mask.any():
        raise ValueError(f"options['reset_mask'] is a bool array of shape ({count},) with a True; got {mask!r}")
    return mask


def options_of(options: Any, known: Collection[str] | None = ()) -> dict[str, Any]:
    """The options of a reset as a new dict; ``known`` None takes every name.

    Raises:
        ValueError: no mapping, or a name that this environment does not know.
    """
    if options is not None and not isinstance(options, Mapping):
        raise ValueError(f"reset options are a mapping or None; got {options!r}")
    given = dict(options or {})
    if known is not None and (unknown := [name for name in given if name not in known]):
        takes = f"takes the options {', '.join(sorted(known))}" if known else "takes no options"
        raise ValueError(f"reset {takes}, got {', '.join(map(str, unknown))}: unknown reset options")
    return given


def sides(size: Any, most: float = inf) -> tuple[int, int] | None:
    """(height, width) in pixels of an image's size, which is that or one number for a square.

    None unless it is one or two whole numbers from 1 to ``most``; the caller knows what the size is called.
    """
    several = isinstance(size, Sequence) or (isinstance(size, np.ndarray) and size.ndim == 1)
    found: list[Any] = list(size) if several else [size, size]
    if len(found) != 2 or not all(is_whole(side) and 1 <= index(side) <= most for side in found):
        return None
    return index(found[0]), index(found[1])


def choice_of(action: Any, space: spaces.Discrete, what: str) -> int:
    """An action of a Discrete space as a Python int; an array or tensor of one integer will do.

    Args:
        action: what the user gave.
        space: the action space.
        what: what errors call it, for example "an action of BlindCliffwalk".

    Raises:
        ActionError: no whole number, or outside the space.
    """
    if type(action) is int and 0 <= action - int(space.start) < int(space.n):  # most steps; the rest takes a microsecond
        return action
    try:
        array = np.asarray(action)
        right = array.size == 1 and array.dtype.kind in "iu" and space.contains(int(array.item()))
    except (TypeError, ValueError, RuntimeError):  # a list of lists of different lengths, a tensor on a GPU
        right = False
    if not right:
        raise ActionError(f"{what} is a whole number in {space}, got {action!r}")
    return int(array.item())


def finite_action(action: Any, space: spaces.Space, what: str) -> np.ndarray:
    """An action of a Box as a new float64 array; bounds are not looked at.

    Args:
        action: what the user gave: an array, a list or a tensor of floats.
        space: whose shape the action has.
        what: what errors call it, for example "the action of home_0".

    Raises:
        ActionError: another shape, no floats, or NaN or infinity.
    """
    try:
        array = np.asarray(action.detach().cpu() if hasattr(action, "detach") else action)
    except (TypeError, ValueError, RuntimeError) as error:
        raise _no_action(what, space, f"{action!r} ({error})") from None
    if array.dtype.kind != "f":
        raise _no_action(what, space, f"dtype {array.dtype}. Convert with action.astype('float32').")
    if array.shape != space.shape:
        raise _no_action(what, space, str(array.shape))
    if not np.isfinite(array).all():
        raise _no_action(what, space, f"{array}. Check the policy for NaN or overflow.")
    return array.astype(np.float64)


def _no_action(what: str, space: spaces.Space, got: str) -> ActionError:
    return ActionError(f"{what} must be finite numbers, float32 of shape {space.shape}; got {got}")
