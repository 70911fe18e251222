"""Facts as data: papers (TOML), results (CSV), weights, textures and models. Found by path, so every install mode works."""

import sys
from functools import cache
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent


def paper_keys() -> list[str]:
    """Keys of all papers, in alphabetical order."""
    return sorted(path.stem for path in (ROOT / "papers").glob("*.toml"))


@cache
def paper(key: str) -> dict[str, Any]:
    """The facts of one paper, as written in ``assets/papers/<key>.toml``.

    Raises:
        KeyError: no such paper; the message lists the known keys.
    """
    path = ROOT / "papers" / f"{key}.toml"
    if not path.is_file():
        raise KeyError(f"unknown paper {key!r}; known: {', '.join(paper_keys())}")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def trained() -> dict[str, Path]:
    """Name, ``agent/environment``, of each trained agent -> its folder."""
    root = ROOT / "trained"
    return {file.parent.relative_to(root).as_posix(): file.parent for file in sorted(root.glob("*/*/agent.toml"))}
