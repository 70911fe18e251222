"""Learning curves of groups of runs."""

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from papergym.agents.checkpoint.files import replaced
from papergym.agents.reproduction.statistics import estimate_curves

if TYPE_CHECKING:
    from papergym.agents.reproduction.report import Group

COLUMNS = 3
COMMON_POINTS = 40
DASHES = ("-", "--", ":")
"""Line styles: every ten labels take the next, so that no two lines look alike."""
LETTERS_PER_INCH = 15
"""Of a legend in eight points."""


def parse_curve(text: str) -> np.ndarray:
    """``"step:value step:value"`` as an array (points, 2)."""
    return np.array([[float(number) for number in pair.split(":")] for pair in text.split()])


def common_grid(curves: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Curves of different steps, linearly interpolated on common ones.

    Args:
        curves: (points, 2) each: step, value.

    Returns:
        steps (p,) within the range that all curves cover, values (runs, p).
    """
    low, high = max(curve[0, 0] for curve in curves), min(curve[-1, 0] for curve in curves)
    steps = np.linspace(low, high, min(COMMON_POINTS, max(len(curve) for curve in curves)))
    return steps, np.stack([np.interp(steps, curve[:, 0], curve[:, 1]) for curve in curves])


def overlap(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> tuple[int, int]:
    """At how many points the intervals of two groups of curves overlap, and of how many."""
    steps, values = common_grid([*first, *second])
    (_, low, high), (_, other_low, other_high) = (
        estimate_curves(part) for part in (values[: len(first)], values[len(first) :])
    )
    return int(((low <= other_high) & (other_low <= high)).sum()), len(steps)


def draw_curves(name: str, members: Sequence["Group"], folder: Path) -> Path | None:
    """One axis per environment, one line per setting; None where the rows hold no curves.

    Evaluations with deterministic actions are drawn where there are any, else the return while training.
    """
    by_env: dict[str, list[tuple[str, list[np.ndarray]]]] = {}
    evaluated = any(row.get("eval_curve") for group in members for row in group.rows)
    column = "eval_curve" if evaluated else "curve"
    for group in members:
        curves = [parse_curve(row[column]) for row in group.rows if row.get(column)]
        if curves:
            label = ": ".join(word for word in (group.source, group.setting) if word)
            by_env.setdefault(group.env, []).append((label, curves))
    ylabel = "return, deterministic actions" if evaluated else "return while training"
    return draw(by_env, folder / f"{name}.png", ylabel) if by_env else None


def _legend(names: Sequence[str], width_inches: float) -> tuple[list[str], int, float]:
    """Labels in lines that fit, how many stand side by side, and the height in inches."""
    letters = int(width_inches * LETTERS_PER_INCH)
    texts = [textwrap.fill(name, letters - 6) for name in names]
    longest = max((len(line) for text in texts for line in text.split("\n")), default=1)
    across = max(1, min(4, letters // (longest + 6), len(texts)))
    lines = math.ceil(sum(text.count("\n") + 1 for text in texts) / across)
    return texts, across, 0.2 + 0.16 * lines


def draw(panels: dict[str, list[tuple[str, list[np.ndarray]]]], path: Path, ylabel: str = "return") -> Path:
    """Draw panels: title -> (label, curves of its runs); center and interval of each label."""
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    names = list(dict.fromkeys(label for lines in panels.values() for label, _ in lines))
    texts, across, height = _legend(names, 5 * columns)
    figure = Figure(figsize=(5 * columns, 3.6 * rows + 0.4 + height), layout="constrained")
    axes: Any = figure.subplots(rows, columns, squeeze=False).ravel()
    styles = {label: {"color": f"C{i % 10}", "linestyle": DASHES[i // 10 % len(DASHES)]} for i, label in enumerate(names)}
    labels: dict[str, Any] = {}
    for axis, (title, lines) in zip(axes, panels.items()):
        for label, curves in lines:
            steps, values = common_grid(curves)
            center, low, high = estimate_curves(values)
            (labels[label],) = axis.plot(steps, center, **styles[label])
            axis.fill_between(steps, low, high, color=styles[label]["color"], alpha=0.2)
        axis.set(title=title, xlabel="steps", ylabel=ylabel)
        axis.grid(alpha=0.3)
    for axis in axes[len(panels) :]:
        axis.remove()
    if any(labels):
        figure.legend([labels[name] for name in names], texts, loc="outside lower center", ncols=across, fontsize=8)
    with replaced(path) as temporary:
        figure.savefig(temporary, dpi=110)
    return path
