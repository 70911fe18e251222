"""What a replay memory takes: numbers that are finite and fit, or an error that names the field."""

import operator
from typing import Any

import numpy as np

from papergym.agents.checkpoint.state import State
from papergym.agents.jit import jit
from papergym.envs.checks import is_whole


def stored(name: str, value: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """``value`` as a memory keeps it, of ``shape`` and ``dtype``; axes of length 1 may be missing or too many.

    Raises:
        ValueError: no numbers, another shape, NaN or infinity (after the conversion too), or a number that an
            integer dtype cannot hold.
    """
    array = np.asarray(value)
    kept = array if array.dtype == dtype and array.shape == shape else _converted(name, value, array, shape, dtype)
    if dtype.kind == "f" and not all_finite(kept):
        raise ValueError(f"{name}: expected finite numbers of {dtype}, got {_first(array, ~np.isfinite(kept))}.")
    return kept


def _converted(name: str, value: Any, array: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected numbers, got {array.dtype} ({type(value).__name__}).")
    if _long(array.shape) != _long(shape):
        raise ValueError(f"{name}: expected the shape {shape}, got {array.shape}.")
    array = array.reshape(shape)
    if array.dtype == dtype:
        return array
    with np.errstate(over="ignore", invalid="ignore"):
        kept = array.astype(dtype)
    if dtype.kind != "f" and (kept != array).any():
        raise ValueError(f"{name}: expected numbers that {dtype} holds exactly, got {_first(array, kept != array)}.")
    return kept


def flat(value: Any, count: int, shape: tuple[int, ...]) -> Any:
    """``value`` of shape (count, ``*shape``) as (count, size), up to axes of length 1; others as they are, to be refused."""
    return np.reshape(value, (count, -1)) if _long(np.shape(value)) == _long((count, *shape)) else value


def _long(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes that are not of length 1: an array reshaped between shapes that agree in them keeps its layout."""
    return tuple(length for length in shape if length != 1)


def all_finite(array: np.ndarray) -> bool:
    """Whether an array of floats holds neither NaN nor infinity; on small arrays several times as fast as numpy."""
    if array.dtype.itemsize not in (4, 8):  # half and extended precision are unknown to numba
        return bool(np.isfinite(array).all())
    return _finite(array if array.ndim == 2 else array.reshape(1, -1))


@jit
def _finite(values):
    for row in values:
        for value in row:
            if not np.isfinite(value):
                return False
    return True


@jit
def narrow(values, target):
    """Copy float64 ``values`` (n * m,) into float32 ``target`` (n, m); what is too large becomes infinite, without warning."""
    rows, columns = target.shape
    for row in range(rows):
        for column in range(columns):
            target[row, column] = values[row * columns + column]


@jit
def all_below(values, end):
    """Whether all of ``values``, integers ``(n,)``, lie in 0 ... ``end - 1``."""
    for value in values:  # noqa: SIM110
        if value < 0 or value >= end:
            return False
    return True


def exactly(name: str, value: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """:func:`stored`, of values that have ``shape`` already, as those of a saved memory do.

    Raises:
        ValueError: others.
    """
    if np.shape(value) != shape:
        raise ValueError(f"{name}: expected the shape {shape}, got {np.shape(value)}.")
    return stored(name, value, shape, dtype)


def flags(name: str, value: Any, count: int) -> np.ndarray:
    """``count`` values that are 0 or 1, False or True.

    Raises:
        ValueError: others.
    """
    array = np.asarray(value)
    if array.dtype.kind == "b" and array.size == count:
        return array.reshape(count)
    if array.dtype.kind not in "biuf" or array.size != count:
        raise ValueError(f"{name}: expected {count} times 0 or 1, got {value!r}.")
    if not ((array == 0) | (array == 1)).all():
        raise ValueError(f"{name}: expected 0 or 1, got {_first(array, (array != 0) & (array != 1))}.")
    return array.reshape(count)


def whole(name: str, value: Any, least: int = 0, most: int | None = None) -> int:
    """A whole number between ``least`` and ``most``, both included.

    Raises:
        ValueError: another value.
    """
    if type(value) is int and value >= least and (most is None or value <= most):
        return value
    wanted = f"a whole number of at least {least}" if most is None else f"a whole number from {least} to {most}"
    if not is_whole(value) or value < least or (most is not None and value > most):
        raise ValueError(f"{name}: expected {wanted}, got {value!r}.")
    return operator.index(value)


def entries(state: Any, names: tuple[str, ...]) -> list[Any]:
    """Entries of a saved state.

    Raises:
        ValueError: no state, or one that lacks an entry.
    """
    if not isinstance(state, dict):
        raise ValueError(f"expected the state of a memory, got {type(state).__name__}.")
    missing = [name for name in names if name not in state]
    if missing:
        raise ValueError(f"the saved memory has no {', '.join(missing)}; it has {', '.join(map(str, state)) or 'nothing'}.")
    return [state[name] for name in names]


def column(name: str, value: Any, length: int, *, least: float = 0.0) -> np.ndarray:
    """``length`` finite numbers of at least ``least``, float64.

    Raises:
        ValueError: others.
    """
    array = exactly(name, value, (length,), np.dtype(np.float64))
    if (array < least).any():
        raise ValueError(f"{name}: expected numbers of at least {least:g}, got {array.min()}.")
    return array


def scalar(name: str, value: Any) -> float:
    """A finite number that is not negative.

    Raises:
        ValueError: another value.
    """
    return float(column(name, np.asarray(value)[None], 1)[0])


def check_generator(state: State) -> None:
    """Look at the saved state of numpy's default generator.

    Raises:
        ValueError: it is none.
    """
    try:
        np.random.default_rng(0).bit_generator.state = state
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise ValueError(f"generator: expected the state of a numpy generator, got {state!r:.80}.") from error


def _first(array: np.ndarray, bad: np.ndarray) -> Any:
    return array.reshape(bad.shape)[bad].flat[0]
