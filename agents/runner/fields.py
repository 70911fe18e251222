"""Values for the fields of a dataclass from TOML, from text, and back."""

import dataclasses
import os
import sys
import types
from numbers import Integral, Real
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import tomli_w

from papergym.agents.errors import UsageError, unknown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def names(kind: type) -> set[str]:
    """Names of the fields of a dataclass."""
    return {item.name for item in dataclasses.fields(kind)}


def fit(kind: type, name: str, value: Any, where: str = "") -> Any:
    """``value`` as the field ``name`` of ``kind`` holds it.

    Args:
        kind: dataclass.
        name: its field.
        value: of the field's type, a TOML value of it, or text that reads as one ("1e6", "true", "64,64").
        where: place of the value, for the message.

    Raises:
        UsageError: no such field, or a value of another type.
    """
    if name not in names(kind):
        raise unknown("setting", name, names(kind), where)
    hint = get_type_hints(kind)[name]
    try:
        return _fit(hint, value)
    except (TypeError, ValueError):
        place = f"{where}: " if where else ""
        raise UsageError(f"{place}{name} is {value!r}, expected {_describe(hint)}.") from None


def _fit(hint: Any, value: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        return _fit_union(get_args(hint), value)
    if get_origin(hint) is tuple:
        return _fit_tuple(get_args(hint), value)
    if get_origin(hint) is Literal and value in get_args(hint):
        return value
    if hint is bool:
        value = {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value
        if not isinstance(value, bool):
            raise TypeError
        return value
    if hint in (int, float):
        return number(hint, value)
    if hint is str and isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    if hint in (type(None), None) and value in (None, "None", "none"):
        return None
    if hint is Any or (isinstance(hint, type) and isinstance(value, hint)):
        return value
    if hint is str and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)  # TOML and text know no difference between temperature=0.2 and "0.2"
    raise TypeError


def number(kind: type, value: Any) -> Any:
    """A number of the type ``kind`` from a number, Python's or NumPy's, or text; 1e6 and 1_000_000 are whole numbers.

    Raises:
        TypeError, ValueError: not a number, or not a whole one where ``kind`` is int.
    """
    if isinstance(value, bool) or not isinstance(value, (Real, str)):
        raise TypeError
    if kind is float:
        return float(value)
    try:
        return int(value) if isinstance(value, (Integral, str)) else _whole(float(value))
    except ValueError:
        return _whole(float(value))


def _whole(value: float) -> int:
    if not value.is_integer():
        raise ValueError
    return int(value)


def _fit_union(hints: tuple[Any, ...], value: Any) -> Any:
    for hint in sorted(hints, key=lambda hint: hint is not type(None)):
        try:
            return _fit(hint, value)
        except (TypeError, ValueError):
            continue
    raise TypeError


def _fit_tuple(hints: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    items = value.replace(",", " ").split() if isinstance(value, str) else value
    if isinstance(items, (int, float)):
        items = [items]
    if not isinstance(items, (list, tuple)):
        raise TypeError
    if hints[-1:] == (Ellipsis,):
        hints = (hints[0],) * len(items)
    if len(hints) != len(items):
        raise ValueError
    return tuple(_fit(hint, item) for hint, item in zip(hints, items))


def _describe(hint: Any) -> str:
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_describe(part) for part in get_args(hint))
    if get_origin(hint) is tuple:
        parts = get_args(hint)
        return f"a list of {_describe(parts[0])}" if parts[-1:] == (Ellipsis,) else f"{len(parts)} values"
    if get_origin(hint) is Literal:
        return f"one of {', '.join(map(str, get_args(hint)))}"
    known = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "None"}
    return known.get(hint, getattr(hint, "__name__", str(hint)))


def key_values(pairs: tuple[str, ...], option: str) -> dict[str, Any]:
    """``KEY=VALUE`` strings as a dict; values are read as TOML, else as text.

    Raises:
        UsageError: a pair without ``=``, or one key with two values.
    """
    result: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"{option} expects KEY=VALUE, got {pair!r}.")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = {"True": True, "False": False}.get(text, text)
        if key in result and result[key] != value:
            raise UsageError(f"{option} gives {key!r} twice: {result[key]!r} and {value!r}.")
        result[key] = value
    return result


def completed(given: dict[str, Any], preset: dict[str, Any]) -> dict[str, Any]:
    """The given values, and those of a preset that they leave open; tables are merged entry by entry."""
    both = {name for name in given.keys() & preset.keys() if isinstance(given[name], dict) and isinstance(preset[name], dict)}
    return {**preset, **given, **{name: completed(given[name], preset[name]) for name in both}}


def as_key_values(values: dict[str, Any]) -> tuple[str, ...]:
    """Inverse of :func:`key_values`."""
    return tuple(f"{key}={_inline(value)}" for key, value in values.items())


def _inline(value: Any) -> str:
    """``value`` as TOML in one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_inline_key(name)} = {_inline(part)}" for name, part in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return tomli_w.dumps({"value": value}).removeprefix("value = ").strip()


def _inline_key(name: str) -> str:
    return tomli_w.dumps({name: 0}).removesuffix(" = 0\n")


def to_table(owner: Any) -> dict[str, Any]:
    """A dataclass instance as a TOML table; fields that are None are listed under ``unset``."""
    values = {item.name: getattr(owner, item.name) for item in dataclasses.fields(owner)}
    table: dict[str, Any] = {
        key: list(value) if isinstance(value, tuple) else value for key, value in values.items() if value is not None
    }
    unset = [key for key, value in values.items() if value is None]
    return {**table, **({"unset": unset} if unset else {})}


def from_table(kind: type, table: dict[str, Any], where: str) -> Any:
    """Inverse of :func:`to_table`.

    Raises:
        UsageError: a field that ``kind`` does not have, or a value of a wrong type.
    """
    if not isinstance(table, dict):
        raise UsageError(f"{where}: expected a table, got {table!r}.")
    values = dict(table)
    unset = values.pop("unset", [])
    if not isinstance(unset, list):
        raise UsageError(f"{where}: unset is {unset!r}, expected a list of names.")
    for key in [*values, *unset]:
        if key not in names(kind):
            raise unknown(f"field of {where}", str(key), names(kind), "The run was made by another version of papergym.")
    values |= dict.fromkeys(unset)
    return kind(**{key: fit(kind, key, value, where) for key, value in values.items()})
