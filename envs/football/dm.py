"""The parts of dm_control that football needs, imported so that a machine without display neither warns nor fails."""

from papergym.envs.dmc.load import suite

suite()  # first, since it keeps dm_control from choosing a renderer

from dm_control import composer  # noqa: E402
from dm_control.locomotion import soccer, walkers  # noqa: E402
from dm_control.locomotion.soccer import pitch, team  # noqa: E402

__all__ = ["composer", "pitch", "soccer", "team", "walkers"]
