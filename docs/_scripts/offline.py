"""A Sphinx extension: the build fails where a page would load something from another host. Links that a reader follows may."""

import re
from html.parser import HTMLParser
from pathlib import Path

from sphinx.errors import ExtensionError

LOADING = {"src", "srcset", "href", "data", "poster", "xlink:href", "action"}
"""Attributes that make a browser ask for a file, on any element but ``<a>``."""

FOREIGN = re.compile(r"^\s*(https?:)?//", re.IGNORECASE)
CSS_FOREIGN = re.compile(r"(?:url\(\s*|@import\s+)[\"']?(?:https?:)?//[^\s)\"']+", re.IGNORECASE)


class _Finder(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs if tag != "a" else []:
            if name in LOADING and FOREIGN.match(value or ""):
                self.found.append(f"<{tag} {name}={value}>")


def foreign(folder: Path) -> list[str]:
    """``file: what it loads`` for everything below ``folder`` that is on another host."""
    lines = []
    for path in sorted(folder.rglob("*.html")):
        finder = _Finder()
        text = path.read_text(encoding="utf-8")
        finder.feed(text)
        styles = CSS_FOREIGN.findall(" ".join(re.findall(r"<style.*?</style>", text, re.DOTALL)))
        lines += [f"{path.relative_to(folder)}: {what}" for what in [*finder.found, *styles]]
    for path in sorted(folder.rglob("*.css")):
        lines += [f"{path.relative_to(folder)}: {what}" for what in CSS_FOREIGN.findall(path.read_text(encoding="utf-8"))]
    return lines


def _check(app, exception):
    if exception is None and app.builder.format == "html" and (lines := foreign(Path(app.outdir))):
        raise ExtensionError("expected pages that load nothing from another host, got\n" + "\n".join(lines))


def setup(app):
    app.connect("build-finished", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
