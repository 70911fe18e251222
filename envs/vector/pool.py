"""Threads that take the steps of a batch's environments at the same time, each environment always on the same thread."""

import os
import threading
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from papergym.envs.checks import whole
from papergym.envs.gl import backend_wanted


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_to_draw(backend: str | None) -> int:
    """Default number of threads where OpenGL draws: one for each core, but glfw makes its contexts in the main thread alone."""
    return 1 if (backend or backend_wanted()) == "glfw" else cores()


def threads_for(num_envs: int, num_threads: int | None, default: int) -> int:
    """A number of threads: what was asked for, or ``default``, but never more than environments.

    Raises:
        ValueError: no whole number of at least 1, nor None.
    """
    wanted = default if num_threads is None else whole("num_threads", num_threads, unit="threads")
    return max(1, min(wanted, num_envs))


class Pool:
    """Calls a function for many numbers; number ``i`` is called on thread ``i % num_threads``, its *lane*.

    Lane 0 is the thread that calls :meth:`run`, so one thread means no other thread at all. The others are started at the first
    call that needs them, also in a forked process, in a copy and after :meth:`close`. They end with :meth:`close`, with the
    pool's last reference, or with the process.

    Args:
        num_threads: threads in all, at least 1.
    """

    def __init__(self, num_threads: int):
        self.num_threads = num_threads
        self._queues: list[SimpleQueue] = []
        self._threads: list[threading.Thread] = []
        self._pid = os.getpid()
        self._end: Callable[[], Any] = _nothing

    def run(self, function: Callable[[int], Any], numbers: Iterable[int]) -> list[Any]:
        """``function(number)`` for each number, in the order of ``numbers``, when all calls have ended.

        Raises:
            BaseException: what the first of ``numbers`` that failed has raised, after all others have ended, too; but an
                interrupt (no Exception) before that.
        """
        lanes: list[list[tuple[int, int]]] = [[] for _ in range(self.num_threads)]
        outcomes: list[Any] = []
        for place, number in enumerate(numbers):
            lanes[number % self.num_threads].append((place, number))
            outcomes.append(_INTERRUPTED)
        busy = [lane for lane in range(1, self.num_threads) if lanes[lane]]
        if busy:
            self._start()
        ended: SimpleQueue = SimpleQueue()
        try:
            for lane in busy:
                self._queues[lane - 1].put((function, lanes[lane], outcomes, ended))
            _work(function, lanes[0], outcomes)
            for _ in busy:
                ended.get()
        except BaseException:  # Ctrl-C between two calls
            self._settle()
            raise
        errors = [value for failed, value in outcomes if failed]
        if errors:
            raise next((error for error in errors if not isinstance(error, Exception)), errors[0])
        return [value for _, value in outcomes]

    def _settle(self) -> None:
        """Wait until no thread of the pool works, whatever interrupts the waiting."""
        while self._pid == os.getpid():  # else the threads are the parent process's
            with suppress(KeyboardInterrupt):
                ended: SimpleQueue = SimpleQueue()
                for queue in self._queues:
                    queue.put((None, [], [], ended))
                for _ in self._queues:
                    ended.get()
                return

    def _start(self) -> None:
        if self._threads and self._pid == os.getpid():
            return
        pid, queues = os.getpid(), [SimpleQueue() for _ in range(self.num_threads - 1)]
        end = weakref.finalize(self, _dismiss, queues, pid)
        try:
            threads = [self._thread(lane, queue) for lane, queue in enumerate(queues, 1)]
        except BaseException:  # Ctrl-C: none or all
            end()
            raise
        self._queues, self._pid, self._end, self._threads = queues, pid, end, threads

    @staticmethod
    def _thread(lane: int, queue: SimpleQueue) -> threading.Thread:
        # A daemon: the interpreter would otherwise wait at its end for threads that wait for work
        thread = threading.Thread(target=_serve, args=(queue,), name=f"papergym lane {lane}", daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        """End the threads and wait for them; may be called twice."""
        self._end()
        for thread in self._threads if self._pid == os.getpid() else ():
            if thread is not threading.current_thread():
                thread.join()
        self._queues, self._threads = [], []

    def __getstate__(self) -> dict[str, Any]:
        return {"num_threads": self.num_threads}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)


_INTERRUPTED = (True, KeyboardInterrupt())
"""Outcome of a call that has not begun."""


def _work(function: Any, calls: list[tuple[int, int]], outcomes: list[Any]) -> None:
    for place, number in calls:
        try:
            outcomes[place] = (False, function(number))
        except BaseException as error:  # raised by run, in the thread that asked
            outcomes[place] = (True, error)


def _serve(queue: SimpleQueue) -> None:
    """Body of a thread; holds no reference to the pool or its work while it waits."""
    while (order := queue.get()) is not None:
        function, calls, outcomes, ended = order
        _work(function, calls, outcomes)
        del order, function, calls, outcomes
        ended.put(None)
        del ended


def _nothing() -> None:
    """End of a pool that was never started."""


def _dismiss(queues: list[SimpleQueue], pid: int) -> None:
    if pid == os.getpid():
        for queue in queues:
            queue.put(None)
