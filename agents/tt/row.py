"""The agent ``tt``."""

from papergym.agents.runner.registry import Agent

AGENT = Agent(
    key="tt",
    config="papergym.agents.tt.config:Config",
    build="papergym.agents.tt.build:build",
    paper="tt",
    aliases=("trajectory-transformer", "trajectory_transformer"),
    summary="Trajectory Transformer: a GPT over the dimensions of transitions, and beam search in it.",
    unit="updates",
    prepare="papergym.agents.offline.prepare:prepare",
)
