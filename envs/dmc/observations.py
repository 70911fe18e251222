"""Meaning and unit of every entry that dm_control's tasks observe; tests compare it with the values of live models.

Frames: where none is named, vectors are in the world's frame, z up. A unit such as log1p(N) is that of the raw reading
before the function. "1" is a number without unit.
"""

from typing import Any

from papergym.envs.dmc.entries import (
    Entries,
    Entry,
    activations,
    chain,
    each,
    plain,
    positions,
    sensors,
    vector,
    velocities,
)
from papergym.envs.render.native import mujoco

_S = mujoco.mjtSensor
_ARM = ("arm_root", "arm_shoulder", "arm_elbow", "arm_wrist", "finger", "fingertip", "thumb", "thumbtip")
_PADS = ("palm_touch", "finger_touch", "thumb_touch", "fingertip_touch", "thumbtip_touch")
_SIN_COS = (("sine of the angle of {}", "1"), ("cosine of the angle of {}", "1"))
_POSE = ("x position of {}", "m"), ("z position of {}", "m"), ("quaternion w of {}", "1"), ("quaternion y of {}", "1")
_TILT = tuple((f"vertical component of the {axis} axis of {{}}", "1") for axis in "xyz")
_STATE: dict[str, Entries] = {"position": positions(), "velocity": velocities()}
_ARM_STATE: dict[str, Entries] = {
    "arm_pos": each(_ARM, *_SIN_COS),
    "arm_vel": velocities(_ARM),
    "touch": sensors(*_PADS, scale="log1p({})"),
    "hand_pos": each(["hand"], *_POSE),
}


def _humanoid(torso: str, left: str, right: str) -> dict[str, Entries]:
    limbs = [f"{side}{limb}" for side in (left, right) for limb in ("hand", "foot")]
    places = [(f"position of {{}} seen from `{torso}`, in its frame, {axis}", "m") for axis in "xyz"]
    return {
        "joint_angles": positions(hinges=True),
        "head_height": plain("m", "height of `head`"),
        "extremities": each(limbs, *places),
        "torso_vertical": each([torso], *_TILT),
        "com_velocity": vector("m/s", "velocity of the centre of mass"),
        "position": positions(),
        "velocity": velocities(),
    }


def _held(task: str) -> dict[str, Entries]:
    thing = "peg" if task.endswith("peg") else "ball"
    return {
        **_ARM_STATE,
        "object_pos": each([thing], *_POSE),
        "object_vel": velocities([f"{thing}_{axis}" for axis in "xzy"]),
        "target_pos": each([f"target_{thing}"], *_POSE),
    }


def _stacked(task: str) -> dict[str, Entries]:
    boxes = [f"box{number}" for number in range(int(task[-1]))]
    return {
        **_ARM_STATE,
        "box_pos": each(boxes, *_POSE),
        "box_vel": velocities([f"{box}_{axis}" for box in boxes for axis in "xyz"]),
        "target_pos": each(["target"], *_POSE[:2]),
    }


def _swimmer(model: Any) -> list[Entry]:
    bodies = ["head", *(f"segment_{number}" for number in range(model.nbody - 2))]
    local = ("velocity of {} in its frame, x", "m/s"), ("velocity of {} in its frame, y", "m/s")
    return each(bodies, *local, ("angular velocity of {} about z", "rad/s"))(model)


_HAND, _BRICK = "jaco_arm/jaco_hand", "duplo2x4"
_ARM_JOINTS = [f"jaco_arm/joint_{number}" for number in range(1, 7)]
_FINGERS = [f"{_HAND}/finger_{number}" for number in range(1, 4)]
_MATRIX = [f"rotation matrix of the hand's pinch site, row {row}, column {column}" for row in "xyz" for column in "xyz"]
_FROM_HEAD = "seen from `head`, in its frame"
_FROM_TORSO = "seen from `torso`, in its frame"

OBSERVATIONS: dict[str, dict[str, Entries]] = {
    "acrobot": {
        "orientations": chain(
            each(("upper_arm", "lower_arm"), ("horizontal component of the z axis of {}", "1")),
            each(("upper_arm", "lower_arm"), ("vertical component of the z axis of {}", "1")),
        ),
        "velocity": velocities(),
    },
    "ball_in_cup": _STATE,
    "cartpole": {
        "position": chain(
            positions(joints=["slider"]),
            lambda model: each(
                [model.body(index).name for index in range(2, model.nbody)],
                ("vertical component of the z axis of {}", "1"),
                ("horizontal component of the z axis of {}", "1"),
            )(model),
        ),
        "velocity": velocities(),
    },
    "cheetah": {"position": positions(skip=1), "velocity": velocities()},
    "dog": {
        "joint_angles": positions(hinges=True),
        "joint_velocites": velocities(hinges=True),
        "torso_pelvis_height": each(("torso", "pelvis"), ("height of {}", "m")),
        "z_projection": each(("skull", "torso", "pelvis"), *_TILT),
        "torso_com_velocity": vector("m/s", "velocity of the centre of mass in the frame of `torso`"),
        "inertial_sensors": sensors("accelerometer", "velocimeter", "gyro"),
        "foot_forces": sensors("foot_L", "foot_R", "hand_L", "hand_R"),
        "touch_sensors": sensors("palm_L", "palm_R", "sole_L", "sole_R"),
        "actuator_state": activations("1"),
        "ball_state": chain(
            vector("m", f"position of the ball {_FROM_HEAD}"), vector("m/s", f"velocity of the ball {_FROM_HEAD}")
        ),
        "target_position": vector("m", f"position of the target {_FROM_HEAD}"),
    },
    "finger": {
        "position": chain(
            positions(joints=("proximal", "distal")), vector("m", "position of the free body's tip, seen from its hinge", "xz")
        ),
        "velocity": velocities(),
        "touch": sensors("touchtop", "touchbottom", scale="log1p({})"),
        "target_position": vector("m", "position of the target, seen from the hinge of the free body", "xz"),
        "dist_to_target": plain("m", "distance from the tip to the target's surface, negative inside"),
    },
    "fish": {
        "joint_angles": positions(hinges=True),
        "upright": plain("1", "vertical component of the z axis of `torso`"),
        "target": vector("m", "position of the target, seen from the mouth, in its frame"),
        "velocity": velocities(),
    },
    "hopper": {
        "position": positions(skip=1),
        "velocity": velocities(),
        "touch": sensors("touch_toe", "touch_heel", scale="log1p({})"),
    },
    "humanoid": _humanoid("torso", "left_", "right_"),
    "humanoid_CMU": _humanoid("thorax", "l", "r"),
    "lqr": _STATE,
    "pendulum": {
        "orientation": plain("1", "vertical component of the z axis of `pole`", "horizontal component of the z axis of `pole`"),
        "velocity": velocities(),
    },
    "point_mass": _STATE,
    "quadruped": {
        "egocentric_state": chain(positions(hinges=True), velocities(hinges=True), activations("rad")),
        "torso_velocity": sensors("velocimeter"),
        "torso_upright": plain("1", "vertical component of the z axis of `torso`"),
        "imu": sensors(_S.mjSENS_GYRO, _S.mjSENS_ACCELEROMETER),
        "force_torque": sensors(_S.mjSENS_FORCE, _S.mjSENS_TORQUE, scale="arcsinh({})"),
        "origin": vector("m", f"position of the bowl's centre {_FROM_TORSO}"),
        "rangefinder": sensors(_S.mjSENS_RANGEFINDER, scale="tanh({}), 1 if nothing is hit"),
        "ball_state": chain(
            vector("m", f"position of the ball {_FROM_TORSO}"),
            vector("m/s", "velocity of the ball relative to the torso, in the torso's frame"),
            vector("rad/s", "angular velocity of the ball, turned by the torso's rotation matrix"),
        ),
        "target_position": vector("m", f"position of the target {_FROM_TORSO}"),
    },
    "reacher": {
        "position": positions(),
        "to_target": vector("m", "from the finger to the target", "xy"),
        "velocity": velocities(),
    },
    "swimmer": {
        "joints": positions(skip=3),
        "to_target": vector("m", "position of the target, seen from the nose, in the frame of `head`", "xy"),
        "body_velocities": _swimmer,
    },
    "walker": {
        "orientations": each(
            None, ("horizontal component of the x axis of {}", "1"), ("horizontal component of the z axis of {}", "1")
        ),
        "height": plain("m", "height of `torso`"),
        "velocity": velocities(),
    },
    "jaco": {
        "jaco_arm/joints_pos": each(_ARM_JOINTS, *_SIN_COS),
        "jaco_arm/joints_torque": each(_ARM_JOINTS, ("torque about the axis of {}", "N·m")),
        "jaco_arm/joints_vel": velocities(_ARM_JOINTS),
        f"{_HAND}/joints_pos": positions(joints=_FINGERS),
        f"{_HAND}/joints_vel": velocities(_FINGERS),
        f"{_HAND}/pinch_site_pos": vector("m", "position of the hand's pinch site"),
        f"{_HAND}/pinch_site_rmat": plain("1", *_MATRIX),
        f"{_BRICK}/angular_velocity": vector("rad/s", "angular velocity of the brick"),
        f"{_BRICK}/linear_velocity": vector("m/s", "velocity of the brick"),
        f"{_BRICK}/orientation": vector("1", "orientation of the brick, quaternion", "wxyz"),
        f"{_BRICK}/position": vector("m", "position of the brick"),
    },
}
"""Domain -> observation key -> its entries; manipulator and stacker depend on the task (:func:`entries_of`)."""


def entries_of(domain: str, task: str) -> dict[str, Entries]:
    """Observation key -> entries, for one task.

    Raises:
        KeyError: no such domain.
    """
    if domain in ("manipulator", "stacker"):
        return (_held if domain == "manipulator" else _stacked)(task)
    return OBSERVATIONS[domain]
