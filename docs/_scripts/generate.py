"""Writes docs/environments, docs/papers and docs/wrappers/index.md from the tables, the docstrings and the TOML files."""

import importlib
import importlib.util
import inspect
import re
from itertools import groupby
from pathlib import Path

import gymnasium as gym
from pictures import picture_name

from papergym import assets, wrappers
from papergym.agents.cli.report import compose
from papergym.envs.table import Row, rows


def _table(header: list[str], lines: list[list[str]]) -> str:
    def row(cells: list[str]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([row(header), row(["---"] * len(header)), *map(row, lines)])


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-").replace("/", "-")


def _docstring(entry_point: str) -> str:
    """The docstring behind an entry point: of the class, or of the function that builds the chain."""
    module, _, attribute = entry_point.partition(":")
    return inspect.getdoc(getattr(importlib.import_module(module), attribute)) or ""


def _picture(docs: Path, row: Row) -> str:
    for ending in ("gif", "png", "jpg"):
        name = f"{picture_name(row.id)}.{ending}"
        if (docs / "_static" / "envs" / name).is_file():
            return f"![{row.id}](../_static/envs/{name})"
    return ""


def _limit(row: Row) -> str:
    if row.limit_frames:
        return f"{row.limit_frames} frames"
    return f"{row.max_episode_steps} steps" if row.max_episode_steps else "none"


def _family_page(docs: Path, family: str, members: list[Row]) -> str:
    parts = [f"# {family}", "", f"{len(members)} environments. `papergym list` prints them in a terminal.", ""]
    for entry_point, group in groupby(sorted(members, key=lambda row: row.entry_point), key=lambda row: row.entry_point):
        group_rows = list(group)
        lines = [
            [
                _picture(docs, row),
                f"`{row.id}`",
                row.summary + (f" **Cannot run:** {row.unavailable}" if row.unavailable else ""),
                _limit(row),
                row.source,
                row.version_note,
            ]
            for row in group_rows
        ]
        parts += [_table(["", "id", "task", "limit", "source", "version history"], lines), ""]
        extra = sorted({row.extra for row in group_rows} - {""})
        if extra:
            parts += [f'Needs `pip install "papergym[{",".join(extra)}]"`.', ""]
        if not group_rows[0].unavailable:
            parts += [_demote(_markdown(_docstring(entry_point))), ""]
    return "\n".join(parts)


def _demote(text: str) -> str:
    """Headings one level down, so that a docstring can stand inside a page."""
    return "\n".join("#" + line if line.startswith("#") else line for line in text.splitlines())


def _markdown(docstring: str) -> str:
    """A Google-style docstring as Markdown: ``Args:`` and its kin become a bold word and a list."""
    lines: list[str] = []
    inside = False
    for line in docstring.replace("``", "`").splitlines():
        section = re.fullmatch(r"(Args|Raises|Returns|Yields|Attributes):", line)
        entry = re.match(r"    ([\w*., ]+): (.*)", line)
        if section:
            inside, line = True, f"**{section.group(1)}**\n"
        elif inside and entry:
            line = f"- `{entry.group(1)}`: {entry.group(2)}"
        elif inside and line and not line.startswith(" "):
            inside, line = False, f"\n{line}"
        elif inside:
            line = f"  {line.strip()}" if line.strip() else ""
        lines.append(line)
    return "\n".join(lines)


def environments(docs: Path) -> None:
    """One page per family, and the index with a gallery."""
    folder = docs / "environments"
    folder.mkdir(exist_ok=True)
    all_rows = rows()
    families = list(dict.fromkeys(row.family for row in all_rows))
    gallery = []
    for family in families:
        members = [row for row in all_rows if row.family == family]
        (folder / f"{_slug(family)}.md").write_text(_family_page(docs, family, members), encoding="utf-8")
        pictures = [f"{_picture(docs, row)}" for row in members if _picture(docs, row)]
        gallery += [f"## [{family}]({_slug(family)}.md)", "", f"{len(members)} ids", "", " ".join(pictures), ""]
    toc = "\n".join(_slug(family) for family in families)
    index = f"# Environments\n\n```{{toctree}}\n:maxdepth: 1\n\n{toc}\n```\n\n" + "\n".join(gallery)
    (folder / "index.md").write_text(index, encoding="utf-8")


def _facts(title: str, table: dict) -> list[str]:
    lines = [[f"`{key}`", f"{value}"] for key, value in table.items() if not isinstance(value, dict | list)]
    lines += [[f"`{key}`", ", ".join(map(str, value))] for key, value in table.items() if isinstance(value, list)]
    parts = [f"## {title}", "", _table(["", ""], lines), ""] if lines else []
    for key, value in table.items():
        if isinstance(value, dict):
            parts += _facts(f"{title}: {key}", value)
    return parts


def _scores(scores: list[dict]) -> list[str]:
    columns = list(dict.fromkeys(key for score in scores for key in score))
    lines = [[str(score.get(column, "")) for column in columns] for score in scores]
    return ["## Published scores", "", _table(columns, lines), ""]


def _paper_page(key: str, paper: dict) -> str:
    about = paper["paper"]
    parts = [
        f"# {about['title']}",
        "",
        f"{about['authors']} ({about['year']}). arXiv {about.get('arxiv', '-')}. {about.get('venue', '')}",
        "",
    ]
    if about.get("summary"):
        parts += [about["summary"], ""]
    if about.get("command"):
        parts += ["```bash", about["command"], "```", ""]
    for title, name in (("Protocol", "protocol"), ("Hyper-parameters", "hyperparameters")):
        parts += _facts(title, paper.get(name, {}))
    if paper.get("differences"):
        lines = [
            [f"`{name}`", text if isinstance(text, str) else "; ".join(f"{k}: {v}" for k, v in text.items())]
            for name, text in paper["differences"].items()
        ]
        parts += ["## Differences between the paper, the official code and papergym", "", _table(["", ""], lines), ""]
    if paper.get("scores"):
        parts += _scores(paper["scores"])
    return "\n".join([*parts, "## Our results", "", "```{toctree}", f"{key}/report", "```", ""])


def _report(folder: Path, key: str) -> None:
    """Our numbers beside the paper's, as ``papergym report KEY`` writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    blocks = [block for block in compose(key, folder) if block]
    (folder / "report.md").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")


def papers(docs: Path) -> None:
    """One page per paper."""
    folder = docs / "papers"
    folder.mkdir(exist_ok=True)
    lines = []
    for key in assets.paper_keys():
        paper = assets.paper(key)
        (folder / f"{key}.md").write_text(_paper_page(key, paper), encoding="utf-8")
        _report(folder / key, key)
        lines.append([f"[{paper['paper']['title']}]({key}.md)", str(paper["paper"]["year"]), f"`{key}`"])
    toc = "\n".join(assets.paper_keys())
    text = "# Papers\n\n" + _table(["paper", "year", "key"], lines) + f"\n\n```{{toctree}}\n:hidden:\n\n{toc}\n```\n"
    (folder / "index.md").write_text(text, encoding="utf-8")


def wrapper_index(docs: Path) -> None:
    """A table of all wrappers: first sentence of the docstring, and whether a vector or SB3 twin exists."""
    lines = []
    for name in wrappers.__all__:
        summary = (inspect.getdoc(getattr(wrappers, name)) or "").split("\n\n")[0].replace("\n", " ")
        twins = [room for room in ("vector", "sb3") if _has(f"papergym.wrappers.{room}", name)]
        lines.append([f"`{name}`", summary, ", ".join(twins)])
    pages = sorted(str(path.relative_to(docs / "wrappers").with_suffix("")) for path in (docs / "wrappers").rglob("*.md"))
    listed_elsewhere = [page for page in pages if page.startswith("intrinsic/") and page != "intrinsic/index"]
    toc = "\n".join(page for page in pages if page != "index" and page not in listed_elsewhere)
    text = (
        "# Wrappers\n\n"
        + _table(["wrapper", "what it does", "twins"], lines)
        + f"\n\n```{{toctree}}\n:maxdepth: 1\n\n{toc}\n```\n"
    )
    (docs / "wrappers" / "index.md").write_text(text, encoding="utf-8")


def _has(module: str, name: str) -> bool:
    return hasattr(importlib.import_module(module), name) if importlib.util.find_spec(module) else False


def main(docs: Path) -> None:
    """Write every generated page below ``docs``."""
    gym.logger.min_level = gym.logger.ERROR
    environments(docs)
    papers(docs)
    wrapper_index(docs)


if __name__ == "__main__":
    main(Path(__file__).resolve().parents[1])
