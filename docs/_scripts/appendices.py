"""What the docstrings of a family's environments leave to tables: actions and observations with units."""

import tables
from tables import demote, docstring, markdown, table

ALIKE = "-1 and 1 are the ends of the actuator's range; numbers between scale linearly."


def football_appendix() -> list[str]:
    """What the sections of the ids leave to tables: actuators and observations of the bodies, and PettingZoo's id."""
    parts = ["## The match for several agents: `papergym/football-v0`", ""]
    parts += [demote(markdown(docstring("papergym.envs.football.parallel:FootballEnv"))), ""]
    for walker in ("humanoid", "ant", "boxhead"):
        parts += [f"## Actions of a player: {walker}", "", ALIKE, "", tables.football_body(walker), ""]
    views = {
        "in `Football-2v2-v0`, humanoid": ("Football-2v2-v0", {}),
        "in `Football-Follow-v0`, humanoid": ("Football-Follow-v0", {}),
    }
    for title, (env_id, kwargs) in views.items():
        text = tables.football_view(env_id, **kwargs)
        parts += [f"## Observations of a player {title}", "", "Vectors are in the player's frame.", "", text, ""]
    return parts


def mine_appendix() -> list[str]:
    """Action and observation of MineDojo's contract, with the keys that arguments add."""
    from papergym.envs.mine import spaces

    everything = spaces.observation_space(voxel_size=spaces.VOXEL_SIZE, lidar_rays=spaces.LIDAR_RAYS)
    return [
        *("## Action space", "", f"`{spaces.action_space()}`, eight parts.", ""),
        *(tables.mine_action(spaces.action_space()), ""),
        *("## Observation space", "", _CONDITIONAL, ""),
        *(tables.mine_view(everything), ""),
        *("## Reward and end", "", demote(markdown(docstring("papergym.envs.mine.voxel.goals:Goals"))), ""),
        *("## The embedded world", "", demote(markdown(docstring("papergym.envs.mine.voxel.env:VoxelMineEnv"))), ""),
    ]


def lsimagine_appendix() -> list[str]:
    """The paper's twelve actions and its image."""
    from papergym.wrappers.mine import ACTIONS

    lines = [[number, f"`{name}`"] for number, name in enumerate(ACTIONS)]
    view = table(["Observation", "Shape", "Type", "Min", "Max", "Unit"], [["image", "64×64×3", "uint8", 0, 255, "0 to 255"]])
    return [
        *("## Action space", "", f"`Discrete({len(ACTIONS)})`", "", table(["Num", "Action"], lines), ""),
        *(demote(markdown(docstring("papergym.wrappers.mine:LSImagineActions"))), ""),
        *("## Observation space", "", view, ""),
        *("## Reward and end", "", "Those of [the task with MineDojo's spaces](mine.md).", ""),
    ]


_CONDITIONAL = (
    "A `Dict`; `voxels` in the tasks with MineDojo's own ids (`harvest_…`, `combat_…`, `techtree_…`, `survival`) and with "
    "`use_voxel=True`, `rays` with `use_lidar=True`."
)


APPENDICES = {"football": football_appendix, "Mine": mine_appendix, "LS-Imagine": lsimagine_appendix}
"""Family -> sections after its ids."""
