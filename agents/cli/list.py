"""``papergym list [WORD]``: environment ids by family, agents, papers and trained agents."""

import dataclasses
import json
import re
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.table import Table

from papergym import assets
from papergym.agents.cli.options import parse
from papergym.agents.console import console
from papergym.agents.errors import unknown
from papergym.agents.runner.fields import tomllib
from papergym.agents.runner.registry import agents
from papergym.envs.table import Row
from papergym.wrappers.rows import rows


@dataclasses.dataclass
class Options:
    """What to list."""

    word: tyro.conf.Positional[str] = ""
    """A family, `agents`, `papers`, `envs`, `trained`, or a part of an id; empty: everything."""
    as_json: Annotated[bool, tyro.conf.arg(name="json")] = False
    """Print JSON."""


def main(argv: list[str]) -> int:
    """Print the lists."""
    options = parse(Options, "list", argv)
    word = options.word
    found: dict[str, list[dict[str, Any]]] = {}
    if word not in ("agents", "papers", "trained"):
        found["environments"] = [_env(row) for row in rows() if _matches(row, word)]
    if word in ("", "agents"):
        found["agents"] = [_agent(row) for row in agents()]
    if word in ("", "papers"):
        found["papers"] = [_paper(key) for key in assets.paper_keys()]
    if word in ("", "trained"):
        found["trained agents"] = [_trained(name, folder) for name, folder in assets.trained().items()]
    if not any(found.values()) and word != "trained":
        families = {row.family for row in rows()}
        parts = {part.lower() for row in rows() for part in re.findall(r"[A-Z]+[a-z]+|[a-z]+", row.id)}
        raise unknown("family or part of an id", word, families | {"agents", "papers", "envs", "trained"}, others=parts)
    if options.as_json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        _print(found)
    return 0


def _matches(row: Row, word: str) -> bool:
    return (
        word in ("", "envs", row.family)
        or word.lower() in row.id.lower()
        or row.entry_point.startswith(f"papergym.envs.{word}.")
    )


def _env(row: Row) -> dict[str, Any]:
    limit = (
        f"{row.limit_frames} frames"
        if row.limit_frames
        else f"{row.max_episode_steps} steps"
        if row.max_episode_steps
        else "none"
    )
    state = f"cannot run: {row.unavailable}" if row.unavailable else f"needs papergym[{row.extra}]" if row.extra else ""
    return {"family": row.family, "id": row.id, "limit": limit, "task": row.summary, "source": row.source, "note": state}


def _agent(row: Any) -> dict[str, Any]:
    return {"agent": row.key, "learns": row.summary, "acts in": ", ".join(row.action_spaces), "paper": row.paper}


def _paper(key: str) -> dict[str, Any]:
    facts = assets.paper(key)
    paper = facts["paper"]
    tables = ", ".join(facts.get("reproduce", {})) or "none"
    return {
        "paper": key,
        "title": paper["title"],
        "year": paper["year"],
        "arXiv": str(paper.get("arxiv", "")),
        "reproduce": tables,
    }


def _trained(name: str, folder: Path) -> dict[str, Any]:
    facts = tomllib.loads((folder / "agent.toml").read_text(encoding="utf-8"))
    reached = f"{facts['return']} ± {facts['return_std']}"
    return {"name": name, "return": reached, "episodes": facts["episodes"], "command": facts["command"]}


def _print(found: dict[str, list[dict[str, Any]]]) -> None:
    terminal = console()
    for title, entries in found.items():
        if not entries:
            terminal.print(f"no {title}")
        group_key = "family" if title == "environments" else None
        for name, group in groupby(entries, key=lambda entry: entry[group_key] if group_key else title):
            members = [{key: value for key, value in entry.items() if key != group_key} for entry in group]
            columns = [key for key in members[0] if any(member[key] for member in members)]
            table = Table(title=f"{name} ({len(members)})", title_justify="left", header_style="bold")
            for column in columns:
                table.add_column(column, no_wrap=column in ("id", "agent", "paper"), overflow="fold")
            for member in members:
                table.add_row(*(str(member[column]) for column in columns))
            terminal.print(table)
