"""Figure 2 of the paper, and the same question put to networks."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from papergym.agents.per.cliffwalk import METHODS, REPRESENTATIONS

Row = Mapping[str, str]


def plot_cliffwalk(path: str | Path, rows: Sequence[Row]) -> None:
    """Draw median and range of the updates over the memory's size, log-log; stuck runs are left out and counted.

    Args:
        path: image file to write.
        rows: of ``papergym reproduce per-cliffwalk``.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    for axis, representation in zip(figure.subplots(1, 2, sharey=True), REPRESENTATIONS):
        for method in METHODS:
            chosen = [row for row in rows if row["method"] == method and row["representation"] == representation]
            solved: dict[int, list[int]] = {}
            for row in chosen:
                if row["solved"] == "True":
                    solved.setdefault(int(row["memory"]), []).append(int(row["updates"]))
            sizes, stuck = sorted(solved), sum(row["stuck"] == "True" for row in chosen)
            (line,) = axis.plot(sizes, [np.median(solved[size]) for size in sizes])
            line.set_label(f"{method} ({stuck} of {len(chosen)} stuck)" if stuck else method)
            low, high = ([pick(solved[size]) for size in sizes] for pick in (min, max))
            axis.fill_between(sizes, low, high, alpha=0.2, color=line.get_color())
        axis.set(xscale="log", yscale="log", title=representation, xlabel="transitions in memory", ylabel="updates")
        axis.legend(fontsize=8)
    figure.savefig(path, dpi=110)


def plot_memory(path: str | Path, rows: Sequence[Row]) -> None:
    """Draw median and range over seeds of the updates that DQN needs, over the memory's size, log-log.

    Args:
        path: image file to write.
        rows: of ``papergym reproduce per-dqn-memory``.
    """
    from matplotlib.figure import Figure

    rows = [row for row in rows if row["solved"] == "True"]
    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    for method in dict.fromkeys(row["method"] for row in rows):
        updates: dict[int, list[int]] = {}
        for row in rows:
            if row["method"] == method:
                updates.setdefault(int(row["memory"]), []).append(int(row["updates"]))
        sizes = sorted(updates)
        (line,) = axis.plot(sizes, [np.median(updates[size]) for size in sizes], label=method)
        low, high = ([pick(updates[size]) for size in sizes] for pick in (min, max))
        axis.fill_between(sizes, low, high, alpha=0.2, color=line.get_color())
    axis.set(xscale="log", yscale="log", xlabel="transitions in memory", ylabel="updates of 32 transitions")
    axis.legend(fontsize=8)
    figure.savefig(path, dpi=110)
