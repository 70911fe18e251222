"""The agent ``sql``."""

from papergym.agents.runner.registry import Agent

AGENT = Agent(
    key="sql",
    algorithm="papergym.agents.sql.algorithm:SQL",
    config="papergym.agents.sql.config:Config",
    build="papergym.agents.sql.build:build",
    paper="sql",
    aliases=("soft-q", "soft-q-learning"),
    summary="Soft Q-learning with an amortised Stein sampler.",
    default_env="SQL-MultiGoal-v0",
    score="papergym.agents.sql.score:numbers",
    labels={
        "reached": "share of sampled episodes that end at a goal",
        "evenness": "entropy of the goals reached, 1 if all equally often",
        "east": "share that ends at the goal in the east",
        "west": "in the west",
        "north": "in the north",
        "south": "in the south",
        "value_error": "mean distance of the soft values from the exact ones",
    },
    figures={"sql-multigoal": "papergym.agents.sql.plot:plot_multigoal"},
)
