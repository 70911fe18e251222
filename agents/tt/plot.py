"""Figures of result rows: paths through the four rooms, and predictions beside what followed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from papergym.agents.reproduction.figures import parse_curve
from papergym.agents.reproduction.published import markdown_table
from papergym.envs.toys.rooms import DOOR

COLUMNS = 4
RADIUS = 0.1
"""Of the goal, as in the environment."""


def parse_paths(text: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Goals (2,) and paths (T, 2) of a row's ``paths``."""
    found = []
    for part in text.split(";"):
        goal, points = part.split("|")
        path = np.array([[float(number) for number in pair.split(",")] for pair in points.split()])
        found.append((np.array([float(number) for number in goal.split(",")]), path))
    return found


def plot_four_rooms(path: str | Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Draw twelve paths, and all that the row holds in one picture, of the first row.

    Args:
        path: image file to write.
        rows: of ``papergym reproduce tt-four-rooms``.
    """
    from matplotlib.figure import Figure

    runs = parse_paths(rows[0]["paths"])
    figure = Figure(figsize=(12, 7.4), layout="constrained")
    axes = figure.subplots(3, COLUMNS + 1, width_ratios=[1] * COLUMNS + [1.001])
    for axis, run in zip(axes[:, :COLUMNS].ravel(), runs):
        _rooms(axis)
        _path(axis, *run)
    for axis in axes[1:, COLUMNS]:
        axis.remove()
    _rooms(axes[0, COLUMNS])
    for goal, points in runs:
        axes[0, COLUMNS].plot(*points.T, linewidth=0.8)
        axes[0, COLUMNS].plot(*goal, ".", color="black", markersize=3)
    axes[0, COLUMNS].set_title(f"{len(runs)} paths", fontsize=9)
    figure.suptitle(f"goal reached in {rows[0]['reached']} of 100 episodes; no rewards in the data", fontsize=10)
    figure.savefig(path, dpi=110)


def _rooms(axis: Any) -> None:
    for low, high in ((-1, -DOOR[1]), (-DOOR[0], DOOR[0]), (DOOR[1], 1)):
        axis.plot([0, 0], [low, high], color="black", linewidth=2)
        axis.plot([low, high], [0, 0], color="black", linewidth=2)
    axis.set(xlim=(-1, 1), ylim=(-1, 1), xticks=[], yticks=[], aspect="equal")


def _path(axis: Any, goal: np.ndarray, points: np.ndarray) -> None:
    from matplotlib.patches import Circle

    axis.add_patch(Circle((float(goal[0]), float(goal[1])), RADIUS, color="tab:green", alpha=0.4))
    axis.plot(*points.T, ".-", markersize=2, linewidth=1)
    axis.plot(*points[0], "o", color="tab:blue")
    axis.set_title(f"{len(points) - 1} steps", fontsize=8)


Row = Mapping[str, str]

CURVES = {"likelihood_curve": "log-probability of the true bin", "error_by_step": "error of the mean, standard deviations"}
AT = (1, 10, 50, 100)
"""Steps that the table of predictions shows."""


def plot_prediction(path: str | Path, rows: Sequence[Row]) -> None:
    """Log-probability and error at each step of the prediction, with the intervals over starts; hidden numbers beside.

    Args:
        path: image file to write.
        rows: of ``papergym reproduce tt-prediction``.
    """
    from matplotlib.figure import Figure

    shares = sorted({float(row.get("hidden") or 0) for row in rows})
    figure = Figure(figsize=(5.4 * len(shares), 7), layout="constrained")
    axes = figure.subplots(len(CURVES), len(shares), squeeze=False, sharex=True, sharey="row")
    for share, column in zip(shares, axes.T):
        for (name, title), axis in zip(CURVES.items(), column):
            for row in rows:
                if float(row.get("hidden") or 0) == share:
                    steps, center, low, high = parse_curve(row[name]).T
                    (line,) = axis.plot(steps, center, label=row["setting"])
                    axis.fill_between(steps, low, high, color=line.get_color(), alpha=0.2)
            axis.set(ylabel=title)
            axis.grid(alpha=0.3)
        column[0].axhline(-np.log(float(rows[0]["bins"])), color="black", linestyle="--", linewidth=1)
        column[1].set(yscale="log", xlabel="steps ahead")
        column[0].set_title(f"{share:.0%} of the numbers hidden" if share else "all numbers seen")
        column[0].legend(fontsize=8)
    figure.suptitle("dashed: the distribution of the data", fontsize=10)
    figure.savefig(path, dpi=110)


def table_prediction(rows: Sequence[Row]) -> str:
    """Log-probability and error at some steps, with the intervals over starts.

    Args:
        rows: of ``papergym reproduce tt-prediction``.
    """
    lines = []
    for row in rows:
        for name, title in CURVES.items():
            curve = {int(step): numbers for step, *numbers in parse_curve(row[name])}
            cells = ["{:.3g} [{:.3g}, {:.3g}]".format(*curve[step]) if step in curve else "-" for step in AT]
            lines.append([row["setting"], row["seed"], title, *cells])
    return markdown_table(["model", "seed", "", *(f"step {step}" for step in AT)], lines)
