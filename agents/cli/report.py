"""``papergym report [KEY]``: results beside the papers' numbers, as Markdown, images and one HTML page."""

import base64
import dataclasses
import hashlib
import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tyro
from markdown_it import MarkdownIt

from papergym import assets
from papergym.agents.cli.options import parse
from papergym.agents.errors import UsageError, unknown

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; color: #1c1c1c }
table { border-collapse: collapse; font-size: 13px; margin: 1em 0; display: block; overflow-x: auto }
td, th { border: 1px solid #ccc; padding: 3px 8px; text-align: left; vertical-align: top }
th { background: #f2f2f2 }
img { max-width: 100% }
code { background: #f2f2f2; padding: 0 3px }
"""


@dataclasses.dataclass
class Options:
    """Write a report: the papers' numbers, the rows that papergym ships, and yours from runs/reproduce/KEY/results.csv."""

    key: tyro.conf.Positional[str] = ""
    """A paper (`ppo`), or one reproduction (`ppo-table1`); empty: everything, with the speed tables."""
    results: tuple[Path, ...] = ()
    """CSV files of yours to read instead, from `papergym reproduce KEY --results`; each needs a key."""
    folder: Path = Path("reports")
    """Where report.md, report.html and the images go, in a folder of the key's name."""


def main(argv: list[str]) -> int:
    """Write the report and say where it is."""
    options = parse(Options, "report", argv)
    folder = options.folder / (options.key or "all")
    text = "\n\n".join(block for block in compose(options.key, folder, options.results) if block) + "\n"
    from papergym.agents.checkpoint.files import replace_text

    replace_text(folder / "report.md", text)
    replace_text(folder / "report.html", to_html(text, folder))
    print(f"{folder / 'report.md'}\n{folder / 'report.html'}")
    return 0


def compose(key: str, folder: Path, results: Sequence[Path] | None = ()) -> list[str]:
    """Markdown blocks of a report; its images are written to ``folder``.

    Args:
        key: paper or reproduction; "" for everything.
        folder: of the images.
        results: the user's tables; empty: where ``papergym reproduce`` puts them; None: the shipped rows alone.

    Raises:
        UsageError: neither a paper nor a reproduction, or a table that is not there.
    """
    from papergym.agents.reproduction.published import anchor_section, score_section
    from papergym.agents.reproduction.report import reproduction_section, speed_section
    from papergym.agents.reproduction.results import read_rows
    from papergym.agents.reproduction.trials import reproductions, user_results

    plans = reproductions()
    known = {*assets.paper_keys(), *plans}
    if results and key not in plans:
        raise UsageError(f"--results needs the reproduction that the rows belong to, got {key or 'no key'!r}.")
    for path in results or ():
        if not path.is_file():
            raise UsageError(f"--results: there is no file {path}.")
    if key and key not in known:
        raise unknown("paper or reproduction", key, known)
    folder.mkdir(parents=True, exist_ok=True)
    blocks = ["# Results" if not key else f"# Results: {key}"]
    for paper in assets.paper_keys():
        chosen = [plan for plan in plans.values() if plan.paper == paper and key in ("", paper, plan.key)]
        if chosen or key == paper:
            blocks += _citation(paper)
            for plan in chosen:
                yours = (
                    [] if results is None else [row for path in results or [user_results(plan.key)] for row in read_rows(path)]
                )
                blocks += reproduction_section(plan, folder, yours)
            facts = assets.paper(paper)
            blocks += [*anchor_section(facts), *score_section(facts)]
    if not key:
        others = [path for path in sorted((assets.ROOT / "results").glob("*.csv")) if path.stem not in plans]
        for path in others:
            blocks += speed_section(path)
    return blocks


def _citation(key: str) -> list[str]:
    facts = assets.paper(key)
    paper: dict[str, Any] = facts["paper"]
    authors = paper["authors"]
    names = authors if isinstance(authors, str) else ", ".join(authors)
    link = f" [arXiv:{paper['arxiv']}](https://arxiv.org/abs/{paper['arxiv']})" if paper.get("arxiv") else ""
    return [f"# {paper['title']}", f"{names}, {paper['year']}.{link}", paper.get("summary", "")]


def to_html(text: str, folder: Path) -> str:
    """One page without references to other files: images of the folder are in it, and a browser is told to load nothing."""
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)

    def embed(match: re.Match[str]) -> str:
        image = folder / html.unescape(match.group(1))
        if image.parent != folder or image.is_symlink() or not image.is_file():
            return 'src=""'
        data = base64.b64encode(image.read_bytes()).decode()
        return f'src="data:image/png;base64,{data}"'

    body = re.sub(r'src="([^"]*)"', embed, body)
    title = html.escape(text.splitlines()[0].lstrip("# "))
    style = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{style}'"
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
    head += f"<title>papergym: {title}</title><style>{STYLE}</style>"
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}</body></html>\n'
