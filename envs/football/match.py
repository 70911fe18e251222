"""Football matches of dm_control; humanoids load without a download of motion capture."""

from typing import Any

import numpy as np
from gymnasium import spaces

from papergym.envs.checks import finite_action, flag, is_whole, number, one_of
from papergym.envs.football.dm import composer, soccer, walkers
from papergym.envs.football.dm import pitch as pitches
from papergym.envs.football.dm import team as teams

WALKERS = ("humanoid", "ant", "boxhead")
CONTROL_STEP_S = 0.025
"""Simulated time per step, seconds; the physics runs at 0.005."""


def make_walker(kind: str, name: str, number: int, colour: list[float]) -> Any:
    """A player's body; ``kind`` is one of :data:`WALKERS`.

    dm_control's own humanoid players start from a frame of motion capture that it downloads; these start standing in the
    walker's T-pose, which needs no file.
    """
    colour = list(colour)  # the walkers change what they are given
    if kind == "humanoid":
        visual = soccer.Humanoid.Visual.JERSEY
        return soccer.Humanoid(name=name, marker_rgba=colour, walker_id=number, visual=visual)
    if kind == "ant":
        return walkers.Ant(name=name, marker_rgba=colour)
    return soccer.BoxHead(name=name, marker_rgba=colour, walker_id=number)


def make_players(kind: str, home: int, away: int) -> list[Any]:
    """Players in the order of the agents: first ``home_0``, ``home_1`` and so on, then the away team."""
    sides = ((teams.Team.HOME, "home", home, teams.RGBA_BLUE), (teams.Team.AWAY, "away", away, teams.RGBA_RED))
    return [
        teams.Player(side, make_walker(kind, f"{name}{number}", number, colour))
        for side, name, count, colour in sides
        for number in range(count)
    ]


def pitch_limits(kind: str, players: int) -> tuple[Any, Any, Any]:
    """Smallest and largest half-sizes (x, y) of the pitch and the goal's half-sizes (None: from the pitch), metres.

    As in dm_control: humanoids have 100 to 350 square metres per player and a mini-football goal; the others have the pitch of
    arXiv 1902.07151, whatever their number.
    """
    if kind != "humanoid":
        return (32.0, 24.0), (48.0, 36.0), None
    areas = np.array([pitches.MINI_FOOTBALL_MIN_AREA_PER_HUMANOID, pitches.MINI_FOOTBALL_MAX_AREA_PER_HUMANOID]) * players
    smallest, largest = (tuple(np.sqrt([area / 0.75, area * 0.75]) / 2) for area in areas)
    return smallest, largest, pitches.MINI_FOOTBALL_GOAL_SIZE


def make_ball(kind: str) -> Any:
    """A FIFA ball for humanoids, dm_control's large light ball for the others."""
    return soccer.regulation_soccer_ball() if kind == "humanoid" else soccer.SoccerBall()


def see_far(arena: Any) -> None:
    """Move the far clipping plane to 300 m: on small pitches dm_control's hides everything from its camera at 95 m."""
    arena.mjcf_model.visual.map.zfar = 300.0 / arena.mjcf_model.statistic.extent


def checked(action: Any, space: spaces.Space, what: str = "an action") -> np.ndarray:
    """A player's action as float64, clipped to [-1, 1].

    Raises:
        ActionError: another shape than ``space`` has, no floats, or NaN or infinity.
    """
    return np.clip(finite_action(action, space, what), -1.0, 1.0)


def load_match(
    *,
    team_size: int,
    walker: str,
    time_limit_s: float,
    terminate_on_goal: bool,
    field_box: bool,
    walker_contacts: bool,
    random: np.random.RandomState,
) -> composer.Environment:
    """A match of two teams on a pitch whose size is drawn in each episode."""
    one_of("walker", walker, WALKERS)
    if not is_whole(team_size) or not 1 <= team_size <= 11:
        raise ValueError(f"team_size must be from 1 to 11, got {team_size!r}")
    if not number("time_limit_s", time_limit_s) >= CONTROL_STEP_S:
        raise ValueError(f"time_limit_s must be at least one step, {CONTROL_STEP_S} s, got {time_limit_s}")
    for name, value in (("terminate_on_goal", terminate_on_goal), ("field_box", field_box)):
        flag(name, value)
    flag("walker_contacts", walker_contacts)
    smallest, largest, goal = pitch_limits(walker, 2 * team_size)
    arena = soccer.RandomizedPitch(min_size=smallest, max_size=largest, goal_size=goal, field_box=field_box)
    see_far(arena)
    task = (soccer.Task if terminate_on_goal else soccer.MultiturnTask)(
        players=make_players(walker, team_size, team_size),
        arena=arena,
        ball=make_ball(walker),
        disable_walker_contacts=not walker_contacts,
        control_timestep=CONTROL_STEP_S,
    )
    return composer.Environment(
        task,
        time_limit=time_limit_s,
        random_state=random,
        strip_singleton_obs_buffer_dim=True,
        raise_exception_on_physics_error=False,
    )
