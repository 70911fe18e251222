"""Result tables beside published numbers: what ``papergym report`` writes, as Markdown with pictures."""

import importlib
import importlib.util
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from papergym import assets
from papergym.agents.common.reproduce import Reproduction
from papergym.agents.common.results import VERSIONS, read_rows, results_path
from papergym.agents.common.statistics import Estimate, estimate

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

FIRST_COLUMNS = ("score", "eval_return", "return_after", "training_return")
"""Result columns in the order in which they are shown; any others follow."""

MOST_COLUMNS = 4

MEANINGS = {
    "score": "mean return of the last training episodes",
    "eval_return": "mean return of deterministic episodes after training",
    "eval_std": "their standard deviation within a run",
    "updates": "updates until solved",
    "mse": "mean squared error of the values at the end",
    "memory": "transitions in the memory",
    "reached": "share of sampled episodes that end at a goal",
    "evenness": "entropy of the goals reached, 1 if all equally often",
    "return_before": "evaluation return before training",
    "return_after": "evaluation return after training",
}
"""Result column -> what it holds."""

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
        """The finite numbers of a column."""
        found = [_number(row.get(column, "")) for row in self.rows]
        return [value for value in found if math.isfinite(value)]

    def estimate(self, column: str) -> Estimate | None:
        """Estimate over seeds, None without runs."""
        values = self.values(column)
        return estimate(values) if values else None


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


def published(facts: dict[str, Any], group: Group) -> list[str]:
    """The paper's numbers for a group's environment (of any version) and setting; what is quoted from memory is left out."""
    fitting = [
        score
        for score in printed(facts)
        if score.get("setting", "") == group.setting and _same_env(score, group.env) and _same_steps(score, group)
    ]
    return [f"{value_of(score)} ({place_of(score)})" for score in fitting]


def printed(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Published scores that may be quoted."""
    return [score for score in facts.get("scores", []) if "memory" not in str(score.get("certainty", ""))]


def place_of(score: dict[str, Any]) -> str:
    """Table or figure, environment there, unit and certainty."""
    where = next((score[key] for key in ("where", "table", "figure", "source") if key in score), "place not recorded")
    return ", ".join(text for text in (where, score.get("env", ""), score.get("unit", ""), score.get("certainty", "")) if text)


def value_of(entry: dict[str, Any]) -> str:
    """Value with its spread, if there is one."""
    spread = entry.get("std", entry.get("spread"))
    return f"{entry['value']:g}" if spread is None else f"{entry['value']:g} ± {spread:g}"


def anchor_section(facts: dict[str, Any]) -> list[str]:
    """Numbers of later implementations, one table: environments down, sources across."""
    anchors = facts.get("anchors", [])
    if not anchors:
        return []
    sources = list(dict.fromkeys(anchor["source"] for anchor in anchors))
    cells = {(anchor["env"], anchor["source"]): value_of(anchor) for anchor in anchors}
    envs = dict.fromkeys(anchor["env"] for anchor in anchors)
    lines = [[env, *(cells.get((env, source), "-") for source in sources)] for env in envs]
    return ["## Later implementations", markdown_table(["environment", *sources], lines)]


def score_section(facts: dict[str, Any]) -> list[str]:
    """Every published score that may be quoted, with its place and certainty."""
    lines = [[score.get("env", "-"), score.get("setting", "-"), value_of(score), place_of(score)] for score in printed(facts)]
    return ["## Published", markdown_table(["environment", "setting", "value", "where"], lines)] if lines else []


def _same_env(score: dict[str, Any], env: str) -> bool:
    return _base(score.get("env", "")) == _base(env)


def _same_steps(score: dict[str, Any], group: Group) -> bool:
    """A score reached after a stated number of steps stands only beside runs of as many."""
    return "steps" not in score or all(row.get("steps") == str(score["steps"]) for row in group.rows)


def _base(env: str) -> str:
    return re.sub(r"-v\d+$", "", env)


def markdown_table(header: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    """A Markdown table."""

    def row(cells: Iterable[Any]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([row(header), row("---" for _ in header), *map(row, lines)]) + "\n"


def reproduction_section(plan: Reproduction, folder: Path) -> list[str]:
    """Markdown blocks of one reproduction; its picture goes to ``folder``."""
    from papergym.agents.common.figures import draw_curves

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
    last = [_overlap_line(plan, members), _own_table(plan), source_line(path, rows, len(plan.trials))]
    return [*head, plan.note, *order, *last]


def _result_table(plan: Reproduction, rows: Sequence[Row], fields: Sequence[str], members: Sequence[Group]) -> list[str]:
    facts, columns = assets.paper(plan.paper), result_columns(rows, fields)
    lines = []
    for group in members:
        cells = [str(found) if (found := group.estimate(column)) else "-" for column in columns]
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
    from papergym.agents.common.figures import overlap, parse_curve

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
