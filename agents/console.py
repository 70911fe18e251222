"""The terminal that tables are printed to."""

import os
import sys

from rich.console import Console

PIPE_COLUMNS = 160
"""Width where the output is no terminal, so that a pipe or a file gets whole lines."""


def console() -> Console:
    """Standard output, as wide as the terminal. Text is printed as it is: names of folders may hold square brackets."""
    wide = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_COLUMNS
    return Console(width=wide, markup=False, emoji=False)
