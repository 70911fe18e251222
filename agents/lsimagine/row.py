"""The agent ``lsimagine``."""

from papergym.agents.runner.registry import Agent

AGENT = Agent(
    key="lsimagine",
    algorithm="papergym.agents.lsimagine.algorithm:LSImagine",
    config="papergym.agents.lsimagine.config:Config",
    build="papergym.agents.lsimagine.build:build",
    paper="lsimagine",
    aliases=("ls-imagine", "ls_imagine", "long-short-term-imagination"),
    summary="LS-Imagine: DreamerV3 whose imagination can jump to the far end of an affordance.",
    default_env="LSImagine-HarvestLogInPlains-v0",
    action_spaces=("Discrete", "Box"),
    score="papergym.agents.lsimagine.score:numbers",
    show="papergym.agents.lsimagine.show:show",
    labels={
        "success": "percent of the test episodes that end with the item",
        "success_low": "lower end of its 95 % interval (Wilson)",
        "success_high": "upper end",
        "episode_steps": "mean steps of a test episode",
        "jump_rate": "percent of the steps with the jump flag, in training",
        "jump_steps": "mean steps of a completed jump",
        "jumps_completed": "percent of the jumps that were completed",
        "test_jump_rate": "percent of the steps with the jump flag, in tests",
    },
    curves={"train/loss/jump": "loss of the jump head", "rollout/jumps_completed": "share of completed jumps"},
)
