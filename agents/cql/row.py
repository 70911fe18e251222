"""The agent ``cql``."""

from papergym.agents.offline.score import LABELS
from papergym.agents.runner.registry import Agent

AGENT = Agent(
    key="cql",
    config="papergym.agents.cql.config:Config",
    build="papergym.agents.cql.build:build",
    paper="cql",
    aliases=("conservative-q-learning", "discrete-cql", "cql-h"),
    summary="Conservative Q-learning on a dataset: on SAC, or on Double DQN where actions are discrete.",
    unit="updates",
    action_spaces=("Box", "Discrete"),
    prepare="papergym.agents.offline.prepare:prepare",
    score="papergym.agents.offline.score:numbers",
    labels=LABELS,
)
