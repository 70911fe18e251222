"""Signals that ask a run to stop: Ctrl-C, kill, a closed terminal, and Slurm's warning before the time limit."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

STOP = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1") if hasattr(signal, name))
"""Those that the operating system has."""


@contextmanager
def on_stop(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Call ``handler`` for each of :data:`STOP` within the block, except for those that are ignored, as under nohup.

    In a thread other than the main one, where Python takes no signals, nothing happens.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [number for number in STOP if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def interrupt(number: int, frame: Any) -> None:
    """A handler that stops as Ctrl-C does."""
    raise KeyboardInterrupt
