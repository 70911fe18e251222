"""What follows from the dataset of a run: its environment, and whether it can be used."""

from collections.abc import Callable

import gymnasium as gym

from papergym.agents.data.dataset import check_environment
from papergym.agents.data.minari import load_dataset
from papergym.agents.errors import UsageError
from papergym.agents.runner.evaluation import make_env
from papergym.agents.runner.fields import as_key_values, key_values
from papergym.agents.runner.plan import Plan


def prepare(plan: Plan, view: Callable[[gym.Env], gym.Env] | None = None) -> None:
    """Take environment and digest from the dataset; the ``prepare`` of an agent's row.

    Args:
        plan: changed in place.
        view: makes of the environment the one whose spaces the data has, for an agent that is shown more than the data holds.

    Raises:
        UsageError: a dataset that cannot be used, other data than the run began with, or spaces that do not agree.
    """
    data = load_dataset(plan.config.dataset)
    if plan.config.dataset_digest not in ("", data.digest):
        raise UsageError(
            f"the dataset {plan.config.dataset} has other contents (digest {data.digest}) than the run began with "
            f"({plan.config.dataset_digest}). Give the old data back, or start a new run."
        )
    plan.config.dataset_digest = data.digest
    if not plan.run.env:
        if data.spec is None:
            raise UsageError(f"the dataset {plan.config.dataset} does not name its environment. Give --env.")
        plan.run.env = data.spec.id
        plan.run.env_kwargs = plan.run.env_kwargs or as_key_values(dict(data.spec.kwargs))
    env = make_env(plan.run.env, key_values(plan.run.env_kwargs, "--env-kwargs"))
    try:
        check_environment(data, env if view is None else view(env), plan.config.dataset)
    finally:
        env.close()
