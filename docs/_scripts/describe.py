"""Tables for people: what each entry of an action and of a state vector is, in which unit."""

from typing import Any, NamedTuple

import numpy as np
from entries import Entry
from meanings import dmc_observation

from papergym.envs.dmc import load
from papergym.envs.render.native import mujoco


class Actuator(NamedTuple):
    """One entry of an action: its actuator, what -1 to 1 stands for, and the unit of ``low`` and ``high``."""

    name: str
    drives: str
    low: float
    high: float
    unit: str


class Part(NamedTuple):
    """One key of an observation: its first number in the state vector, and its entries."""

    key: str
    start: int
    entries: list[Entry]


def actuators(model: Any) -> list[Actuator]:
    """The actuators of a compiled model, in the order of the action.

    Raises:
        ValueError: an actuator of a kind that this function does not know.
    """
    return [_actuator(model, index) for index in range(model.nu)]


def _actuator(model: Any, index: int) -> Actuator:
    what, turns = _driven(model, index)
    limited = bool(model.actuator_ctrllimited[index])
    low, high = model.actuator_ctrlrange[index] if limited else (-1.0, 1.0)
    gain, (_, stiffness, damping) = model.actuator_gainprm[index, 0], model.actuator_biasprm[index, :3]
    gear = model.actuator_gear[index, 0]
    if not model.actuator_biasprm[index, :3].any():
        action, scale, unit = "torque on" if turns else "force on", gain * gear, "N·m" if turns else "N"
    elif stiffness == -gain:
        action, scale, unit = "position target of", 1 / gear, "rad" if turns else "m"
    elif damping == -gain:
        action, scale, unit = "velocity target of", 1 / gear, "rad/s" if turns else "m/s"
    elif stiffness < 0:  # a servo whose control is a fraction of a range: target = (bias + gain * control) / stiffness
        offset = model.actuator_biasprm[index, 0]
        low, high = ((offset + gain * value) / -stiffness / gear for value in (low, high))
        action, scale, unit = "position target of", 1.0, "rad" if turns else "m"
    else:
        raise ValueError(f"actuator {model.actuator(index).name} is no motor and no position or velocity servo")
    slow = model.actuator_dyntype[index] == mujoco.mjtDyn.mjDYN_FILTER
    text = f"{action} {what}" + (f", low-pass filtered over {model.actuator_dynprm[index, 0]:g} s" if slow else "")
    return Actuator(model.actuator(index).name, text, float(low * scale), float(high * scale), unit)


def _driven(model: Any, index: int) -> tuple[str, bool]:
    """The joint or tendon of an actuator in words, and whether it turns (rather than slides)."""
    target, kind = model.actuator_trnid[index, 0], mujoco.mjtTrn(model.actuator_trntype[index])
    if kind in (mujoco.mjtTrn.mjTRN_JOINT, mujoco.mjtTrn.mjTRN_JOINTINPARENT):
        return f"joint `{model.joint(target).name}`", model.jnt_type[target] != mujoco.mjtJoint.mjJNT_SLIDE
    if kind != mujoco.mjtTrn.mjTRN_TENDON:
        raise ValueError(f"actuator {model.actuator(index).name} drives neither a joint nor a tendon")
    first, count = model.tendon_adr[target], model.tendon_num[target]
    joints = model.wrap_objid[first : first + count]
    weights = model.wrap_prm[first : first + count]
    terms = " ".join(f"{weight:+g} `{model.joint(joint).name}`" for weight, joint in zip(weights, joints))
    return f"tendon `{model.tendon(target).name}` ({terms})", model.jnt_type[joints[0]] != mujoco.mjtJoint.mjJNT_SLIDE


def task_tables(domain: str, task: str) -> tuple[list[Actuator], list[Part], float]:
    """Actuators, observation and control step in seconds of a dm_control task; compiles its model.

    Raises:
        ValueError: assets/dmc/observations.toml lacks a key or counts its entries wrongly.
    """
    environment = load.load(domain, task, np.random.RandomState(0))
    model = environment.physics.model.ptr
    parts, start = [], 0
    for key, spec in environment.observation_spec().items():
        entries, size = dmc_observation(domain, task, key, model), int(np.prod(spec.shape))
        if sum(entry.count for entry in entries) != size:
            raise ValueError(f"{domain} {task}: {key} has {size} entries, assets/dmc/observations.toml names {len(entries)}")
        parts.append(Part(key, start, entries))
        start += size
    return actuators(model), parts, environment.control_timestep()
