"""Exact state of a dm_control environment as plain arrays and numbers."""

from typing import Any

import numpy as np

from papergym.envs.render.native import mujoco

_SPEC = mujoco.mjtState.mjSTATE_INTEGRATION  # time, qpos, qvel, act, warm start, ctrl, applied forces, mocap, userdata

DERIVED = (
    "sensordata",
    "qacc",
    "qacc_smooth",
    "qfrc_actuator",
    "qfrc_constraint",
    "actuator_force",
    "cacc",
    "cfrc_int",
    "cfrc_ext",
)
"""Results of the last step's acceleration stage. Tasks observe them (touch, accelerometers), and a restored state does not
bring them back: dm_control ends a step with positions and velocities one stage ahead of them."""

MODEL_FIELDS = (
    "body_pos", "body_quat", "geom_pos", "geom_quat", "geom_size", "geom_rgba", "site_pos", "site_size", "site_rgba",
    "light_pos", "mat_rgba", "wrap_prm", "hfield_data", "jnt_stiffness", "dof_damping", "dof_frictionloss",
)  # fmt: skip
"""Model arrays that tasks of the suite change when an episode begins; tests/envs/dmc compares with all others."""


def get(dm: Any) -> dict[str, Any]:
    """The state of a raw dm_control environment."""
    model, data = dm.physics.model.ptr, dm.physics.data.ptr
    integration = np.empty(mujoco.mj_stateSize(model, _SPEC), np.float64)
    mujoco.mj_getState(model, data, integration, _SPEC)
    return {
        "integration": integration,
        "derived": {name: np.array(getattr(data, name)) for name in DERIVED},
        "model": {name: np.array(getattr(model, name)) for name in MODEL_FIELDS},
        "task": {name: np.array(value) if isinstance(value, np.ndarray) else value for name, value in _plain(dm.task)},
        "step_count": int(dm._step_count),
        "reset_next_step": bool(dm._reset_next_step),
    }


def set(dm: Any, state: dict[str, Any]) -> None:
    """Continue from what :func:`get` returned for an environment of the same task."""
    model, data = dm.physics.model.ptr, dm.physics.data.ptr
    size = mujoco.mj_stateSize(model, _SPEC)
    if np.shape(state["integration"]) != (size,):
        raise ValueError(
            f"the state has {np.shape(state['integration'])} numbers, this task {size}: it is of another task or version"
        )
    for name, value in state["model"].items():
        getattr(model, name)[...] = value
    mujoco.mj_setState(model, data, np.asarray(state["integration"], np.float64), _SPEC)
    mujoco.mj_forward(model, data)
    mujoco.mj_setState(model, data, np.asarray(state["integration"], np.float64), _SPEC)  # forward overwrote the warm start
    for name, value in state["derived"].items():
        getattr(data, name)[...] = value
    for name, value in state["task"].items():
        setattr(dm.task, name, np.array(value) if isinstance(getattr(dm.task, name, None), np.ndarray) else value)
    dm._step_count, dm._reset_next_step = int(state["step_count"]), bool(state["reset_next_step"])


def _plain(task: Any) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in vars(task).items() if isinstance(value, bool | int | float | str | np.ndarray)]
