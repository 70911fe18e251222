"""Draws docs/_static/wrappers/exploration.png from assets/results/exploration.csv and exploration-summary.csv.

A dot is a run; the bar is the 95 % interval of the mean that ``exploration.py --summary`` computed.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "assets" / "results"
MEASURES = {"states": "states visited", "late_return": "return of the last fifth"}
COLOURS = ("0.35", "#0072b2", "#d55e00", "#009e73", "#cc79a7")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def panel(axes: Axes, runs: list[dict[str, str]], means: list[dict[str, str]], measure: str) -> None:
    """Dots, mean and interval of every bonus in one task."""
    for place, row in enumerate(means):
        values = [float(run[measure]) for run in runs if run["bonus"] == row["bonus"]]
        colour, mean = COLOURS[place], float(row["mean"])
        axes.scatter(place + np.linspace(-0.18, 0.18, len(values)), sorted(values), s=12, color=colour, alpha=0.5, linewidths=0)
        axes.errorbar(
            place,
            mean,
            yerr=[[mean - float(row["low"])], [float(row["high"]) - mean]],
            fmt="o",
            color=colour,
            capsize=4,
            markersize=6,
        )
    axes.set_xticks(
        range(len(means)), [row["bonus"].removesuffix("Novelty").removesuffix("Bonus") for row in means], fontsize=8
    )
    axes.margins(x=0.08, y=0.12)
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "_static" / "wrappers" / "exploration.png")
    options = parser.parse_args()
    runs, summary = read(RESULTS / "exploration.csv"), read(RESULTS / "exploration-summary.csv")
    tasks = list(dict.fromkeys(row["task"] for row in summary))
    figure = Figure(figsize=(3.2 * len(tasks), 5.4), layout="constrained")
    grid = figure.subplots(len(MEASURES), len(tasks), squeeze=False)
    for line, (measure, label) in zip(grid, MEASURES.items()):
        for axes, task in zip(line, tasks):
            means = [row for row in summary if (row["task"], row["measure"]) == (task, measure)]
            if any(float(row["mean"]) for row in means):
                panel(axes, [run for run in runs if run["task"] == task], means, measure)
                axes.set_ylabel(label)
            else:
                axes.set_axis_off()
                axes.text(0.5, 0.5, "no reward in this task", ha="center", va="center", transform=axes.transAxes, color="0.4")
    for axes, task in zip(grid[0], tasks):
        axes.set_title(task, fontsize=10)
    seeds, steps = len({run["seed"] for run in runs}), int(runs[0]["steps"])
    figure.suptitle(
        f"PPO without (none) and with a bonus: {seeds} seeds, {steps:,} steps, mean with 95 % interval", fontsize=11
    )
    options.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.output, dpi=110)


if __name__ == "__main__":
    main()
