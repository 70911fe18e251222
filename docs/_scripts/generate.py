"""Writes docs/environments, docs/papers, docs/api and docs/wrappers/index.md from tables, docstrings and TOML files."""

import importlib
import importlib.util
import inspect
from pathlib import Path

from api import api
from environments import environments
from tables import table

from papergym import assets, wrappers
from papergym.agents.cli.report import compose


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
        parts += ["```bash", about["command"], "```", ""]
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
    return "\n".join([*parts, "## Our results", "", "```{toctree}", f"{key}/report", "```", ""])


def _report(folder: Path, key: str) -> None:
    """Our numbers and the paper's, as ``papergym report KEY`` writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    blocks = [block for block in compose(key, folder, None) if block]
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
    text = "# Papers\n\n" + table(["paper", "year", "key"], lines) + f"\n\n```{{toctree}}\n:hidden:\n\n{toc}\n```\n"
    (folder / "index.md").write_text(text, encoding="utf-8")


def wrapper_index(docs: Path) -> None:
    """A table of all wrappers: first sentence of the docstring, and whether there are ones for vector environments and SB3."""
    lines = []
    for name in wrappers.__all__:
        summary = (inspect.getdoc(getattr(wrappers, name)) or "").split("\n\n")[0].replace("\n", " ")
        others = [room for room in ("vector", "sb3") if _has(f"papergym.wrappers.{room}", name)]
        lines.append([f"`{name}`", summary, ", ".join(others)])
    pages = sorted(str(path.relative_to(docs / "wrappers").with_suffix("")) for path in (docs / "wrappers").rglob("*.md"))
    listed_elsewhere = [page for page in pages if page.startswith("intrinsic/") and page != "intrinsic/index"]
    toc = "\n".join(page for page in pages if page != "index" and page not in listed_elsewhere)
    text = (
        "# Wrappers\n\nA wrapper takes one Gymnasium environment. `papergym.wrappers.vector` has wrappers of the same name for "
        "vector environments, `papergym.wrappers.sb3` for stable-baselines3's `VecEnv`. "
        "`add_intrinsic_reward` and its short forms, `NoveltyReward`, `RNDReward` and so on, take any of the three.\n\n"
        + table(["wrapper", "what it does", "also in"], lines)
        + f"\n\n```{{toctree}}\n:maxdepth: 1\n\n{toc}\n```\n"
    )
    (docs / "wrappers" / "index.md").write_text(text, encoding="utf-8")


def _has(module: str, name: str) -> bool:
    return hasattr(importlib.import_module(module), name) if importlib.util.find_spec(module) else False


def main(docs: Path) -> None:
    """Write every generated page below ``docs``."""
    environments(docs)
    papers(docs)
    wrapper_index(docs)
    api(docs)


if __name__ == "__main__":
    main(Path(__file__).resolve().parents[1])
