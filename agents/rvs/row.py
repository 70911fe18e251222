"""The agent ``rvs``."""

from papergym.agents.offline.score import LABELS
from papergym.agents.runner.registry import Agent

AGENT = Agent(
    key="rvs",
    config="papergym.agents.rvs.config:Config",
    build="papergym.agents.rvs.build:build",
    paper="rvs",
    aliases=("rvs-r", "rcbc", "return-conditioned-cloning"),
    summary="RvS-R: cloning with an MLP that is told the average return to come.",
    unit="updates",
    action_spaces=("Box", "Discrete"),
    prepare="papergym.agents.offline.prepare:prepare",
    score="papergym.agents.offline.score:numbers",
    labels=LABELS,
)
