"""The agent ``dreamerv3``."""

from papergym.agents.runner.registry import Agent

AGENT = Agent(
    key="dreamerv3",
    algorithm="papergym.agents.dreamerv3.algorithm:DreamerV3",
    config="papergym.agents.dreamerv3.config:Config",
    build="papergym.agents.dreamerv3.build:build",
    paper="dreamerv3",
    aliases=("dreamer", "dreamer-v3"),
    summary="DreamerV3: a world model, and an actor-critic that learns in its imagination.",
    default_env="ProtoRL-CartpoleBalance-v0",
    action_spaces=("Box", "Discrete"),
)
