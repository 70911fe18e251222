"""``papergym compare RUN RUN``: runs side by side: settings, returns, learning curves."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.table import Table

from papergym.agents.cli.options import parse
from papergym.agents.console import console
from papergym.agents.errors import UsageError


@dataclasses.dataclass
class Options:
    """Compare runs; runs that differ in their seed only are drawn as one curve with its interval."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders made by `papergym train`, two or more."""
    picture: Path = Path("compare.png")
    """Learning curves of the evaluations go here."""


def main(argv: list[str]) -> int:
    """Print what differs, and write the picture."""
    options = parse(Options, "compare", argv)
    if len(options.runs) < 2:
        raise UsageError(f"expected two runs or more, got {len(options.runs)}.")
    if options.picture.suffix not in (".png", ".pdf", ".svg", ".jpg"):
        raise UsageError(f"--picture writes a .png, .pdf, .svg or .jpg, got {options.picture}.")
    from papergym.agents.runner.folder import read_tables

    tables = [_flat({name: read_tables(run)[name] for name in ("agent", "run", "config")}) for run in options.runs]
    terminal = console()
    terminal.print(_settings(options.runs, tables))
    terminal.print(_results(options.runs))
    for line in _identical(options.runs):
        terminal.print(line, soft_wrap=True)
    _draw(options.runs, tables, options.picture)
    terminal.print(f"learning curves: {options.picture}", soft_wrap=True)
    return 0


HIDDEN = ("run.run_folder", "run.resume")
"""Settings that say nothing about a run."""


def _flat(tables: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tables.items():
        flat.update(_flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value})
    return {key: value for key, value in flat.items() if key not in HIDDEN}


def _differences(tables: list[dict[str, Any]]) -> list[str]:
    """Settings in which the runs differ, in the order of their files."""
    keys = dict.fromkeys(key for table in tables for key in table)
    return [key for key in keys if any(table.get(key) != tables[0].get(key) for table in tables)]


def _settings(runs: tuple[Path, ...], tables: list[dict[str, Any]]) -> Table:
    shown = Table("setting", *map(str, runs), title="settings that differ", title_justify="left")
    for key in _differences(tables):
        shown.add_row(key, *(str(table.get(key, "unset")) for table in tables))
    return shown


def _rounds(run: Path) -> np.ndarray:
    """(evaluations, 2): units done and mean return."""
    from papergym.agents.runner.folder import eval_rounds

    rounds = eval_rounds(run)
    if not rounds:
        raise UsageError(f"{run} has no evaluation yet. Go on with it: papergym train {run} --resume")
    return np.array([[done, np.mean(values)] for done, values in rounds.items()])


def _results(runs: tuple[Path, ...]) -> Table:
    from papergym.agents.runner.tables import numbers

    shown = Table("result", *map(str, runs), title="results", title_justify="left")
    rounds = [_rounds(run) for run in runs]
    episodes = [[value for (value,) in numbers(run / "episodes.csv", ("return",))] for run in runs]
    timing = [numbers(run / "timing.csv", ("", "seconds")) for run in runs]
    shown.add_row("steps or updates", *(f"{found[-1, 0]:.0f}" for found in rounds))
    shown.add_row("last evaluation return", *(f"{found[-1, 1]:.2f}" for found in rounds))
    shown.add_row("best evaluation return", *(f"{found[:, 1].max():.2f}" for found in rounds))
    shown.add_row("mean over evaluations", *(f"{found[:, 1].mean():.2f}" for found in rounds))
    shown.add_row("training return, last 10 episodes", *(f"{np.mean(found[-10:]):.2f}" if found else "-" for found in episodes))
    shown.add_row("steps or updates per second", *(f"{found[-1][0] / found[-1][1]:.0f}" if found else "-" for found in timing))
    return shown


def _identical(runs: tuple[Path, ...]) -> list[str]:
    """Pairs of runs whose numbers are the same to the last digit."""
    names = ("metrics.csv", "episodes.csv", "eval.csv")
    contents = [tuple((run / name).read_bytes() for name in names) for run in runs]
    pairs = [(one, other) for one in range(len(runs)) for other in range(one) if contents[one] == contents[other]]
    return [f"{runs[other]} and {runs[one]} have the same numbers to the last digit." for one, other in pairs]


def _draw(runs: tuple[Path, ...], tables: list[dict[str, Any]], picture: Path) -> None:
    from papergym.agents.reproduction.figures import draw

    axes = [key for key in _differences(tables) if key != "run.seed"]
    panels: dict[str, list[tuple[str, list[np.ndarray]]]] = {}
    for run, table in zip(runs, tables):
        label = ", ".join(f"{key.split('.')[-1]} {table.get(key, 'unset')}" for key in axes if key != "run.env") or str(
            table["agent"]
        )
        lines = panels.setdefault(str(table["run.env"]), [])
        match = [curves for name, curves in lines if name == label]
        if match:
            match[0].append(_rounds(run))
        else:
            lines.append((label, [_rounds(run)]))
    picture.parent.mkdir(parents=True, exist_ok=True)
    draw(panels, picture)
