"""The agent ``dt``."""

from papergym.agents.offline.score import LABELS
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
    labels={
        **LABELS,
        "sweep_spearman": "rank correlation of the returns told and reached",
        "success": "percent of 1 000 episodes with the likeliest action that are rewarded",
        "sampled": "the same with sampled actions",
        "told_zero": "the same as `sampled` when told to reach 0",
        "data": "of the walks in the data",
        "reached": "percent of the nodes from which the goal is reached",
        "shortest": "percent from which it is reached on a shortest path",
        "tabular": "percent whose best walk in the data is a shortest path",
        "with_key": "predicted probability of success one step before the door, with the key",
        "without_key": "without it",
    },
    studies={
        "key-to-door": "papergym.agents.dt.studies:key_to_door",
        "credit": "papergym.agents.dt.studies:key_to_door_credit",
        "shortest-path": "papergym.agents.dt.studies:shortest_path",
    },
    figures={
        "dt-shortest-path": "papergym.agents.dt.plot:plot_shortest_path",
        "dt-key-to-door": "papergym.agents.dt.plot:plot_key_to_door",
        "dt-credit": "papergym.agents.dt.plot:plot_credit",
    },
    tables={"dt-key-to-door": "papergym.agents.dt.plot:table_key_to_door"},
)
