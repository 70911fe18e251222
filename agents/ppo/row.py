"""The agent ``ppo``."""

from papergym.agents.runner.registry import Agent

AGENT = Agent(
    key="ppo",
    algorithm="papergym.agents.ppo.algorithm:PPO",
    config="papergym.agents.ppo.config:Config",
    build="papergym.agents.ppo.build:build",
    paper="ppo",
    aliases=("trpo",),
    summary="Proximal policy optimisation: clipped, fixed-KL or adaptive-KL objective.",
    default_env="CartPole-v1",
    action_spaces=("Box", "Discrete"),
    last_episodes=100,  # 1707.06347, section 6.1
    score="papergym.agents.ppo.score:numbers",
    labels={"beta_end": "KL coefficient at the end"},
    studies={"still": "papergym.agents.ppo.still:run"},
    tables={"ppo-table1": "papergym.agents.ppo.table1:from_rows"},
)
