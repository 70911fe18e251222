"""Renamed arguments and attributes: the old spelling keeps working, with a warning."""

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])


def renamed(**names: str) -> Callable[[Function], Function]:
    """Decorator for a function or constructor some of whose keyword arguments have new names, written ``old="new"``.

    Raises:
        TypeError: a call gives an argument under both names.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            for old in names.keys() & kwargs.keys():
                new = names[old]
                if new in kwargs:
                    raise TypeError(f"expected {new}=, got {old}= as well, its old name; pass {new}= alone.")
                _warn(f"argument {old}=", f"{new}=")
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return cast(Function, call)

    return decorate


def renamed_attribute(old: str, new: str) -> property:
    """A property under the old name of an attribute, which reads and sets the new one."""

    def read(owner: Any) -> Any:
        _warn(f"attribute {old}", new)
        return getattr(owner, new)

    def write(owner: Any, value: Any) -> None:
        _warn(f"attribute {old}", new)
        setattr(owner, new, value)

    return property(read, write, doc=f"Old name of ``{new}``.")


def _warn(old: str, new: str) -> None:
    warnings.warn(f"the {old} is called {new} now; please rename it.", FutureWarning, stacklevel=3)
