"""What follows from the dataset of a run: its environment, and whether it can be used."""

import logging
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from papergym.agents.data.dataset import Dataset, beyond_bounds, check_digest, check_environment
from papergym.agents.data.minari import load_dataset
from papergym.agents.errors import UsageError
from papergym.agents.runner.evaluation import make_env
from papergym.agents.runner.fields import as_key_values, key_values
from papergym.agents.runner.plan import Plan

log = logging.getLogger(__name__)


def prepare(plan: Plan, view: Callable[[gym.Env], gym.Env] | None = None) -> None:
    """Take environment and digest from the dataset; the ``prepare`` of an agent's row.

    Args:
        plan: changed in place.
        view: makes of the environment the one whose spaces the data has, for an agent that is shown more than the data holds.

    Raises:
        UsageError: a dataset that cannot be used, other data than the run began with, or spaces that do not agree.
    """
    data = load_dataset(plan.config.dataset)
    check_digest(data, plan.config.dataset_digest, plan.config.dataset)
    plan.config.dataset_digest = data.digest
    if data.episodes == 1:
        log.warning("%s is one episode of %d steps: all that is learned is how it went.", plan.config.dataset, len(data))
    if not plan.run.env:
        if data.spec is None:
            raise UsageError(f"the dataset {plan.config.dataset} does not name its environment. Give --env.")
        if data.spec.id not in gym.registry:
            raise UsageError(
                f"the dataset {plan.config.dataset} is of {data.spec.id}, which no package here registers. Where a module of "
                f"yours does, give --env MODULE:{data.spec.id}."
            )
        plan.run.env = data.spec.id
        plan.run.env_kwargs = plan.run.env_kwargs or as_key_values(arguments(data.spec))
    env = make_env(plan.run.env, key_values(plan.run.env_kwargs, "--env-kwargs"))
    try:
        shown = env if view is None else view(env)
        _check_spaces(data, shown, plan.config.dataset)
        for sentence in beyond_bounds(data, shown):
            log.warning("%s; is %s the environment of %s?", sentence, plan.run.env, plan.config.dataset)
    finally:
        env.close()


def arguments(spec: Any) -> dict[str, Any]:
    """Arguments of ``gym.make`` for the environment of a dataset, its time limit among them where it is not the registered one.

    How it was drawn is left out, and so are arguments that were None.

    Args:
        spec: an ``EnvSpec`` whose id is registered.
    """
    given = {name: value for name, value in spec.kwargs.items() if value is not None and name != "render_mode"}
    found = {name: value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value for name, value in given.items()}
    limit = spec.max_episode_steps
    return found if limit in (None, gym.spec(spec.id).max_episode_steps) else {**found, "max_episode_steps": limit}


def _check_spaces(data: Dataset, env: gym.Env, name: str) -> None:
    """:func:`check_environment`, which also names the wrappers of the data's environment: a run makes it without them."""
    try:
        check_environment(data, env, name)
    except UsageError as error:
        wrappers = [wrapper.name for wrapper in getattr(data.spec, "additional_wrappers", None) or ()]
        if not wrappers:
            raise
        raise UsageError(
            f"{error} The data was recorded through the wrappers {', '.join(wrappers)}: register an id whose environment has "
            "them, and give it by --env MODULE:ID."
        ) from error
