"""Exact state of MuJoCo physics and of a dm_control environment, as plain arrays and numbers."""

from typing import Any

import numpy as np

from papergym.envs.render.native import mujoco

_SPEC = mujoco.mjtState.mjSTATE_INTEGRATION  # time, qpos, qvel, act, warm start, ctrl, applied forces, mocap, userdata

_PER_CONTACT = ("efc_", "iefc_", "efm_", "island", "plugin", "flex", "contact")
"""Prefixes of arrays sized by the present contacts; every step rebuilds them."""

MODEL_FIELDS = (
    "body_pos", "body_quat", "geom_pos", "geom_quat", "geom_size", "geom_rgba", "site_pos", "site_size", "site_rgba",
    "light_pos", "mat_rgba", "wrap_prm", "hfield_data", "jnt_stiffness", "dof_damping", "dof_frictionloss",
)  # fmt: skip
"""Model arrays that tasks change when an episode begins; tests/envs/dmc compares with all others."""


def _derived(data: Any) -> list[str]:
    """Results that tasks read before the next step brings them up to date (touch, accelerations, positions after mj_step)."""
    names = (name for name in dir(data) if not name.startswith(("_", *_PER_CONTACT)))
    values = ((name, getattr(data, name)) for name in names)
    return [name for name, value in values if isinstance(value, np.ndarray) and value.dtype == np.float64 and value.size]


def get_physics(model: Any, data: Any) -> dict[str, Any]:
    """State of ``data``, and the arrays of ``model`` that tasks change."""
    integration = np.empty(mujoco.mj_stateSize(model, _SPEC), np.float64)
    mujoco.mj_getState(model, data, integration, _SPEC)
    return {
        "integration": integration,
        "derived": {name: getattr(data, name).copy() for name in _derived(data)},
        "model": {name: getattr(model, name).copy() for name in MODEL_FIELDS},
    }


def set_physics(model: Any, data: Any, state: dict[str, Any]) -> None:
    """Continue from what :func:`get_physics` returned for the same model.

    Raises:
        ValueError: the state is of another version of the model.
    """
    integration = np.asarray(state["integration"], np.float64)
    if integration.shape != (size := mujoco.mj_stateSize(model, _SPEC),):
        raise ValueError(f"the state has {integration.size} numbers, this model {size}: it is of another version of the model")
    for name, value in state["model"].items():
        getattr(model, name)[...] = value
    mujoco.mj_setState(model, data, integration, _SPEC)
    mujoco.mj_forward(model, data)  # contacts, which the second half of dm_control's step needs
    mujoco.mj_setState(model, data, integration, _SPEC)  # forward overwrote the warm start
    for name, value in state["derived"].items():
        getattr(data, name)[...] = value


def get(dm: Any) -> dict[str, Any]:
    """The state of a raw dm_control environment."""
    return {
        **get_physics(dm.physics.model.ptr, dm.physics.data.ptr),
        "task": {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in _plain(dm.task)},
        "step_count": int(dm._step_count),
        "reset_next_step": bool(dm._reset_next_step),
    }


def set(dm: Any, state: dict[str, Any]) -> None:
    """Continue from what :func:`get` returned for an environment of the same task."""
    set_physics(dm.physics.model.ptr, dm.physics.data.ptr, state)
    for name, value in state["task"].items():
        setattr(dm.task, name, np.array(value) if isinstance(getattr(dm.task, name, None), np.ndarray) else value)
    dm._step_count, dm._reset_next_step = int(state["step_count"]), bool(state["reset_next_step"])


def _plain(task: Any) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in vars(task).items() if isinstance(value, bool | int | float | str | np.ndarray)]
