"""The agent ``bc``."""

from papergym.agents.offline.score import LABELS
from papergym.agents.runner.registry import Agent

AGENT = Agent(
    key="bc",
    config="papergym.agents.bc.config:Config",
    build="papergym.agents.bc.build:build",
    paper="bc",
    aliases=("behaviour-cloning", "behavior-cloning", "imitation"),
    summary="Behaviour cloning of the transitions of a Minari dataset.",
    unit="updates",
    action_spaces=("Box", "Discrete"),
    prepare="papergym.agents.offline.prepare:prepare",
    score="papergym.agents.offline.score:numbers",
    labels=LABELS,
)
