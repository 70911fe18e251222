"""Published numbers beside ours, and the Markdown tables that hold them."""

import html
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from papergym.agents.reproduction.report import Group


def published(facts: dict[str, Any], group: "Group") -> list[str]:
    """The paper's numbers for a group's environment (of any version) and setting; what is quoted from memory is left out."""
    fitting = [
        score
        for score in printed(facts)
        if score.get("setting", "") in _settings(group) and _same_env(score, group.env) and _same_steps(score, group)
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


def _settings(group: "Group") -> set[str]:
    """The group's setting, also where the whole table has that one only and its name leaves it out."""
    return {group.setting or row.get("setting", "") for row in group.rows}


def _same_env(score: dict[str, Any], env: str) -> bool:
    return _base(score.get("env", "")) == _base(env)


def _same_steps(score: dict[str, Any], group: "Group") -> bool:
    """A score reached after a stated number of steps stands only beside runs of as many."""
    return "steps" not in score or all(row.get("steps") == str(score["steps"]) for row in group.rows)


def _base(env: str) -> str:
    return re.sub(r"-v\d+$", "", env)


def markdown_table(header: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    """A Markdown table of plain text: what a cell holds is shown, never a tag, link or image; a line break stays one."""

    def row(cells: Iterable[Any]) -> str:
        return "| " + " | ".join("<br>".join(map(plain, str(cell).splitlines())) for cell in cells) + " |"

    return "\n".join([row(header), row("---" for _ in header), *map(row, lines)]) + "\n"


def plain(text: str) -> str:
    """Markdown that shows ``text``: no tag, link, image or end of a cell comes of it."""
    return html.escape(text, quote=False).replace("](", "]\\(").replace("|", "\\|")
