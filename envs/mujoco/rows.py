"""The table of this family: Gymnasium's MuJoCo v4 tasks that run here, with a camera for each; it adds no ids."""

from typing import Any

from papergym.envs.table import Row

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

ROWS: tuple[Row, ...] = ()
"""Gymnasium has registered the tasks themselves."""
