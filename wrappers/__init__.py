"""Lenses: wrappers that change what an agent sees of a world. Names load their module when first used."""

if __name__ != "papergym.wrappers":
    raise ImportError("import papergym.wrappers, not wrappers: two copies of a module have two sets of classes")

import importlib
from typing import Any

_HOME: dict[str, str] = {}
"""Public name -> module of this room that defines it."""

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"papergym.wrappers has no {name!r}; it has: {', '.join(sorted(_HOME))}")
    return getattr(importlib.import_module(f"papergym.wrappers.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
