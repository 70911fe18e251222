"""What stands in a state vector, entry by entry with units, read from the joints, sensors and bodies of a MuJoCo model."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from papergym.envs.render.native import mujoco


class Entry(NamedTuple):
    """One entry of a state vector: what it is, its unit ("1" for a plain number), and for how many numbers it stands."""

    meaning: str
    unit: str
    count: int = 1


Entries = Callable[[Any], list[Entry]]
"""Reads the entries of one observation from a compiled ``mujoco.MjModel``."""

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


def plain(unit: str, *meanings: str) -> Entries:
    """The same entries for every model."""
    return lambda model: [Entry(meaning, unit) for meaning in meanings]


def vector(unit: str, meaning: str, axes: str = "xyz") -> Entries:
    """One entry per axis."""
    return plain(unit, *(f"{meaning}, {axis}" for axis in axes))


def each(names: Iterable[str] | None, *templates: tuple[str, str]) -> Entries:
    """Templates (meaning with ``{}``, unit) filled with each name in turn; None stands for all bodies of the model."""

    def read(model: Any) -> list[Entry]:
        chosen = [model.body(index).name for index in range(1, model.nbody)] if names is None else names
        return [Entry(meaning.format(f"`{name}`"), unit) for name in chosen for meaning, unit in templates]

    return read


def chain(*parts: Entries) -> Entries:
    """Entries of several makers, one after the other."""
    return lambda model: [entry for part in parts for entry in part(model)]


def positions(skip: int = 0, joints: Iterable[str] | None = None, hinges: bool = False) -> Entries:
    """``qpos`` of the joints: all, the named ones in their order, or all hinges; without the first ``skip`` numbers."""
    return lambda model: [entry for joint in _chosen(model, joints, hinges) for entry in _position(model, joint)][skip:]


def velocities(joints: Iterable[str] | None = None, hinges: bool = False) -> Entries:
    """``qvel`` of the joints, chosen like :func:`positions`."""
    return lambda model: [entry for joint in _chosen(model, joints, hinges) for entry in _velocity(model, joint)]


def _chosen(model: Any, joints: Iterable[str] | None, hinges: bool) -> list[int]:
    if joints is not None:
        return [model.joint(name).id for name in joints]
    return [joint for joint in range(model.njnt) if not hinges or model.jnt_type[joint] == _J.mjJNT_HINGE]


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


def sensors(*wanted: str | int, scale: str = "{}") -> Entries:
    """Readings of sensors given by name in that order, or by type in the model's; ``scale`` is what is done to them."""

    def read(model: Any) -> list[Entry]:
        kinds = [kind for kind in wanted if not isinstance(kind, str)]
        numbers = [number for number in range(model.nsensor) if _S(model.sensor_type[number]) in kinds]
        numbers += [model.sensor(name).id for name in wanted if isinstance(name, str)]
        return [entry for number in numbers for entry in _reading(model, number, scale)]

    return read


def _reading(model: Any, number: int, scale: str) -> list[Entry]:
    quantity, unit = _SENSORS[_S(model.sensor_type[number])]
    meaning = f"{quantity} at sensor `{model.sensor(number).name}`"
    if model.sensor_dim[number] == 1:
        return [Entry(meaning, scale.format(unit))]
    return [Entry(f"{meaning}, {axis}", scale.format(unit)) for axis in "xyz"]


def activations(unit: str) -> Entries:
    """States of the actuators that have one: their low-pass filtered control."""

    def read(model: Any) -> list[Entry]:
        stateful = [model.actuator(index).name for index in range(model.nu) if model.actuator_actadr[index] >= 0]
        return [Entry(f"filtered control of `{name}`", unit) for name in stateful]

    return read
