"""Result tables beside published numbers: what ``papergym report`` writes, as Markdown with pictures."""

import importlib
import importlib.util
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from papergym import assets
from papergym.agents.reproduction.published import markdown_table, published
from papergym.agents.reproduction.results import VERSIONS, read_rows, results_path
from papergym.agents.reproduction.statistics import estimate
from papergym.agents.reproduction.trials import Reproduction, label, trial_id

Row = dict[str, str]

BOOKKEEPING = frozenset(
    {
        "trial",
        "commit",
        "command",
        "python",
        "curve",
        "eval_curve",
        "error_curve",
        "steps_done",
        "cpu_s",
        "episodes",
        "seconds",
        *VERSIONS,
    }
)
"""Columns of a result table that are no result."""

FIRST_COLUMNS = (
    *("reached", "evenness", "east", "west", "north", "south", "value_error"),
    *("score", "eval_return", "return_after", "training_return"),
)
"""Result columns in the order in which they are shown; any others follow."""

MOST_COLUMNS = 7

MEANINGS = {
    "score": "mean return of the last training episodes",
    "eval_return": "mean return of deterministic episodes after training",
    "eval_std": "their standard deviation within a run",
    "updates": "updates until solved, of the runs that did",
    "mse": "mean squared error of the values at the end",
    "memory": "transitions in the memory",
    "reached": "share of sampled episodes that end at a goal",
    "value_error": "mean distance of the soft values from the exact ones",
    "evenness": "entropy of the goals reached, 1 if all equally often",
    "return_before": "evaluation return before training",
    "return_after": "evaluation return after training",
}
"""Result column -> what it holds."""

WHEN_SOLVED = ("updates", "updates_per_transition")
"""Columns that say nothing about a run that gave up or got stuck."""

LONG_TABLE = 40
"""A table of more lines is folded, under the pictures."""


@dataclass(frozen=True)
class Group:
    """Runs that differ in their seed only.

    Attributes:
        env: environment id, "" where the table has none.
        setting: the other fields in words.
        rows: one per seed.
    """

    env: str
    setting: str
    rows: tuple[Row, ...]

    def values(self, column: str) -> list[float]:
        """The finite numbers of a column, in :data:`WHEN_SOLVED` those of the runs that solved their task."""
        rows = [row for row in self.rows if column not in WHEN_SOLVED or row.get("solved") != "False"]
        return [value for row in rows if math.isfinite(value := _number(row.get(column, "")))]

    def cell(self, column: str) -> str:
        """Estimate over seeds, with the number of runs it is of where that is not all of them."""
        values = self.values(column)
        part = f" ({len(values)} of {len(self.rows)} runs)" if len(values) < len(self.rows) else ""
        return f"{estimate(values)}{part}" if values else "-"


def groups(rows: Sequence[Row], fields: Iterable[str]) -> list[Group]:
    """Group rows by their trial's fields except the seed; fields that never differ are left out of the names."""
    names = [name for name in fields if name not in ("seed", "env_id", "env") and len({row.get(name, "") for row in rows}) > 1]
    names = ["setting"] if "setting" in names else names
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        setting = ", ".join(
            row[name] if name in ("setting", "policy", "method") else f"{name} {row[name]}" for name in names if row.get(name)
        )
        found.setdefault((row.get("env_id") or row.get("env") or "", setting), []).append(row)
    return [Group(env, setting, tuple(members)) for (env, setting), members in found.items()]


def result_columns(rows: Sequence[Row], fields: Iterable[str]) -> list[str]:
    """Columns that hold results: numbers that are neither a trial's field nor bookkeeping."""
    known = set(fields) | BOOKKEEPING
    columns = [name for name in rows[0] if name not in known and any(math.isfinite(_number(row.get(name, ""))) for row in rows)]
    return sorted(columns, key=lambda name: FIRST_COLUMNS.index(name) if name in FIRST_COLUMNS else len(FIRST_COLUMNS))[
        :MOST_COLUMNS
    ]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def reproduction_section(plan: Reproduction, folder: Path) -> list[str]:
    """Markdown blocks of one reproduction; its picture goes to ``folder``."""
    from papergym.agents.reproduction.figures import draw_curves

    path = results_path(plan.key)
    rows = [row for row in read_rows(path) if row]
    head = [f"## {plan.key}", f"{plan.summary}. Cost: {plan.cost or 'not measured'}. Repeat: `papergym reproduce {plan.key}`."]
    if not rows:
        return [*head, f"No results yet ({len(plan.trials)} runs in the list)."]
    fields = list(dict.fromkeys(name for trial in plan.trials for name in trial))
    members = groups(rows, fields)
    table = _fold(_result_table(plan, rows, fields, members), len(members))
    pictures = [_own_picture(plan, folder)]
    if picture := draw_curves(plan.key, members, folder):
        pictures.insert(0, f"![learning curves of {plan.key}]({picture.name})")
    order = [*pictures, *table] if len(members) > LONG_TABLE else [*table, *pictures]
    own = _own_table(plan)
    last = [_overlap_line(plan, members), own or _missing_line(plan, rows), source_line(path, rows, len(plan.trials))]
    return [*head, plan.note, *order, *last]


def _result_table(plan: Reproduction, rows: Sequence[Row], fields: Sequence[str], members: Sequence[Group]) -> list[str]:
    facts, columns = assets.paper(plan.paper), result_columns(rows, fields)
    lines = []
    for group in members:
        cells = [group.cell(column) for column in columns]
        beside = "<br>".join(published(facts, group)) or "-"
        lines.append([group.env or "-", group.setting or "-", len(group.rows), *cells, beside])
    header = ["environment", "setting", "runs", *columns, "published"]
    kept = [index for index in range(len(header)) if any(line[index] != "-" for line in lines)]
    table = markdown_table([header[index] for index in kept], [[line[index] for index in kept] for line in lines])
    meanings = "; ".join(f"`{name}`: {MEANINGS[name]}" for name in columns if name in MEANINGS)
    explained = "Interquartile mean over runs [95% bootstrap interval]; fewer than four runs are not trimmed."
    return [table, f"{explained} {meanings + '.' if meanings else ''}".strip()]


def _fold(blocks: list[str], lines: int) -> list[str]:
    """A long table behind a line that unfolds it."""
    return ["<details><summary>the table</summary>", *blocks, "</details>"] if lines > LONG_TABLE else blocks


def _overlap_line(plan: Reproduction, members: Sequence[Group]) -> str:
    """Whether the learning curves of the two settings that ``plan`` compares can be told apart."""
    from papergym.agents.reproduction.figures import overlap, parse_curve

    curves = {
        group.setting: [parse_curve(row["curve"]) for row in group.rows if row.get("curve")]
        for group in members
        if group.setting in plan.compare
    }
    if len(curves) != 2 or not all(curves.values()):
        return ""
    (first, ours), (second, theirs) = ((name, curves[name]) for name in plan.compare)
    together, points = overlap(ours, theirs)
    runs = f"{len(ours)} and {len(theirs)} runs"
    return f"The 95% intervals of {first} and {second} ({runs}) overlap at {together} of {points} points of the learning curve."


def _missing_line(plan: Reproduction, rows: Sequence[Row]) -> str:
    """The runs of the list that have no row, those that differ in their seed together."""
    done = {row.get("trial") for row in rows}
    seeds: dict[str, list[str]] = {}
    for trial in plan.trials:
        if trial_id(trial) not in done:
            name = label({field: value for field, value in trial.items() if field != "seed"})
            seeds.setdefault(name, []).append(str(trial.get("seed", "")))
    entries = [f"{name} (seed {', '.join(found)})" for name, found in seeds.items()]
    return f"Missing: {'; '.join(entries)}." if entries else ""


def _agent_module(agent: str, name: str) -> Any:
    """Module ``name`` of an agent's folder, None where the agent has none."""
    folder = f"papergym.agents.{agent}"
    found = importlib.util.find_spec(folder) and importlib.util.find_spec(f"{folder}.{name}")
    return importlib.import_module(f"{folder}.{name}") if found else None


def _own_table(plan: Reproduction) -> str:
    """The paper's own arrangement of the numbers, where the agent computes one in ``agents/<agent>/table1.py``."""
    module = _agent_module(plan.agent, "table1") if plan.key.endswith("table1") else None
    if module is None:
        return ""
    return "### As the paper computes it\n\n" + module.markdown(module.from_assets())


def _own_picture(plan: Reproduction, folder: Path) -> str:
    """The paper's own figure drawn from our numbers, where ``agents/<agent>/plot.py`` lists one under ``PLOTS``."""
    module = _agent_module(plan.agent, "plot")
    plot = module.PLOTS.get(plan.key) if module else None
    if plot is None:
        return ""
    path = folder / f"{plan.key}-figure.png"
    plot(path)
    return f"![{plan.key}, as the paper draws it]({path.name})"


def source_line(path: Path, rows: Sequence[Row], planned: int) -> str:
    """Where the numbers come from: file, runs, commits, versions, commands."""

    def distinct(column: str) -> str:
        return ", ".join(sorted({row[column] for row in rows if row.get(column)})) or "not recorded"

    versions = "; ".join(f"{name} {distinct(name)}" for name in ("python", *VERSIONS) if name in rows[0])
    return f"Source: `assets/results/{path.name}`, {len(rows)} of {planned} runs; commit {distinct('commit')}; {versions}."


def speed_section(path: Path) -> list[str]:
    """A table that belongs to no reproduction (a benchmark), as it is."""
    rows = read_rows(path)
    hidden = {"python", "commit", "command", *VERSIONS, "numpy", "numba", "papergym"}
    columns = [name for name in rows[0] if name not in hidden]
    table = markdown_table(columns, [[row[name] for name in columns] for row in rows])
    return [f"## {path.stem}", table, source_line(path, rows, len(rows))]
