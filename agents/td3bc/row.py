"""The agent ``td3bc``."""

from papergym.agents.offline.score import LABELS
from papergym.agents.runner.registry import Agent

AGENT = Agent(
    key="td3bc",
    config="papergym.agents.td3bc.config:Config",
    build="papergym.agents.td3bc.build:build",
    paper="td3bc",
    aliases=("td3+bc", "td3-bc", "td3_bc"),
    summary="TD3+BC: TD3 on a dataset, with a behaviour cloning term.",
    unit="updates",
    prepare="papergym.agents.offline.prepare:prepare",
    score="papergym.agents.offline.score:numbers",
    labels=LABELS,
)
