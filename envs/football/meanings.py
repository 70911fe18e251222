"""Meaning and unit of what a football player observes; vectors are in the player's frame unless said otherwise."""

import re

_PLACE = "corner of the goal or field, x and y"

MEANINGS: dict[str, tuple[str, str]] = {
    "appendages_pos": ("positions of hands, feet and head, 3 numbers each", "m"),
    "bodies_pos": ("positions of all bodies, 3 numbers each", "m"),
    "bodies_quats": ("orientations of all bodies, quaternions", "1"),
    "body_height": ("height of the root body", "m"),
    "end_effectors_pos": ("positions of the end effectors, 3 numbers each", "m"),
    "joints_pos": ("joint angles, in the order of the model", "rad"),
    "joints_vel": ("joint angular velocities, in the order of the model", "rad/s"),
    "prev_action": ("the last action", "1"),
    "sensors_accelerometer": ("acceleration of the root body", "m/s²"),
    "sensors_gyro": ("angular velocity of the root body", "rad/s"),
    "sensors_velocimeter": ("velocity of the root body", "m/s"),
    "world_zaxis": ("the vertical axis", "1"),
    "ball_ego_angular_velocity": ("angular velocity of the ball", "rad/s"),
    "ball_ego_position": ("position of the ball", "m"),
    "ball_ego_linear_velocity": ("velocity of the ball", "m/s"),
    "mate_ego_end_effectors_pos": ("positions of that player's end effectors, 3 numbers each", "m"),
    "mate_ego_linear_velocity": ("velocity of that player", "m/s"),
    "mate_ego_position": ("position of that player", "m"),
    "mate_ego_orientation": ("rotation matrix of that player", "1"),
    "mate_end_effectors_pos": ("positions of that player's end effectors in its own frame, 3 numbers each", "m"),
    "team_goal_back_right": (f"own goal: {_PLACE}", "m"),
    "team_goal_mid": ("own goal: its centre", "m"),
    "team_goal_front_left": (f"own goal: {_PLACE}", "m"),
    "field_front_left": (f"field: {_PLACE}", "m"),
    "opponent_goal_back_left": (f"opponents' goal: {_PLACE}", "m"),
    "opponent_goal_mid": ("opponents' goal: its centre", "m"),
    "opponent_goal_front_right": (f"opponents' goal: {_PLACE}", "m"),
    "field_back_right": (f"field: {_PLACE}", "m"),
    "target_ego_position": ("position of the target", "m"),
    "target_ego_velocity": ("velocity of the target, x and y", "m/s"),
}
"""Key of ``slices()`` -> meaning, unit; ``mate_`` stands for each ``teammate_N_`` and ``opponent_N_``."""


def meaning(key: str) -> tuple[str, str]:
    """Meaning and unit of one key of ``slices()``.

    Raises:
        KeyError: the table lacks the key.
    """
    return MEANINGS[re.sub(r"^(teammate|opponent)_\d+_", "mate_", key)]
