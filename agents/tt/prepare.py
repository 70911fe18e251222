"""What follows from the dataset of a run, where the environment may have goals that the data lacks."""

import gymnasium as gym
from gymnasium import spaces

from papergym.agents.errors import UsageError
from papergym.agents.offline.prepare import prepare as prepare_dataset
from papergym.agents.runner.plan import Plan


def prepare(plan: Plan) -> None:
    """Check settings, and with a goal compare the data with the environment's entry ``observation``.

    The rest is :func:`papergym.agents.offline.prepare.prepare`.

    Raises:
        UsageError: a setting out of range, a dataset that cannot be used, or an environment without goals.
    """
    plan.config.check()
    prepare_dataset(plan, observations if plan.config.goal else _without_goals)


def observations(env: gym.Env) -> gym.Env:
    """An environment with goals, without them: what the data of a goal-conditioned model holds.

    Raises:
        UsageError: the environment has no goals, or goals that are no observations.
    """
    space = env.observation_space
    parts = space.spaces if isinstance(space, spaces.Dict) else {}
    if not {"observation", "desired_goal"} <= set(parts):
        raise UsageError(
            f"--goal needs an environment with the entries observation and desired_goal, got {space}. "
            "Give one by --env, for example TT-FourRooms-v0, or drop --goal."
        )
    if parts["observation"].shape != parts["desired_goal"].shape:
        raise UsageError(
            "--goal: the model is told a whole observation as its goal. Expected desired_goal of shape "
            f"{parts['observation'].shape}, got {parts['desired_goal'].shape}."
        )
    return gym.wrappers.TransformObservation(env, lambda seen: seen["observation"], parts["observation"])


def _without_goals(env: gym.Env) -> gym.Env:
    if isinstance(env.observation_space, spaces.Dict) and "desired_goal" in env.observation_space.spaces:
        raise UsageError("the environment has goals, and the model would not be told them. Give --goal --planner likelihood.")
    return env
