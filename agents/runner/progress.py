"""Progress of a run: a bar in a terminal, a line now and then in a log."""

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

LINE_SECONDS = 30.0
"""Seconds between two lines where there is no terminal."""


class RunProgress:
    """Units done, units per second over the last seconds, time left and the last return.

    Args:
        total: budget.
        done: units already done, by the run that is resumed.
        unit: steps or updates.
    """

    def __init__(self, total: int, done: int = 0, unit: str = "steps") -> None:
        self.total, self.done, self.note, self.unit = total, done, "", unit
        self.rate, self._last_step, self._last_time, self._last_line = 0.0, done, time.monotonic(), time.monotonic()
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            text = TextColumn("{task.completed:.0f}/{task.total:.0f} " + unit + "  {task.fields[rate]}")
            columns = (BarColumn(), text, TimeRemainingColumn(compact=True), TextColumn("{task.fields[note]}"))
            self._bar = Progress(*columns, console=Console(stderr=True), refresh_per_second=4)
            self._task = self._bar.add_task("", total=total, completed=done, rate="", note="")
            self._bar.start()

    def update(self, step: int) -> None:
        """Say that ``step`` units are done; cheap enough to call at every step."""
        self.done = step
        now = time.monotonic()
        if now - self._last_time < 1.0:
            return
        fresh = (step - self._last_step) / (now - self._last_time)
        self.rate = fresh if not self.rate else 0.9 * self.rate + 0.1 * fresh
        self._last_step, self._last_time = step, now
        if self._bar is not None:
            self._bar.update(self._task, completed=step, rate=f"{self.rate:.0f} {self.unit}/s", note=self.note)
        elif now - self._last_line >= LINE_SECONDS:
            self._last_line = now
            print(self.line(), file=sys.stderr, flush=True)

    def line(self) -> str:
        """The progress in words."""
        left = max(self.total - self.done, 0) / self.rate if self.rate else float("inf")
        clock = time.strftime("%H:%M:%S", time.gmtime(left)) if left < 86400 else "more than a day"
        share, note = self.done / self.total, f", {self.note}" if self.note else ""
        return f"{self.done}/{self.total} {self.unit} ({share:.0%}), {self.rate:.0f} {self.unit}/s, {clock} left{note}"

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, rate=f"{self.rate:.0f} {self.unit}/s", note=self.note)
            self._bar.stop()
