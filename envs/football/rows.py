"""The table of this family: humanoid football as Gymnasium ids. The match itself is PettingZoo's ``papergym/football-v0``."""

from papergym.envs.table import Row

_PAPER = "From Motor Control to Team Play in Simulated Humanoid Football (arXiv 2105.12196)"


def _drill(name: str, title: str, summary: str) -> Row:
    return Row(
        id=f"Football-{title}-v0",
        family="football",
        entry_point=f"papergym.envs.football.drills:{title}",
        max_episode_steps=400,
        limit_frames=400,
        summary=summary,
        source=f"{_PAPER}, drill {name}; pitch, target and reward are ours",
    )


ROWS: tuple[Row, ...] = (
    _drill("follow", "Follow", "Keep a humanoid on a moving target."),
    _drill("dribble", "Dribble", "Keep the ball on a moving target."),
    _drill("shoot", "Shoot", "Put the ball into the opponents' goal."),
    _drill("kick-to-target", "KickToTarget", "Pass the ball to a mark on the ground."),
    *(
        Row(
            id=f"Football-{size}v{size}-v0",
            family="football",
            entry_point="papergym.envs.football.single:SinglePlayer",
            kwargs={"team_size": size},
            limit_frames=1800,
            summary=f"Play {size} against {size} with humanoids, controlling one of them.",
            source=f"{_PAPER}, on dm_control.locomotion.soccer",
            extra="football",
        )
        for size in (1, 2)
    ),
)
