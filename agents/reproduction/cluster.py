"""Sweeps on Ray: one laptop or a cluster, without a change of code."""

import logging
import socket
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from papergym.agents.errors import UsageError
from papergym.agents.reproduction.trial import SweepTrial
from papergym.agents.reproduction.trials import trial_id
from papergym.agents.reproduction.workers import Outcome, answer

log = logging.getLogger(__name__)

BUSY_SECONDS = 120.0
"""How long a restarted run waits for the lock of the worker that it replaces, which may outlive its node for a moment."""

KNOCK_SECONDS = 10.0
START = "Start one with `ray start --head`, or use --ray local."
TOKEN = (
    "It was started with token authentication, which Ray turns on where it finds ~/.ray/auth_token. Set RAY_AUTH_MODE=token "
    "here too, with the same token in that file or in RAY_AUTH_TOKEN; or start the cluster with RAY_AUTH_MODE=disabled."
)

SMALL_FILES = ("config.toml", "metrics.csv", "episodes.csv", "eval.csv", "timing.csv", "summary.json", "plot.png", "model.zip")
LARGEST_BYTES = 20_000_000
"""Files of a run that travel to the machine that asked, if it does not share the run's file system."""


def run_remotely(trial: dict[str, Any], folder: str) -> tuple[str, dict[str, Any], str, dict[str, bytes]]:
    """Body of a Ray task: the answer of :func:`papergym.agents.reproduction.workers.answer`, and the run's small files."""
    place, give_up = Path(folder) / trial_id(trial), time.monotonic() + BUSY_SECONDS
    while True:
        kind, row, message = answer(SweepTrial(), trial, place, True)
        if kind != "busy" or time.monotonic() > give_up:
            break
        time.sleep(1.0)
    files = {name: place / "run" / name for name in SMALL_FILES}
    small = {name: path for name, path in files.items() if path.is_file() and path.stat().st_size < LARGEST_BYTES}
    return kind, row, message, {name: path.read_bytes() for name, path in small.items()}


def run_on_ray(
    trials: list[dict[str, Any]], folder: Path, *, address: str, cpus: float, gpus: float, retries: int
) -> Generator[Outcome, None, None]:
    """Run trials as Ray tasks; outcomes as they come.

    A task whose node is lost is started again on another one, up to ``retries`` times, and resumes from its checkpoint
    where the folder is on a shared file system. The lock of a trial's folder and its finished row keep a run from being
    run twice.

    Raises:
        UsageError: Ray is missing, or the cluster does not answer or cannot ever satisfy the request.
    """
    ray = _connect(address)
    wanted = {"CPU": cpus, "GPU": gpus}
    for name, amount in wanted.items():
        most = max((node["Resources"].get(name, 0.0) for node in ray.nodes() if node["Alive"]), default=0.0)
        if amount > most:
            raise UsageError(f"a run asks for {amount:g} {name}, the largest node has {most:g}. Lower --{name.lower()}s.")
    task = ray.remote(run_remotely).options(num_cpus=cpus, num_gpus=gpus, max_retries=retries, scheduling_strategy="SPREAD")
    waiting = {task.remote(trial, str(folder)): trial for trial in trials}
    while waiting:
        for reference in ray.wait(list(waiting), num_returns=1)[0]:
            trial = waiting.pop(reference)
            try:
                kind, row, message, files = ray.get(reference)
            except ray.exceptions.RayError as error:
                yield Outcome(trial, "failed", message=f"lost after {retries} retries: {error}")
                continue
            _keep(folder / trial_id(trial) / "run", files)
            yield Outcome(trial, kind, row, message)


def _connect(address: str) -> Any:
    try:
        import ray
    except ImportError as error:
        raise UsageError("--ray needs Ray: pip install 'papergym[sweep]'. Without --ray, local processes do it.") from error
    if not ray.is_initialized():
        _knock(address)
        try:
            ray.init(address=None if address == "local" else address, log_to_driver=False, logging_level=logging.WARNING)
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.AuthenticationError) as error:
            if "AuthenticationError" in f"{type(error)} {error.__cause__}":
                raise UsageError(f"the Ray cluster at {address!r} wants its token. {TOKEN}") from error
            raise UsageError(f"no Ray cluster at {address!r}: {error}. {START}") from error
    return ray


def _knock(address: str) -> None:
    """Raise UsageError if nothing listens at ``host:port``, which Ray itself would keep trying for minutes."""
    host, _, port = address.partition(":")
    if port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS).close()
        except OSError as error:
            raise UsageError(f"no Ray cluster at {address!r}: {error}. {START}") from error


def _keep(folder: Path, files: dict[str, bytes]) -> None:
    """Write files of a run that happened on another file system."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
