"""Where numba keeps compiled code. Imported for its effect before modules that compile with ``cache=True``."""

import atexit
import logging
import os
import shutil
import tempfile

import numba


def _probe() -> None:
    """A function in this folder, for which numba looks for a place."""


def _find_room() -> None:
    """Let numba keep compiled code in a temporary folder if neither this package nor the user has one that can be written.

    Without any place numba refuses to decorate a function. Processes that this one starts find the same folder.
    """
    try:
        numba.njit(cache=True)(_probe)
    except RuntimeError:
        place = tempfile.mkdtemp(prefix="papergym-numba-")
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        os.environ["NUMBA_CACHE_DIR"] = numba.config.CACHE_DIR = place  # pyright: ignore[reportAttributeAccessIssue]
        logging.getLogger(__name__).warning(
            "compiled code is not kept, and made anew in every run; set NUMBA_CACHE_DIR to a folder that can be written"
        )


_find_room()
