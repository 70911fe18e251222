"""The agent ``tt``."""

from papergym.agents.offline.score import LABELS
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
    score="papergym.agents.offline.score:numbers",
    labels={
        **LABELS,
        "reached": "goals reached in 100 episodes of 200 steps",
        "steps": "steps to the goal, of the episodes that reach it",
        "detour": "length of their paths over the shortest path",
        "random_walk": "goals that a walk with random turns reaches",
        "train_cpu_s": "CPU seconds of data and training",
    },
    studies={"four-rooms": "papergym.agents.tt.four_rooms:four_rooms"},
    figures={"tt-four-rooms": "papergym.agents.tt.plot:plot_four_rooms"},
)
