"""What follows from the dataset of a run, beside its environment: the length of the table of time steps."""

import gymnasium as gym

from papergym.agents.data.minari import load_dataset
from papergym.agents.offline.prepare import prepare as prepare_dataset
from papergym.agents.runner.plan import Plan


def prepare(plan: Plan) -> None:
    """Fill ``max_timestep``; the rest is :func:`papergym.agents.offline.prepare.prepare`.

    Raises:
        UsageError: a dataset that cannot be used.
    """
    prepare_dataset(plan)
    if not plan.config.max_timestep:
        limit = plan.env_kwargs.get("max_episode_steps") or gym.spec(plan.run.env).max_episode_steps or 0
        plan.config.max_timestep = max(limit, int(load_dataset(plan.config.dataset).lengths.max()))
