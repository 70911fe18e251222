"""Entries of a state vector, with units: the parts written in assets/dmc/observations.toml, read with a MuJoCo model."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from papergym.envs.render.native import mujoco


class Entry(NamedTuple):
    """One entry of a state vector: what it is, its unit ("1" for a plain number), and for how many numbers it stands."""

    meaning: str
    unit: str
    count: int = 1


_J, _S = mujoco.mjtJoint, mujoco.mjtSensor
_SENSORS: dict[Any, tuple[str, str]] = {
    _S.mjSENS_TOUCH: ("touch force", "N"),
    _S.mjSENS_FORCE: ("force", "N"),
    _S.mjSENS_TORQUE: ("torque", "N·m"),
    _S.mjSENS_ACCELEROMETER: ("acceleration", "m/s²"),
    _S.mjSENS_VELOCIMETER: ("velocity", "m/s"),
    _S.mjSENS_GYRO: ("angular velocity", "rad/s"),
    _S.mjSENS_RANGEFINDER: ("distance", "m"),
}


def read(part: Mapping[str, Any], model: Any, texts: Mapping[str, list[list[str]]]) -> list[Entry]:
    """The entries of one part of an observation.

    Args:
        part: as described at the head of assets/dmc/observations.toml.
        model: compiled ``mujoco.MjModel``.
        texts: lists of meanings and units by name.

    Raises:
        ValueError: a part of no known kind.
    """
    readers = {"text": _text, "texts": _texts, "qpos": _qpos, "qvel": _qvel, "forces": _forces}
    readers |= {"sensors": _sensors, "sensor_types": _sensors, "activations": _activations}
    kinds = [kind for kind in readers if kind in part]
    if len(kinds) != 1:
        raise ValueError(f"a part of an observation has one of {', '.join(readers)}; got {dict(part)}")
    names = part.get("texts")
    part = {**part, "texts": texts[names]} if isinstance(names, str) else part
    entries = readers[kinds[0]](part, model)
    entries = entries[part.get("skip", 0) :] if kinds[0] in ("qpos", "qvel") else entries
    if "clipped" in part:
        entries = [entry._replace(meaning=f"{entry.meaning}, clipped to ±{part['clipped']}") for entry in entries]
    return entries


def _text(part: Mapping[str, Any], model: Any) -> list[Entry]:
    if "of" in part:
        return _texts({**part, "texts": [[part["text"], part["unit"]]]}, model)
    text = part["text"] if "axes" not in part or "{}" in part["text"] else f"{part['text']}, {{}}"
    return [Entry(text.format(axis), part["unit"]) for axis in part.get("axes", [""])]


def _texts(part: Mapping[str, Any], model: Any) -> list[Entry]:
    names, count = part["of"], part.get("count", 1)
    if isinstance(names, str):
        first = {"bodies": 1, "all bodies": 0}[names] + part.get("skip", 0)
        names = [model.body(index).name for index in range(first, model.nbody)]
    return [Entry(meaning.format(f"`{name}`"), unit, count) for name in names for meaning, unit in part["texts"]]


def _joints(model: Any, wanted: str | list[str]) -> list[int]:
    if not isinstance(wanted, str):
        return [model.joint(name).id for name in wanted]
    return [joint for joint in range(model.njnt) if wanted == "all" or model.jnt_type[joint] == _J.mjJNT_HINGE]


def _qpos(part: Mapping[str, Any], model: Any) -> list[Entry]:
    return [entry for joint in _joints(model, part["qpos"]) for entry in _position(model, joint)]


def _qvel(part: Mapping[str, Any], model: Any) -> list[Entry]:
    return [entry for joint in _joints(model, part["qvel"]) for entry in _velocity(model, joint)]


def _forces(part: Mapping[str, Any], model: Any) -> list[Entry]:
    """Actuator forces, which stand in the order of the velocities."""
    entries = _qvel({"qvel": part["forces"]}, model)
    units = {"rad/s": "N·m", "m/s": "N"}
    words = (("angular velocity", "actuator torque"), ("velocity", "actuator force"))
    for old, new in words:
        entries = [entry._replace(meaning=entry.meaning.replace(old, new)) for entry in entries]
    return [entry._replace(unit=units[entry.unit]) for entry in entries]


def _position(model: Any, joint: int) -> list[Entry]:
    name, kind = f"`{model.joint(joint).name}`", model.jnt_type[joint]
    if kind == _J.mjJNT_HINGE:
        return [Entry(f"angle of {name}", "rad")]
    if kind == _J.mjJNT_SLIDE:
        return [Entry(f"position of {name}", "m")]
    turn = [Entry(f"orientation of {name}, quaternion {part}", "1") for part in "wxyz"]
    return turn if kind == _J.mjJNT_BALL else [Entry(f"position of {name}, {axis}", "m") for axis in "xyz"] + turn


def _velocity(model: Any, joint: int) -> list[Entry]:
    name, kind = f"`{model.joint(joint).name}`", model.jnt_type[joint]
    if kind == _J.mjJNT_HINGE:
        return [Entry(f"angular velocity of {name}", "rad/s")]
    if kind == _J.mjJNT_SLIDE:
        return [Entry(f"velocity of {name}", "m/s")]
    turn = [Entry(f"angular velocity of {name} in its own frame, {axis}", "rad/s") for axis in "xyz"]
    return turn if kind == _J.mjJNT_BALL else [Entry(f"velocity of {name}, {axis}", "m/s") for axis in "xyz"] + turn


def _sensors(part: Mapping[str, Any], model: Any) -> list[Entry]:
    """Readings of sensors by name, in that order, or by type, in the model's order."""
    if "sensors" in part:
        numbers = [model.sensor(name).id for name in part["sensors"]]
    else:
        kinds = [getattr(_S, f"mjSENS_{kind.upper()}") for kind in part["sensor_types"]]
        numbers = [number for number in range(model.nsensor) if _S(model.sensor_type[number]) in kinds]
    return [entry for number in numbers for entry in _reading(model, number, part.get("scale", "{}"))]


def _reading(model: Any, number: int, scale: str) -> list[Entry]:
    quantity, unit = _SENSORS[_S(model.sensor_type[number])]
    meaning = f"{quantity} at sensor `{model.sensor(number).name}`"
    axes = [""] if model.sensor_dim[number] == 1 else [f", {axis}" for axis in "xyz"]
    return [Entry(f"{meaning}{axis}", scale.format(unit)) for axis in axes]


def _activations(part: Mapping[str, Any], model: Any) -> list[Entry]:
    """States of the actuators that have one: their low-pass filtered control."""
    stateful = [model.actuator(index).name for index in range(model.nu) if model.actuator_actadr[index] >= 0]
    return [Entry(f"filtered control of `{name}`", part["activations"]) for name in stateful]
