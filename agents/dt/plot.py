"""The paper's figures and its table for the toy experiments, from result rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from papergym import assets
from papergym.agents.dt.studies import METHODS
from papergym.agents.reproduction.figures import parse_curve
from papergym.agents.reproduction.published import markdown_table

Row = Mapping[str, str]

HISTOGRAMS = {"walks": "random walks", "dt": "transformer", "optimal": "shortest paths"}
"""End of a column's name -> label."""


def plot_shortest_path(path: str | Path, rows: Sequence[Row]) -> None:
    """Histogram of the steps to the goal: random walks that reach it, the model, shortest paths.

    Args:
        path: image file to write.
        rows: of ``papergym reproduce dt-shortest-path``.
    """
    from matplotlib.figure import Figure

    settings = list(dict.fromkeys(row["setting"] for row in rows))
    figure = Figure(figsize=(5 * len(settings), 3.6), layout="constrained")
    for axis, setting in zip(np.atleast_1d(figure.subplots(1, len(settings))), settings):
        chosen = [row for row in rows if row["setting"] == setting]
        for place, (name, label) in enumerate(HISTOGRAMS.items()):
            shares = np.mean([_shares(row[f"histogram_{name}"]) for row in chosen], 0)
            axis.bar(np.arange(1, 11) + (place - 1) * 0.28, shares, 0.28, label=label)
        missed = 100 - np.mean([float(row["reached"]) for row in chosen])
        axis.set(
            title=f"{setting}, {len(chosen)} seeds", xlabel=f"steps to the goal (not reached: {missed:.0f} %)", ylabel="share"
        )
        axis.legend()
    figure.savefig(path, dpi=110)


def _shares(text: str) -> np.ndarray:
    """Shares of 1 to 10 steps."""
    shares = np.zeros(10)
    for steps, share in parse_curve(text) if text else ():
        shares[int(steps) - 1] = share
    return shares


def plot_key_to_door(path: str | Path, rows: Sequence[Row]) -> None:
    """Success of each method, mean and single seeds, with the paper's numbers as lines.

    Args:
        path: image file to write.
        rows: of ``papergym reproduce dt-key-to-door``.
    """
    from matplotlib.figure import Figure

    rooms = list(dict.fromkeys((row["size"], row["phase_steps"]) for row in rows))
    figure = Figure(figsize=(5 * len(rooms), 3.8), layout="constrained")
    names = [name for name in METHODS if any(row["method"] == name for row in rows)]
    for axis, (size, steps) in zip(np.atleast_1d(figure.subplots(1, len(rooms), sharey=True)), rooms):
        for place, walks in enumerate(("1000", "10000")):
            for index, name in enumerate(names):
                values = _successes(rows, size, walks, name)
                if values:
                    at = index + (place - 0.5) * 0.4
                    axis.bar(
                        at, np.mean(values), 0.36, color=f"C{place}", alpha=0.6, label=f"{walks} walks" if not index else None
                    )
                    axis.plot([at] * len(values), values, ".", color="black", markersize=4)
                    printed = paper_value(name, walks)
                    axis.plot([at - 0.18, at + 0.18], [printed, printed], color="black", linewidth=1.5)
        axis.set(
            title=f"rooms of {size} x {size}, {steps} steps a phase", ylabel="success, % (lines: the paper)", ylim=(0, 100)
        )
        axis.set_xticks(range(len(names)), names)
        axis.legend()
    figure.savefig(path, dpi=110)


def _successes(rows: Sequence[Row], size: str, walks: str, name: str) -> list[float]:
    return [float(row["success"]) for row in rows if (row["size"], row["walks"], row["method"]) == (size, walks, name)]


def paper_value(name: str, walks: str) -> float:
    """The paper's success rate of a method, in percent."""
    wanted = f"{name}, {int(walks):_} walks".replace("_", " ")
    return next(float(score["value"]) for score in assets.paper("dt")["scores"] if score["setting"] == wanted)


def table_key_to_door(rows: Sequence[Row]) -> str:
    """Mean success in percent, methods across, beside the paper's.

    Args:
        rows: of ``papergym reproduce dt-key-to-door``.
    """
    lines = []
    for size, steps in dict.fromkeys((row["size"], row["phase_steps"]) for row in rows):
        for walks in ("1000", "10000"):
            cells = []
            for name in METHODS:
                found = _successes(rows, size, walks, name)
                mine = f"{np.mean(found):.1f} ({min(found):.1f} to {max(found):.1f})" if found else "-"
                cells.append(f"{mine}; paper {paper_value(name, walks):g}")
            lines.append([f"{size} x {size}, {steps} steps", walks, *cells])
    return markdown_table(["rooms", "walks", *METHODS], lines)


def plot_credit(path: str | Path, rows: Sequence[Row]) -> None:
    """Predicted success around the step that takes the key, and the attention that the door step pays to those steps.

    Args:
        path: image file to write.
        rows: of ``papergym reproduce dt-credit``.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for row in rows:
        offsets, chances = parse_curve(row["at_key"]).T
        left.plot(offsets, chances, marker="o", markersize=3, label=f"seed {row['seed']}")
        right.plot(*parse_curve(row["attention"]).T, marker="o", markersize=3)
        right.axhline(float(row["even"]), color="black", linestyle="--", linewidth=1)
    left.axvline(0.5, color="gray", linestyle=":", linewidth=1)
    left.set(xlabel="step, 0 takes the key", ylabel="predicted probability of success", ylim=(0, None))
    right.set(xlabel="step, 0 takes the key", ylabel="attention from the door step (dashed: even)", ylim=(0, None))
    left.legend()
    figure.savefig(path, dpi=110)
