"""The agent ``per``."""

from papergym.agents.runner.registry import Agent

AGENT = Agent(
    key="per",
    algorithm="papergym.agents.per.dqn:PrioritizedDQN",
    config="papergym.agents.per.config:Config",
    build="papergym.agents.per.build:build",
    paper="per",
    aliases=("dqn", "ddqn", "double-dqn", "prioritized-dqn"),
    summary="Double DQN with prioritised replay, proportional or rank-based.",
    default_env="CartPole-v1",
    action_spaces=("Discrete",),
    labels={
        "updates": "updates until solved, of the runs that did",
        "updates_per_transition": "updates per transition in the memory",
        "mse": "mean squared error of the values at the end",
        "memory": "transitions in the memory",
    },
    studies={
        "cliffwalk": "papergym.agents.per.studies:cliffwalk",
        "memory": "papergym.agents.per.studies:memory",
    },
    figures={
        "per-cliffwalk": "papergym.agents.per.plot:plot_cliffwalk",
        "per-dqn-memory": "papergym.agents.per.plot:plot_memory",
    },
)
