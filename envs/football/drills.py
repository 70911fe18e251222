"""The football drills that need no motion capture; each docstring's missing sections are those of :data:`drill.SHARED`."""

from typing import Any

import numpy as np

from papergym.envs.football.dm import team as teams
from papergym.envs.football.drill import Drill


def closeness(a: np.ndarray, b: np.ndarray) -> float:
    """exp(-distance / 2 m): 1 at the same place, 0.6 at a metre, 0.08 at five."""
    return float(np.exp(-np.linalg.norm(a - b) / 2.0))


class Follow(Drill):
    """Follow: keep up with a moving target.

    ## Description
    A mark wanders over the pitch at 0.5 to 2 m/s, drawn for the episode; its heading diffuses and it turns at the border. The
    player has to stay on it. The ball is on the pitch but has no effect.

    ## Rewards
    `exp(-d / 2)`, d being the distance in metres from the player's root to the target, on the ground.

    ## Starting State
    Player and ball are placed uniformly on the middle 0.6 of the pitch, the player standing with a random heading. The
    target is uniform on the middle 0.8.

    ## Episode End
    Terminated only if the ball enters a goal. Truncated by
    `gym.make` after 400 steps (10 s), or if the simulation diverges.
    """

    speed_range = (0.5, 2.0)

    def _judge(self, statistics: dict[str, float], goal: Any) -> tuple[float, bool]:
        return closeness(self.player_position(), self.target), False


class Dribble(Drill):
    """Dribble: bring the ball along with a moving target.

    ## Description
    A mark wanders over the pitch at 0.3 to 1 m/s, drawn for the episode. The player has to keep the ball on it, and itself near
    the ball.

    ## Rewards
    `exp(-b / 2) * (1 + exp(-p / 2)) / 2`, b being the distance in metres from ball to target, p from ball to player.

    ## Starting State
    Player and ball are placed uniformly on the middle 0.6 of the pitch, the player standing with a random heading. The
    target is uniform on the middle 0.8.

    ## Episode End
    Terminated only if the ball enters a goal. Truncated by
    `gym.make` after 400 steps (10 s), or if the simulation diverges.
    """

    speed_range = (0.3, 1.0)

    def _judge(self, statistics: dict[str, float], goal: Any) -> tuple[float, bool]:
        ball = self.ball_position()
        return closeness(ball, self.target) * (1 + closeness(ball, self.player_position())) / 2, False


class Shoot(Drill):
    """Shoot: put the ball into the opponents' goal.

    ## Description
    The player runs to the ball and shoots. Nobody defends.

    ## Rewards
    1 for a goal, -1 for an own goal, otherwise 0.002 times the player's velocity to the ball plus 0.01 times the ball's
    velocity to the goal, metres per second.

    ## Starting State
    Player and ball are placed uniformly on the middle 0.6 of the pitch, the player standing with a random heading.

    ## Episode End
    Terminated by a goal. Truncated by `gym.make` after 400 steps (10 s), or if the simulation diverges.
    """

    has_target = False

    def _judge(self, statistics: dict[str, float], goal: Any) -> tuple[float, bool]:
        if goal is not None:
            return (1.0, True) if goal is teams.Team.HOME else (-1.0, False)
        return 0.002 * statistics["stats_vel_to_ball"] + 0.01 * statistics["stats_vel_ball_to_goal"], False


class KickToTarget(Drill):
    """Kick to target: pass the ball to a mark on the ground.

    ## Description
    A mark lies at rest on the pitch, at least 3 m from the ball. The player has to kick the ball there.

    ## Rewards
    1 when the ball is within 1 m of the target, otherwise `0.01 * exp(-b / 2)`, b being the distance in metres from ball to
    target, plus 0.002 times the player's velocity to the ball in metres per second.

    ## Starting State
    Player and ball are placed uniformly on the middle 0.6 of the pitch, the player standing with a random heading. The
    target is uniform on the middle 0.8, at least 3 m from the ball.

    ## Episode End
    Terminated when the ball is within 1 m of the target, or enters a goal. Truncated by
    `gym.make` after 400 steps (10 s), or if the simulation diverges.
    """

    def _place_target(self) -> None:
        super()._place_target()
        while np.linalg.norm(self.ball_position() - self.target) < 3.0:
            super()._place_target()

    def _judge(self, statistics: dict[str, float], goal: Any) -> tuple[float, bool]:
        ball = self.ball_position()
        if np.linalg.norm(ball - self.target) < 1.0:
            return 1.0, True
        return 0.01 * closeness(ball, self.target) + 0.002 * statistics["stats_vel_to_ball"], False
