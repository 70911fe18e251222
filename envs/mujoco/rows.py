"""The table of this family: Gymnasium's MuJoCo v4 tasks from pixels, with Proto-RL's protocol of pictures."""

from typing import Any

from papergym.assets import paper
from papergym.envs.table import Row

_PROTOCOL = paper("protorl")["protocol"]
_SOURCE = "Gymnasium, gymnasium.envs.mujoco v4; pictures as in Proto-RL (arXiv 2102.11271)"

_TWO_POLES = {"lookat": [0.0, 0.0, 0.6], "distance": 2.6, "azimuth": 90.0, "elevation": -10.0}
_ONE_POLE = {"lookat": [0.0, 0.0, 0.2], "distance": 2.0, "azimuth": 90.0, "elevation": -10.0}
_FROM_ABOVE = {"lookat": [0.0, 0.0, 0.0], "distance": 0.62, "azimuth": 90.0, "elevation": -90.0}

TASKS: dict[str, tuple[str, str | dict[str, Any], int]] = {
    "Ant": ("Walk forwards with a four-legged ant, paid for speed and for staying healthy.", "track", 1000),
    "HalfCheetah": ("Run forwards with a planar two-legged cheetah, paid for speed less control cost.", "track", 1000),
    "Hopper": ("Hop forwards with a planar one-legged hopper without falling.", "track", 1000),
    "Humanoid": ("Walk forwards with a humanoid without falling.", "track", 1000),
    "HumanoidStandup": ("Raise the head of a humanoid that starts on its back.", "track", 1000),
    "InvertedDoublePendulum": ("Balance two poles linked end to end on a cart.", _TWO_POLES, 1000),
    "InvertedPendulum": ("Balance a pole on a cart.", _ONE_POLE, 1000),
    "Reacher": ("Reach a target in the plane with the tip of a two-link arm.", _FROM_ABOVE, 50),
    "Swimmer": ("Swim forwards with a three-link swimmer.", "track", 1000),
    "Walker2d": ("Walk forwards with a planar two-legged walker without falling.", "track", 1000),
}
"""Task -> what it asks, its camera (of the model, or the pose of a free one where it has none), its limit in frames."""


def _row(task: str, summary: str, camera: str | dict[str, Any], limit_frames: int) -> Row:
    look = {name: _PROTOCOL[name] for name in ("size_px", "frame_stack", "action_repeat")}
    return Row(
        id=f"Pixel-{task}-v4",
        family="mujoco",
        entry_point="papergym.wrappers.recipes:mujoco_v4",
        vector_entry_point="papergym.wrappers.vector.recipes:mujoco_v4",
        kwargs={"task": task, **look, "camera": camera, "limit_frames": limit_frames},
        limit_frames=limit_frames,
        summary=summary,
        source=_SOURCE,
        version_note="v4: the version of Gymnasium's task inside.",
    )


ROWS: tuple[Row, ...] = (
    *(_row(task, *facts) for task, facts in TASKS.items()),
    Row(
        id="Pixel-Pusher-v4",
        family="mujoco",
        entry_point="papergym.wrappers.recipes:mujoco_v4",
        summary="Push a cylinder to a goal with a seven-joint arm.",
        source=_SOURCE,
        version_note="v4: the version of Gymnasium's task inside.",
        unavailable=(
            "Gymnasium's Pusher-v4 needs mujoco<3, because the weight of its cylinder differs there, and dm_control needs "
            "mujoco>=3.17. Use Gymnasium's Pusher-v5."
        ),
    ),
)
