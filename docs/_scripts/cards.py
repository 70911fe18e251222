"""Markdown for images: figures with a caption, and cards that stand side by side and wrap on narrow screens."""

from collections.abc import Iterable
from pathlib import Path


def figure(path: str, alt: str, caption: str = "") -> str:
    """An image with a caption below it."""
    return f":::{{figure}} {path}\n:alt: {alt}\n\n{caption}\n:::\n" if caption else f"![{alt}]({path})\n"


def card(image: str, alt: str, link: str, title: str, text: str) -> str:
    """One card: an image that leads to ``link``, a title, some words. Without ``image`` it has words only."""
    shown = f"![{alt}]({image})" if image else ""
    linked = f"[{shown}]({link})" if shown and link else shown
    heading = f"[{title}]({link})" if link else title
    return f":::{{container}} card\n{linked}\n\n**{heading}**\n\n{text}\n:::\n"


def cards(items: Iterable[str]) -> str:
    """Cards in a grid."""
    return "::::{container} cards\n" + "\n".join(items) + "::::\n"


def still(docs: Path, name: str, up: str) -> str:
    """The path of an id's thumbnail, seen from a page ``up`` below docs; "" where there is none."""
    return f"{up}/_static/envs/{name}.jpg" if (docs / "_static" / "envs" / f"{name}.jpg").is_file() else ""


def clip(docs: Path, name: str, up: str) -> str:
    """The path of a moving image that clips.py drew; "" where there is none."""
    return f"{up}/_static/clips/{name}.webp" if (docs / "_static" / "clips" / f"{name}.webp").is_file() else ""
