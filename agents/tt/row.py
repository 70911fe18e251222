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
    prepare="papergym.agents.tt.prepare:prepare",
    score="papergym.agents.tt.score:numbers",
    labels={
        "of_expert": "evaluation return, % of the expert's",
        **LABELS,
        "reached": "goals reached in 100 episodes of 200 steps",
        "steps": "steps to the goal, of the episodes that reach it",
        "detour": "length of their paths over the shortest path",
        "random_walk": "goals that a walk with random turns reaches",
        "likelihood": "log-probability of the bin of the true number, a mean over dimensions and steps",
        "likelihood_low": "low end of its interval over starts",
        "likelihood_high": "high end",
        "error": "error of the mean prediction, in standard deviations of the data",
        "error_low": "low end of its interval over starts",
        "error_high": "high end",
        "oracle": "what makes a log-density of `likelihood`: the best one that bins allow",
        "train_cpu_s": "CPU seconds of data and training",
    },
    studies={
        "four-rooms": "papergym.agents.tt.four_rooms:four_rooms",
        "prediction": "papergym.agents.tt.prediction:prediction",
    },
    figures={
        "tt-four-rooms": "papergym.agents.tt.plot:plot_four_rooms",
        "tt-prediction": "papergym.agents.tt.plot:plot_prediction",
    },
    tables={"tt-prediction": "papergym.agents.tt.plot:table_prediction"},
)
