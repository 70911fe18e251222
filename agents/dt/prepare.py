"""What follows from the dataset of a run, beside its environment: the length of the table of time steps."""

from papergym.agents.data.minari import load_dataset
from papergym.agents.dt.config import check_rows
from papergym.agents.offline.prepare import prepare as prepare_dataset
from papergym.agents.runner.evaluation import make_env
from papergym.agents.runner.fields import key_values
from papergym.agents.runner.plan import Plan


def prepare(plan: Plan) -> None:
    """Fill ``max_timestep``; the rest is :func:`papergym.agents.offline.prepare.prepare`.

    Raises:
        UsageError: a dataset that cannot be used, or fewer rows than data or environment need.
    """
    prepare_dataset(plan)
    env = make_env(plan.run.env, key_values(plan.run.env_kwargs, "--env-kwargs"))
    limit = getattr(env.spec, "max_episode_steps", None) or 0
    env.close()
    longest = int(load_dataset(plan.config.dataset).lengths.max())
    plan.config.max_timestep = plan.config.max_timestep or max(limit, longest)
    check_rows(plan.config.max_timestep, longest, plan.config.dataset)
    check_rows(plan.config.max_timestep, limit, plan.run.env)
