"""The table of this family: the small worlds of the papers."""

from papergym.envs.table import Row

_FIXED_START = "every episode starts in the first state: the paper's world has no random start"

ROWS: tuple[Row, ...] = (
    Row(
        id="PER-BlindCliffwalk-v0",
        family="toys",
        entry_point="papergym.envs.toys.cliffwalk:BlindCliffwalk",
        summary="Walk a row of states in which one wrong step ends the episode and only the last one pays.",
        source="Prioritized Experience Replay (arXiv 1511.05952), section 3.1 and appendix B.1",
        exceptions={"other_seed": _FIXED_START},
    ),
    Row(
        id="DT-KeyToDoor-v0",
        family="toys",
        entry_point="papergym.envs.toys.key_to_door:KeyToDoor",
        summary="Fetch a key in the first room to be paid at the door of the third.",
        source="Decision Transformer (arXiv 2106.01345), section 5.4 and table 5",
        exceptions={"moving_entries": "the check's episodes of 12 steps never leave the first of three rooms of 15 steps"},
    ),
    Row(
        id="DT-ShortestPath-v0",
        family="toys",
        entry_point="papergym.envs.toys.shortest_path:ShortestPath",
        max_episode_steps=10,
        summary="Reach the goal node of a random directed graph in as few steps as possible.",
        source="Decision Transformer (arXiv 2106.01345), section 3, illustrative example",
    ),
    Row(
        id="TT-FourRooms-v0",
        family="toys",
        entry_point="papergym.envs.toys.four_rooms:FourRooms",
        max_episode_steps=200,
        summary="Steer a point through doorways to a goal in one of four rooms.",
        source="Trajectory Transformer (arXiv 2106.02039), section 3.2",
        exceptions={
            "sb3_check": "it asks the TimeLimit wrapper for compute_reward, which Gymnasium's wrappers no longer forward"
        },
    ),
    Row(
        id="SQL-MultiGoal-v0",
        family="toys",
        entry_point="papergym.envs.toys.multi_goal:MultiGoal",
        max_episode_steps=30,
        summary="Move a point in the plane to one of four equally good goals.",
        source="Reinforcement Learning with Deep Energy-Based Policies (arXiv 1702.08165), section 5.1",
    ),
)
