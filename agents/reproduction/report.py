"""Result tables beside published numbers: what ``papergym report`` writes, as Markdown with pictures."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from papergym import assets
from papergym.agents.checkpoint.provenance import ROW_PACKAGES
from papergym.agents.reproduction.published import markdown_table, plain, published
from papergym.agents.reproduction.results import read_rows, results_path
from papergym.agents.reproduction.statistics import estimate
from papergym.agents.reproduction.trials import Reproduction, label, trial_id
from papergym.agents.runner.ranges import BUDGET
from papergym.agents.runner.registry import Agent, agent

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
        *ROW_PACKAGES,
    }
)
"""Columns of a result table that are no result."""

FIRST_COLUMNS = ("score", "eval_return", "return_after", "training_return")
"""Result columns that are shown first, after those of the agent's labels; any others follow."""

MOST_COLUMNS = 7

MEANINGS = {
    "score": "mean return of the last training episodes",
    "eval_return": "mean return of deterministic episodes after training",
    "eval_std": "their standard deviation within a run",
    "return_before": "evaluation return before training",
    "return_after": "evaluation return after training",
}
"""Result column -> what it holds, beside the labels of the agent's row."""

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
        source: whose runs: "" where all are the shipped ones, else ``shipped`` or ``yours``.
    """

    env: str
    setting: str
    rows: tuple[Row, ...]
    source: str = ""

    def values(self, column: str) -> list[float]:
        """The finite numbers of a column, in :data:`WHEN_SOLVED` those of the runs that solved their task."""
        rows = [row for row in self.rows if column not in WHEN_SOLVED or row.get("solved") != "False"]
        return [value for row in rows if math.isfinite(value := _number(row.get(column, "")))]

    def cell(self, column: str) -> str:
        """Estimate over seeds, with the number of runs it is of where that is not all of them."""
        values = self.values(column)
        part = f" ({len(values)} of {len(self.rows)} runs)" if len(values) < len(self.rows) else ""
        return f"{estimate(values)}{part}" if values else "-"


def groups(rows: Sequence[Row], fields: Iterable[str], yours: Sequence[Row] = ()) -> list[Group]:
    """Group rows by their trial's fields except the seed; fields that never differ are left out of the names."""
    every = [*rows, *yours]
    names = [name for name in fields if name not in ("seed", "env_id", "env") and len({row.get(name, "") for row in every}) > 1]
    names = [name for name in names if name == "setting" or name in BUDGET] if "setting" in names else names
    found: dict[tuple[str, str, str], list[Row]] = {}
    for source, members in (("shipped" if yours else "", rows), ("yours", yours)):
        for row in members:
            setting = ", ".join(
                row[name] if name in ("setting", "policy", "method") else f"{name} {row[name]}"
                for name in names
                if row.get(name)
            )
            found.setdefault((row.get("env_id") or row.get("env") or "", setting, source), []).append(row)
    order = {key[:2]: number for number, key in reversed(list(enumerate(found)))}  # a group's sources side by side
    return [Group(key[0], key[1], tuple(found[key]), key[2]) for key in sorted(found, key=lambda key: order[key[:2]])]


def result_columns(rows: Sequence[Row], fields: Iterable[str], labels: Mapping[str, str]) -> list[str]:
    """Columns that hold results: numbers that are neither a trial's field nor bookkeeping."""
    known = set(fields) | BOOKKEEPING
    names = dict.fromkeys(name for row in rows for name in row)
    columns = [name for name in names if name not in known and any(math.isfinite(_number(row.get(name, ""))) for row in rows)]
    first = [*(name for name in labels if name not in WHEN_SOLVED and name in columns), *FIRST_COLUMNS]
    order = sorted(columns, key=lambda name: first.index(name) if name in first else len(first))
    returns = [name for name in FIRST_COLUMNS if name in order[MOST_COLUMNS:]]  # they stay, however many labels there are
    return [*order[: MOST_COLUMNS - len(returns)], *returns]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def reproduction_section(plan: Reproduction, folder: Path, yours: Sequence[Row] = ()) -> list[str]:
    """Markdown blocks of one reproduction: the paper's numbers, the shipped rows, and a user's; its images go to ``folder``."""
    from papergym.agents.reproduction.figures import draw_curves

    path = results_path(plan.key)
    rows = [row for row in read_rows(path) if row]
    head = [f"## {plan.key}", f"{plan.summary}. Cost: {plan.cost or 'not measured'}. Repeat: `papergym reproduce {plan.key}`."]
    if not rows and not yours:
        return [*head, f"No results yet ({len(plan.trials)} runs in the list)."]
    row = agent(plan.agent)
    fields = list(dict.fromkeys(name for trial in plan.trials for name in trial))
    members = groups(rows, fields, yours)
    table = _fold(_result_table(plan, [*rows, *yours], fields, members, row), len(members))
    images = [_own_figure(plan, row, rows, folder, ""), _own_figure(plan, row, yours, folder, "yours")]
    if image := draw_curves(plan.key, members, folder):
        images.insert(0, f"![learning curves of {plan.key}]({image.name})")
    order = [*images, *table] if len(members) > LONG_TABLE else [*table, *images]
    own = [_own_table(plan, row, rows, ""), _own_table(plan, row, yours, " (yours)")]
    last = [_overlap_line(plan, members), *(own if any(own) else [_missing_line(plan, rows)])]
    sources = [
        source_line(f"assets/results/{path.name}", rows, len(plan.trials)),
        source_line("yours", yours, len(plan.trials)),
    ]
    return [*head, plan.note, *order, *last, *sources]


def _result_table(
    plan: Reproduction, rows: Sequence[Row], fields: Sequence[str], members: Sequence[Group], row: Agent
) -> list[str]:
    facts = assets.paper(plan.paper) if plan.paper else {}
    columns = result_columns(rows, fields, row.labels)
    lines = []
    for group in members:
        cells = [group.cell(column) for column in columns]
        beside = "\n".join(published(facts, group)) or "-"
        lines.append([group.env or "-", group.setting or "-", group.source or "-", len(group.rows), *cells, beside])
    header = ["environment", "setting", "whose", "runs", *columns, "published"]
    kept = [index for index in range(len(header)) if any(line[index] != "-" for line in lines)]
    table = markdown_table([header[index] for index in kept], [[line[index] for index in kept] for line in lines])
    known = {**MEANINGS, **row.labels}
    meanings = "; ".join(f"`{name}`: {known[name]}" for name in columns if name in known)
    explained = "Interquartile mean over runs [95% bootstrap interval]; fewer than four runs are not trimmed."
    return [table, f"{explained} {meanings + '.' if meanings else ''}".strip()]


def _fold(blocks: list[str], lines: int) -> list[str]:
    """A long table behind a line that unfolds it."""
    return ["<details><summary>the table</summary>", *blocks, "</details>"] if lines > LONG_TABLE else blocks


def _overlap_line(plan: Reproduction, members: Sequence[Group]) -> str:
    """Whether the learning curves of the two settings that ``plan`` compares can be told apart, in each environment."""
    from papergym.agents.reproduction.figures import overlap, parse_curve

    found: dict[tuple[str, str], dict[str, list[Any]]] = {}  # of one environment, and of one's own runs
    for group in members:
        curves = [parse_curve(row["curve"]) for row in group.rows if row.get("curve")]
        if group.setting in plan.compare and curves:
            found.setdefault((group.env, group.source), {})[group.setting] = curves
    lines = []
    for place, curves in found.items():
        if len(curves) == 2:
            (first, ours), (second, theirs) = ((name, curves[name]) for name in plan.compare)
            together, points = overlap(ours, theirs)
            where = [part for part in place if part] if len(found) > 1 else []
            runs = ", ".join([f"{len(ours)} and {len(theirs)} runs", *where])
            lines.append(
                f"The 95% intervals of {first} and {second} ({runs}) overlap at {together} of {points} points of the learning "
                "curve."
            )
    return " ".join(lines)


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


def _own_table(plan: Reproduction, row: Agent, rows: Sequence[Row], whose: str) -> str:
    """The paper's own arrangement of the numbers, where the agent's row names one."""
    if not rows or plan.key not in row.tables:
        return ""
    return f"### As the paper computes it{whose}\n\n" + row.load(row.tables[plan.key])(rows)


def _own_figure(plan: Reproduction, row: Agent, rows: Sequence[Row], folder: Path, whose: str) -> str:
    """The paper's own figure drawn from result rows, where the agent's row names one."""
    if not rows or plan.key not in row.figures:
        return ""
    path = folder / f"{plan.key}-figure{whose and '-' + whose}.png"
    row.load(row.figures[plan.key])(path, rows)
    return f"![{plan.key}, as the paper draws it{whose and ', ' + whose}]({path.name})"


def source_line(name: str, rows: Sequence[Row], planned: int) -> str:
    """Where the numbers come from: table, runs, commits, versions; "" for no rows."""
    if not rows:
        return ""

    def distinct(column: str) -> str:
        return plain(", ".join(sorted({row[column] for row in rows if row.get(column)}))) or "not recorded"

    versions = "; ".join(f"{name} {distinct(name)}" for name in ("python", *ROW_PACKAGES) if name in rows[0])
    return f"Source: `{name}`, {len(rows)} of {planned} runs; commit {distinct('commit')}; {versions}."


def speed_section(path: Path) -> list[str]:
    """A table that belongs to no reproduction (a benchmark), as it is."""
    rows = read_rows(path)
    hidden = {"python", "commit", "command", *ROW_PACKAGES, "numpy", "numba", "papergym"}
    columns = [name for name in rows[0] if name not in hidden]
    table = markdown_table(columns, [[row[name] for name in columns] for row in rows])
    return [f"## {path.stem}", table, source_line(f"assets/results/{path.name}", rows, len(rows))]
