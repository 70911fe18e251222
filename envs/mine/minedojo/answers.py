"""What the process of MineDojo may answer. It is a foreign program: each field is checked before it is used."""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.spaces import LIDAR_RAYS, VOXEL_SIZE, observation_space

MAX_BYTES = 64 * 2**20
"""Largest answer. That of a step has about 20 kB."""
FIELDS: dict[str, dict[str, type]] = {
    "make": {"observation_space": dict, "action_nvec": list, "no_op": list, "prompt": str},
    "reset": {"observation": dict},
    "step": {"observation": dict, "reward": float, "done": bool, "success": bool, "dead": bool, "failed": bool},
    "command": {"observation": dict, "failed": bool},
    "close": {},
}
"""Request -> fields of its answer."""
_REFUSAL: dict[str, type] = {"kind": str, "error": str}
_WORDS = {
    dict: "an object",
    str: "text",
    float: "a finite number",
    bool: "true or false",
    int: "a whole number",
    list: "a list",
}
_NAME_TABLES = {"block_name": vocab.block_id, "entity_name": vocab.entity_id}


class BadAnswer(ValueError):
    """An answer that the protocol does not allow; the message names the field, what it should be and what came."""


def parse(body: bytes) -> dict[str, Any]:
    """A message as a dict with a whole number ``id``.

    Raises:
        BadAnswer: no JSON object, or one without the number of its request.
    """
    try:
        message = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadAnswer(f"expected JSON, got {short(body)} ({short(error)})") from None
    if not isinstance(message, dict):
        raise BadAnswer(f"expected a JSON object, got {short(message)}")
    _field(message, "id", int)
    return message


def check(op: str, message: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an answer to ``op``; of a refusal ``ok``, ``kind`` and ``error``.

    Raises:
        BadAnswer: a field is missing or is of another type.
    """
    fine = _field(message, "ok", bool)
    wanted = FIELDS[op] if fine else _REFUSAL
    return {"ok": fine, **{name: _field(message, name, kind) for name, kind in wanted.items()}}


def short(value: Any, most: int = 80) -> str:
    """``value`` in a message that stays readable."""
    text = value if isinstance(value, str) else str(value) if isinstance(value, Exception) else repr(value)
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def _field(holder: Mapping[str, Any], name: str, kind: type, place: str = "") -> Any:
    where = f"{place}/{name}" if place else name
    if name not in holder:
        raise BadAnswer(f"expected the field {where!r}, {_WORDS[kind]}, which is missing; got {short(sorted(holder))}")
    value = holder[name]
    if kind is float:
        right = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    else:
        right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if not right:
        raise BadAnswer(f"the field {where!r} must be {_WORDS[kind]}, got {short(repr(value))}")
    return value


def contract(size: tuple[int, int], described: Mapping[str, Any], kwargs: Mapping[str, Any]) -> spaces.Dict:
    """The contract's space for what a task observes.

    Args:
        size: (H, W) of the image.
        described: ``observation_space`` of the answer to ``make``, path -> type, shape and bounds.
        kwargs: the arguments of ``make``.

    Raises:
        BadAnswer: other keys or shapes than those of minedojo 0.1, or an entry without a shape.
    """
    theirs = {}
    for path, entry in described.items():
        if not isinstance(entry, Mapping):
            raise BadAnswer(f"the field 'observation_space/{path}' must be an object, got {short(repr(entry))}")
        theirs[path] = _shape(entry, f"observation_space/{path}")
    groups = {path.split("/")[0] for path in theirs}
    voxels = kwargs.get("voxel_size", VOXEL_SIZE) if "voxels" in groups else None
    rays = kwargs.get("lidar_rays", LIDAR_RAYS) if "rays" in groups else None
    space = observation_space(size, voxel_size=voxels, lidar_rays=rays)
    ours = {path: leaf.shape or () for path, leaf in _leaves(space).items()}
    if ours != theirs:
        wrong = short(repr(sorted(set(ours.items()) ^ set(theirs.items()))), 1000)
        raise BadAnswer(f"this minedojo observes other keys or shapes than 0.1 does: {wrong}. Install minedojo==0.1")
    return space


def check_actions(space: spaces.MultiDiscrete, nvec: list[Any]) -> None:
    """Raise BadAnswer where the game has other actions than ``space``."""
    if nvec != space.nvec.tolist():
        raise BadAnswer(f"the field 'action_nvec' must be {space.nvec.tolist()}, got {short(repr(nvec))}")


def _leaves(space: spaces.Dict) -> dict[str, spaces.Space]:
    """Path -> space of each leaf."""
    return {
        f"{group}/{key}" if key else group: leaf
        for group, inner in space.items()
        for key, leaf in (inner.items() if isinstance(inner, spaces.Dict) else [("", inner)])
    }


def observation(flat: Mapping[str, Any], space: spaces.Dict, before: Mapping[str, Any]) -> dict[str, Any]:
    """An observation of ``space`` from its leaves, path -> dtype, shape and data.

    Args:
        flat: the field ``observation`` of an answer. Groups that the contract lacks, such as ``full_stats``, are left out.
        space: what :func:`contract` returned.
        before: the image, and groups that are kept where the answer has nothing new.

    Raises:
        BadAnswer: a leaf that is wrong, or is missing from the answer and from ``before``.
    """
    leaves, found = _leaves(space), {group: dict(part) if isinstance(part, Mapping) else part for group, part in before.items()}
    for path, value in flat.items():
        group, _, key = path.partition("/")
        if group in space.spaces:
            if not key or path not in leaves:
                raise BadAnswer(f"the field 'observation/{path}' is not in the contract")
            found.setdefault(group, {})[key] = _leaf(path, value, leaves[path])
    for path in leaves:
        group, _, key = path.partition("/")
        if key and key not in found.get(group, {}):
            raise BadAnswer(f"the field 'observation/{path}' is missing")
    return found


def _shape(entry: Mapping[str, Any], path: str) -> tuple[int, ...]:
    shape = _field(entry, "shape", list, path)
    if not all(isinstance(side, int) and not isinstance(side, bool) and side >= 0 for side in shape):
        raise BadAnswer(f"the field '{path}/shape' must be whole numbers of at least 0, got {short(repr(shape))}")
    return tuple(shape)


def _leaf(path: str, value: Any, space: spaces.Space) -> Any:
    """One leaf of an observation in the form of the contract's space: names as ids, flags as bool, clipped to the bounds.

    Raises:
        BadAnswer: another shape or type, NaN or infinity, or a name that the game does not have.
    """
    where = f"observation/{path}"
    if not isinstance(value, Mapping):
        raise BadAnswer(f"the field {where!r} must be an object, got {short(repr(value))}")
    shape, dtype, data = _shape(value, where), _field(value, "dtype", str, where), _field(value, "data", list, where)
    if shape != (space.shape or ()) or len(data) != math.prod(shape):
        raise BadAnswer(f"the field {where!r} must have shape {space.shape}, got shape {shape} and {len(data)} entries")
    array = _named(path, data) if dtype == "str" else _numbers(where, data)
    array = array.reshape(shape)
    if isinstance(space, spaces.Box):
        return np.clip(array, space.low, space.high).astype(space.dtype)
    taken = np.int64(array) if isinstance(space, spaces.Discrete) else array.astype(space.dtype)
    if not space.contains(taken):
        raise BadAnswer(f"the field {where!r} must lie in {short(str(space))}, got {short(repr(data))}")
    return taken


def _numbers(where: str, data: list[Any]) -> np.ndarray:
    if not all(isinstance(one, int | float) for one in data):
        raise BadAnswer(f"the field {where!r} must be numbers, got {short(repr(data))}")
    array = np.array(data)
    if array.dtype.kind not in "biuf" or not np.isfinite(array).all():  # a number beyond 64 bits gives an array of objects
        raise BadAnswer(f"the field {where!r} must be finite numbers, got {short(repr(data))}")
    return array


def _named(path: str, data: list[Any]) -> np.ndarray:
    lookup = _NAME_TABLES.get(path.rsplit("/", 1)[-1], vocab.item_id)
    try:
        return np.array([lookup(name) for name in data], np.int64)
    except (AttributeError, ValueError) as error:  # no text, or no name of the game
        raise BadAnswer(f"the field 'observation/{path}' must be names of the game: {short(error)}") from None
