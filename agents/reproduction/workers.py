"""Trials on worker processes of one thread each. A worker that dies is replaced and its trial resumed.

Workers end with their parent, however it ends: a training run makes a checkpoint first.
"""

import errno
import json
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from papergym.agents.checkpoint.files import refuse_links, replace_text, sweep
from papergym.agents.checkpoint.provenance import row_provenance
from papergym.agents.errors import BadNumbersError, UsageError
from papergym.agents.reproduction.trials import Trial, trial_id
from papergym.agents.runner.signals import STOP

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
ATTEMPTS = 3
"""A trial whose worker dies this often is given up."""

GRACE_SECONDS = 60.0
"""Time that a worker has for its last checkpoint once it is asked to stop."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass
class Outcome:
    """What became of a trial.

    Attributes:
        trial: its fields.
        kind: ``done``; ``busy``: another process is at it; ``failed``: an error of this trial; ``refused``: settings that
            cannot be met; ``full``: the disk is full, after which nothing more is started.
        row: result, if done.
        message: error, if not.
    """

    trial: Trial
    kind: str
    row: dict[str, Any] = field(default_factory=dict)
    message: str = ""


@dataclass
class _Worker:
    process: Any
    connection: Connection
    device: str
    trial: Trial | None = None


class Body(Protocol):
    """What a worker calls for each trial; it must be picklable."""

    def __call__(self, trial: Trial, folder: Path, *, resume: bool, device: str) -> dict[str, Any]:
        """Run ``trial`` with its checkpoints in ``folder``; the columns of its row."""
        ...


def run_trials(
    body: Body,
    trials: Iterable[Trial],
    folder: Path,
    *,
    jobs: int = 1,
    devices: Sequence[str] = ("cpu",),
    resume: bool = True,
    alike: bool = True,
) -> Generator[Outcome, None, None]:
    """Call ``body`` for every trial, ``jobs`` at a time; outcomes as they come.

    A finished trial leaves ``<folder>/<id>/row.json``, from which it is reported again without being run, so a run whose
    parent was killed loses nothing.

    Args:
        body: runs one trial.
        trials: what to run.
        folder: of the trials' folders.
        jobs: processes.
        devices: the workers take them in turn.
        resume: continue what was cut.
        alike: what one trial refuses, all would: a refusal ends the rest as well.
    """
    if jobs < 1:
        raise UsageError(f"--jobs is {jobs}, expected at least 1.")
    waiting, deaths = deque(trials), dict[str, int]()
    workers: list[_Worker] = []
    try:
        while waiting or any(worker.trial is not None for worker in workers):
            while len(workers) < min(jobs, len(waiting) + sum(worker.trial is not None for worker in workers)):
                used = [worker.device for worker in workers]
                device = min(devices, key=used.count)  # the one with the fewest workers
                workers.append(_start(body, folder, resume, device))
            _hand_out(workers, waiting)
            busy = {worker.connection: worker for worker in workers if worker.trial is not None}
            for connection in wait(list(busy)):
                worker = busy[connection]  # pyright: ignore[reportArgumentType]
                outcome = _collect(worker, workers, waiting, deaths)
                if outcome is not None:
                    yield outcome
                    if outcome.kind == "full" or (alike and outcome.kind == "refused"):
                        waiting.clear()
    finally:
        _stop(workers)


def _stop(workers: Sequence[_Worker]) -> None:
    """Have the workers make their checkpoints and end; a second Ctrl-C does not wait for them."""
    for worker in workers:
        worker.process.terminate()
    give_up = time.monotonic() + GRACE_SECONDS
    try:
        for worker in workers:
            worker.process.join(max(give_up - time.monotonic(), 0.0))
    finally:
        for worker in workers:
            worker.process.kill()
            worker.connection.close()


def _hand_out(workers: list[_Worker], waiting: deque[Trial]) -> None:
    for worker in workers:
        if worker.trial is None and waiting:
            worker.trial = waiting.popleft()
            worker.connection.send(worker.trial)


def _start(body: Body, folder: Path, resume: bool, device: str) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    kept = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))  # read when the worker loads its libraries
    try:
        process = context.Process(target=_serve, args=(theirs, body, folder, resume, device), daemon=True)
        process.start()
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
    theirs.close()
    return _Worker(process, ours, device)


def _collect(worker: _Worker, workers: list[_Worker], waiting: deque[Trial], deaths: dict[str, int]) -> Outcome | None:
    """The answer of a worker, or None if it died and its trial was queued again."""
    trial, worker.trial = worker.trial, None
    assert trial is not None
    try:
        kind, row, message = worker.connection.recv()
        return Outcome(trial, kind, row, message)
    except (EOFError, ConnectionError):
        worker.process.join()
        workers.remove(worker)
        name = trial_id(trial)
        deaths[name] = deaths.get(name, 0) + 1
        if deaths[name] < ATTEMPTS:
            waiting.appendleft(trial)
            return None
        code = worker.process.exitcode
        return Outcome(trial, "failed", message=f"its process died {ATTEMPTS} times (exit status {code}); enough memory?")


def _serve(connection: Connection, body: Body, folder: Path, resume: bool, device: str) -> None:
    """Body of a worker: trials in, answers out, until the parent has gone."""
    for number in STOP:
        if number != signal.SIGTERM:  # of the whole group; the parent has them too, and sends this one
            signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            trial = connection.recv()
            connection.send(answer(body, trial, folder / trial_id(trial), resume, device))
        except (EOFError, ConnectionError, KeyboardInterrupt):
            return


def _end_with_parent() -> None:
    """Wait for the parent to end, then ask this process to stop, and end it if it does not."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "only workers have a parent"
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def answer(body: Body, trial: Trial, folder: Path, resume: bool, device: str = "auto") -> tuple[str, dict[str, Any], str]:
    """Run one trial in ``folder``: kind, row and message of its :class:`Outcome`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        refuse_links(folder)
        with FileLock(folder / "lock", timeout=0):
            sweep(folder)
            place = folder / "row.json"
            if resume and place.is_file():
                return "done", _read_row(place), ""
            row = {**body(trial, folder, resume=resume, device=device), **row_provenance()}
            replace_text(place, json.dumps(row))
            return "done", row, ""
    except Timeout:
        return "busy", {}, f"another process is running it (lock in {folder})"
    except UsageError as error:
        return "refused", {}, str(error)
    except ImportError as error:
        return "refused", {}, f"a module cannot be loaded: {error}. `papergym doctor` says what is missing."
    except BadNumbersError as error:
        return "failed", {}, str(error)
    except Exception as error:  # an error of the trial, reported with its traceback; the other trials go on
        if _disk_is_full(error) or _disk_is_full(error.__cause__):
            return (
                "full",
                {},
                f"{str(error).rstrip('.')}. Once there is space, the same command goes on from the last checkpoint.",
            )
        return "failed", {}, traceback.format_exc()


def _read_row(place: Path) -> dict[str, Any]:
    try:
        row = json.loads(place.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadNumbersError(f"{place} cannot be read: {error}. Remove it to have the trial run again.") from error
    if not isinstance(row, dict):
        raise BadNumbersError(f"{place} holds {type(row).__name__}, expected a row. Remove it to have the trial run again.")
    return {**row, **(row_provenance() | row)}  # one of an earlier version holds no origin


def _disk_is_full(error: BaseException | None) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL
    return any(f"(os error {number})" in str(error) for number in _FULL)  # safetensors is Rust: its errors are text
