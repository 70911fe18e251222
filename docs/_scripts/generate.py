"""Writes docs/environments, docs/papers, docs/api and docs/wrappers/reference from tables, docstrings and TOML files."""

import json
import re
from pathlib import Path

from api import api
from environments import environments
from PIL import Image
from tables import table
from wrapper_pages import wrapper_pages

from papergym import assets
from papergym.agents.cli.report import compose
from papergym.agents.reproduction import figures


def _facts(title: str, facts: dict) -> list[str]:
    lines = [[f"`{key}`", f"{value}"] for key, value in facts.items() if not isinstance(value, dict | list)]
    lines += [[f"`{key}`", ", ".join(map(str, value))] for key, value in facts.items() if isinstance(value, list)]
    parts = [f"## {title}", "", table(["", ""], lines), ""] if lines else []
    for key, value in facts.items():
        if isinstance(value, dict):
            parts += _facts(f"{title}: {key}", value)
    return parts


def _scores(scores: list[dict]) -> list[str]:
    columns = list(dict.fromkeys(key for score in scores for key in score))
    lines = [[str(score.get(column, "")) for column in columns] for score in scores]
    return ["## Published scores", "", table(columns, lines), ""]


def _paper_page(key: str, paper: dict) -> str:
    about = paper["paper"]
    authors = about["authors"] if isinstance(about["authors"], str) else ", ".join(about["authors"])
    venue = about.get("venue", "").removeprefix("arXiv")  # the arXiv number is printed already
    parts = [
        f"# {about['title']}",
        "",
        f"{authors} ({about['year']}). arXiv {about.get('arxiv', '-')}. {venue}".rstrip(),
        "",
    ]
    if about.get("summary"):
        parts += [about["summary"], ""]
    if about.get("command"):
        parts += ["```bash", "\n".join(about["command"].split("; ")), "```", ""]
    if about.get("example"):
        parts += ["In your own code:", "", "```python", about["example"].strip(), "```", ""]
    for title, name in (
        ("What is here, and what is not", "scope"),
        ("Protocol", "protocol"),
        ("Hyper-parameters", "hyperparameters"),
    ):
        parts += _facts(title, paper.get(name, {}))
    if paper.get("differences"):
        lines = [
            [f"`{name}`", text if isinstance(text, str) else "; ".join(f"{k}: {v}" for k, v in text.items())]
            for name, text in paper["differences"].items()
        ]
        parts += ["## Differences between the paper, the official code and papergym", "", table(["", ""], lines), ""]
    if paper.get("scores"):
        parts += _scores(paper["scores"])
    return "\n".join(
        [
            *parts,
            "## Our results",
            "",
            f"[Tables and curves]({key}/report.md)",
            "",
            "```{toctree}",
            ":hidden:",
            "",
            f"Results <{key}/report>",
            "```",
            "",
        ]
    )


WIDE = 800
"""Pixels from which an image has letters that are too small at a phone's width."""


def _report(folder: Path, key: str, title: str) -> None:
    """Our numbers and the paper's, as ``papergym report KEY`` writes them, under one title and with images that can be read."""
    folder.mkdir(parents=True, exist_ok=True)
    figures.COLUMNS = 2  # a page is narrower than a screen: with three, the letters of a legend are too small
    blocks = [block for block in compose(key, folder, None) if block]
    kept = [_boxed(block, folder) for block in blocks if not block.startswith("# ")]
    (folder / "report.md").write_text("\n\n".join([f"# Results: {title}", *kept]) + "\n", encoding="utf-8")


def _boxed(block: str, folder: Path) -> str:
    """A wide image in a box that scrolls on narrow screens, linked to its full size; a wide column for published numbers."""
    if block.startswith("|"):
        return f":::{{container}} published\n{block}\n:::" if "published |" in block.split("\n")[0] else block
    found = re.fullmatch(r"!\[(.*)\]\((.*)\)", block)
    if not found:
        return block
    alt, name = found.groups()
    with Image.open(folder / name) as image:
        if image.width < WIDE:
            return block
    return f":::{{container}} wide\n```{{image}} {name}\n:alt: {alt}\n:width: 100%\n```\n:::"


def papers(docs: Path) -> None:
    """One page per paper."""
    folder = docs / "papers"
    folder.mkdir(exist_ok=True)
    lines = []
    for key in assets.paper_keys():
        paper = assets.paper(key)
        (folder / f"{key}.md").write_text(_paper_page(key, paper), encoding="utf-8")
        _report(folder / key, key, paper["paper"]["title"])
        lines.append(
            [f"[{paper['paper']['title']}]({key}.md)", str(paper["paper"]["year"]), f"`{key}`", f"[results]({key}/report.md)"]
        )
    toc = "\n".join(assets.paper_keys())
    text = "# Papers\n\n" + table(["paper", "year", "key", "ours"], lines) + f"\n\n```{{toctree}}\n:hidden:\n\n{toc}\n```\n"
    (folder / "index.md").write_text(text, encoding="utf-8")


def notebook(docs: Path) -> None:
    """The cells of examples/first_steps.ipynb as Markdown, which a page includes."""
    cells = json.loads((docs.parent / "examples" / "first_steps.ipynb").read_text(encoding="utf-8"))["cells"]
    blocks = ["".join(cell["source"]) for cell in cells]
    shown = [
        block if cell["cell_type"] == "markdown" else f"```python\n{block}\n```" for cell, block in zip(cells[1:], blocks[1:])
    ]  # without the title
    (docs / "guides" / "first_steps.inc").write_text("\n\n".join(shown) + "\n", encoding="utf-8")


def main(docs: Path) -> None:
    """Write every generated page below ``docs``."""
    environments(docs)
    papers(docs)
    wrapper_pages(docs)
    notebook(docs)
    api(docs)


if __name__ == "__main__":
    main(Path(__file__).resolve().parents[1])
