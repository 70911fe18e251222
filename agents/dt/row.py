"""The agent ``dt``."""

from papergym.agents.runner.registry import Agent

AGENT = Agent(
    key="dt",
    config="papergym.agents.dt.config:Config",
    build="papergym.agents.dt.build:build",
    paper="dt",
    aliases=("decision-transformer", "decisiontransformer", "upside-down-rl"),
    summary="Decision Transformer: a GPT that is told the return to reach, trained on a Minari dataset.",
    unit="updates",
    action_spaces=("Box", "Discrete"),
    prepare="papergym.agents.dt.prepare:prepare",
    score="papergym.agents.dt.score:numbers",
    labels={"sweep_spearman": "rank correlation of the returns told and reached"},
)
