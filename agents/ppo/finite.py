"""Numbers from environments that are not finite, found in a rollout before an update is made with it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym.agents.errors import BadNumbersError


def check_rollout(
    model: Any, first: int, arrays: Mapping[str, np.ndarray], last: Sequence[tuple[int, int, np.ndarray]] = ()
) -> None:
    """Look at what the environments returned in one rollout; the earliest number that is not finite counts.

    Args:
        model: whose environments they are, for the message.
        first: steps made before the rollout, over all environments.
        arrays: name -> numbers, shape (steps, environments, ...); of equally early ones the first name counts.
        last: observations that ended episodes: step of the rollout, environment, observation.

    Raises:
        BadNumbersError: a NaN or an infinity, with its step and environment.
    """
    found: list[tuple[int, int, str]] = []
    for name, array in arrays.items():
        finite = np.isfinite(array).reshape(*array.shape[:2], -1).all(axis=2)
        found += [(int(t), int(index), name) for t, index in np.argwhere(~finite)[:1]]
    found += [(t, index, "last observation") for t, index, end in last if not np.isfinite(end).all()][:1]
    if found:
        t, index, name = min(found, key=lambda item: item[0])
        raise bad_number(name, first + (t + 1) * model.n_envs, index, model)


def bad_number(name: str, step: int, index: int, model: Any) -> BadNumbersError:
    """The error for a NaN or an infinity from environment ``index`` at ``step``."""
    env = model.env.unwrapped.envs[index] if isinstance(model.env.unwrapped, DummyVecEnv) else None
    label = env.spec.id if env is not None and env.spec is not None else "the environment"
    return BadNumbersError(
        f"{label} (environment {index}) gave a {name} that is not finite at step {step}. No update was made with it; "
        "the last checkpoint is intact. Repair the environment, or resume with a smaller learning rate if the policy diverged."
    )
