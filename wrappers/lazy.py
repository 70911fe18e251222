"""Names of a package that load their module when first used."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def attach(package: str, home: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` for a package.

    Type checkers do not follow them: the package also imports the same names under ``if TYPE_CHECKING``, and a test asks
    pyright for the type of each.

    Args:
        package: its ``__name__``.
        home: public name -> module of the package that defines it; an empty module stands for a submodule of that name.
    """

    def load(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"{package} has no {name!r}; it has: {', '.join(sorted(home))}")
        module = importlib.import_module(f"{package}.{home[name] or name}")
        return getattr(module, name) if home[name] else module

    return load, lambda: sorted([*vars(sys.modules[package]), *home]), sorted(name for name in home if home[name])
