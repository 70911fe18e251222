"""The agent ``sac``."""

from papergym.agents.runner.registry import Agent

AGENT = Agent(
    key="sac",
    algorithm="papergym.agents.sac.algorithm:SAC",
    config="papergym.agents.sac.config:Config",
    build="papergym.agents.sac.build:build",
    paper="sac",
    summary="Soft actor-critic with a learned or fixed temperature, two critics.",
    default_env="Pendulum-v1",
)
