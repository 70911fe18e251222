"""The agent ``iql``."""

from papergym.agents.offline.score import LABELS
from papergym.agents.runner.registry import Agent

AGENT = Agent(
    key="iql",
    config="papergym.agents.iql.config:Config",
    build="papergym.agents.iql.build:build",
    paper="iql",
    aliases=("implicit-q-learning",),
    summary="Implicit Q-learning: values by expectile regression on a dataset, the policy by weighted cloning.",
    unit="updates",
    prepare="papergym.agents.offline.prepare:prepare",
    score="papergym.agents.offline.score:numbers",
    labels=LABELS,
)
