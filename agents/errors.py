"""Errors that the command line prints without a traceback."""

import difflib
from collections.abc import Iterable


class UsageError(ValueError):
    """A request that cannot be met; the message says what was expected, what came, and the remedy."""


class BadNumbersError(RuntimeError):
    """A reward, an observation, a loss or a gradient that is not finite."""


def unknown(what: str, given: str, known: Iterable[str], remedy: str = "", others: Iterable[str] = ()) -> UsageError:
    """Error for a name that is not in ``known``, with the nearest ones first; ``others`` are meant too, but not listed."""
    names = sorted(known)
    close = difflib.get_close_matches(given, [*names, *others], n=3, cutoff=0.5)
    hint = (
        f"Did you mean {' or '.join(close)}?"
        if close
        else f"Known: {', '.join(names[:12])}{' ...' if len(names) > 12 else '.'}"
    )
    return UsageError(f"unknown {what} {given!r}. {hint}{' ' + remedy if remedy else ''}")
