"""Where soft Q-learning's samples end, over the exact soft values (after figure 1 of the paper)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from papergym.agents.sql.config import Config
from papergym.agents.sql.exact import soft_values
from papergym.agents.sql.score import GOAL_NAMES
from papergym.envs.toys.multi_goal import GOALS


def plot_multigoal(path: str | Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Draw end points of sampled episodes, and the share of episodes that end at each goal, one bar per seed.

    Args:
        path: image file to write.
        rows: of ``papergym reproduce sql-multigoal``.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    axis, values = soft_values(Config.temperature, Config.gamma)
    levels = left.contourf(axis, axis, values.T, levels=20, cmap="Greys_r", alpha=0.6)
    figure.colorbar(levels, ax=left, label="exact soft value")
    left.scatter(*GOALS.T, marker="x", color="black", zorder=3)
    width = 0.8 / len(rows)
    for index, row in enumerate(rows):
        ends = np.array([[float(number) for number in pair.split(",")] for pair in row["ends"].split()])
        points = left.scatter(*ends.T, s=7)
        shares = [float(row[name]) for name in GOAL_NAMES]
        right.bar(np.arange(4) + (index - (len(rows) - 1) / 2) * width, shares, width, color=points.get_facecolor())
    left.set(title="where sampled episodes end, one colour per seed", xlabel="x", ylabel="y", aspect="equal")
    right.axhline(0.25, color="black", linestyle="--", linewidth=1)
    right.set(title="share of episodes that end at each goal", ylim=(0, 1))
    right.set_xticks(range(4), GOAL_NAMES)
    figure.savefig(path, dpi=110)
