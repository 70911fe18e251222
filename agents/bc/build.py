"""Behaviour cloning from a configuration."""

from typing import Any

from papergym.agents.bc.config import Config
from papergym.agents.bc.learner import BehaviourCloning
from papergym.agents.data.transitions import check_environment, load_transitions
from papergym.agents.errors import UsageError
from papergym.agents.runner.evaluation import make_env
from papergym.agents.runner.fields import as_key_values, key_values
from papergym.agents.runner.plan import Plan


def build(
    config: Config, env_id: str, *, seed: int, device: str = "auto", env_kwargs: dict[str, Any] | None = None, n_envs: int = 1
) -> BehaviourCloning:
    """The learner; ``n_envs`` has no meaning for it."""
    return BehaviourCloning(make_env(env_id, env_kwargs or {}), config, seed=seed, device=device)


def prepare(plan: Plan) -> None:
    """Take environment and digest from the dataset.

    Raises:
        UsageError: a dataset that cannot be used, other data than the run began with, or spaces that do not agree.
    """
    data = load_transitions(plan.config.dataset)
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
        check_environment(data, env, plan.config.dataset)
    finally:
        env.close()
