"""Services that follow a run besides TensorBoard: MLflow and Weights & Biases.

A service is an onlooker. What it needs is checked before the run begins; when it fails later, the run goes on without it.
"""

import json
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from papergym.agents.checkpoint.files import replace_text
from papergym.agents.errors import UsageError, unknown
from papergym.agents.runner.events import EventWriter
from papergym.agents.runner.folder import RunFolder
from papergym.agents.runner.tables import numbers, read_table

log = logging.getLogger(__name__)

SB3_NAMES = {"rollout/return": "rollout/ep_rew_mean", "rollout/length": "rollout/ep_len_mean"}
"""Columns of metrics.csv -> what stable-baselines3 calls them, so that curves of both lie over each other."""

EVALUATION = ("eval/mean_reward", "eval/mean_ep_length")

IDS = "tracking.json"
"""File in the run's folder: service -> its id of the run, with which a resumed run goes on there."""

PARAMETERS_A_CALL = 100
"""MLflow's limit."""


class Tracker(Protocol):
    """One service.

    Attributes:
        id: the service's name of the run.
    """

    id: str

    def record(self, values: Mapping[str, float], step: int) -> None:
        """Send numbers of one step."""

    def close(self, finished: bool) -> None:
        """Send the rest and let go."""


class MLflow:
    """A run in MLflow's store: MLFLOW_TRACKING_URI, else MLflow's default; experiment MLFLOW_EXPERIMENT_NAME or papergym."""

    def __init__(self, name: str, settings: Mapping[str, str], run_id: str = "") -> None:
        from mlflow.entities import Param
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient()
        if run_id:
            self._client.update_run(run_id, status="RUNNING")
            self.id = run_id
            return
        title = os.environ.get("MLFLOW_EXPERIMENT_NAME", "papergym")
        known = self._client.get_experiment_by_name(title)
        experiment = known.experiment_id if known else self._client.create_experiment(title)
        self.id = self._client.create_run(experiment, run_name=name).info.run_id
        params = [Param(key, value) for key, value in settings.items()]
        for first in range(0, len(params), PARAMETERS_A_CALL):
            self._client.log_batch(self.id, params=params[first : first + PARAMETERS_A_CALL])

    def record(self, values: Mapping[str, float], step: int) -> None:
        """Send numbers of one step."""
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        self._client.log_batch(self.id, metrics=[Metric(name, value, now_ms, step) for name, value in values.items()])

    def close(self, finished: bool) -> None:
        """Mark the run as finished, or as stopped."""
        self._client.set_terminated(self.id, "FINISHED" if finished else "KILLED")


class WandB:
    """A run of Weights & Biases: project WANDB_PROJECT or papergym; WANDB_MODE=offline writes files only."""

    def __init__(self, name: str, settings: Mapping[str, str], run_id: str = "") -> None:
        import wandb

        project = os.environ.get("WANDB_PROJECT", "papergym")
        self._run = wandb.init(
            project=project, name=name, config=dict(settings), id=run_id or None, resume="allow" if run_id else None
        )
        self._run.define_metric("global_step")
        self._run.define_metric("*", step_metric="global_step")
        self.id = str(self._run.id)

    def record(self, values: Mapping[str, float], step: int) -> None:
        """Send numbers of one step."""
        self._run.log({**values, "global_step": step})

    def close(self, finished: bool) -> None:
        """Send the rest; a run that was stopped has exit code 1."""
        self._run.finish(exit_code=0 if finished else 1)


TRACKERS: dict[str, tuple[str, Callable[..., Tracker]]] = {"mlflow": ("mlflow", MLflow), "wandb": ("wandb", WandB)}
"""Name -> package, class."""


def check_trackers(names: tuple[str, ...]) -> None:
    """Raise UsageError for an unknown service, or one whose package is missing."""
    for name in names:
        if name == "tensorboard":  # always written
            continue
        if name not in TRACKERS:
            raise unknown("tracker", name, [*TRACKERS, "tensorboard"])
        try:
            __import__(TRACKERS[name][0])
        except ImportError as error:
            raise UsageError(f'--track {name} needs a package: {error}. Run pip install "papergym[tracking]".') from error


Callback = Callable[[Mapping[str, float], int], Any]
"""What a user's callback takes: numbers by name, and the steps or updates done. If it returns False, the run stops."""


class Trackers:
    """TensorBoard's files, the services that the user named and the user's callback, as one.

    Args:
        events: TensorBoard's writer.
        names: services.
        folder: of the run.
        settings: of the run, shown by the services.
        callback: called with the same numbers; its errors end the run.
    """

    def __init__(
        self,
        events: EventWriter,
        names: tuple[str, ...],
        folder: Path,
        settings: Mapping[str, Any],
        callback: Callback | None = None,
    ) -> None:
        self._events, self._callback = events, callback
        self._services: dict[str, Tracker] = {}
        wanted = [name for name in dict.fromkeys(names) if name in TRACKERS]
        ids = read_ids(folder) if wanted else {}
        texts = {name: str(value)[:500] for name, value in settings.items()}
        for name in wanted:
            self._try(name, self._open, name, folder.name, texts, ids.get(name, ""))
        if self._services:
            found = {name: service.id for name, service in self._services.items()}
            replace_text(folder / IDS, json.dumps({**ids, **found}) + "\n")

    def _open(self, name: str, *arguments: Any) -> None:
        self._services[name] = TRACKERS[name][1](*arguments)

    def _try(self, name: str, function: Callable[..., Any], *arguments: Any) -> None:
        try:
            function(*arguments)
        except Exception as error:  # whatever a service does, the run goes on
            log.warning("%s failed, the run goes on without it: %s: %s", name, type(error).__name__, error)
            self._services.pop(name, None)

    def record(self, values: Mapping[str, float], step: int) -> bool:
        """Send numbers of one step, under stable-baselines3's names; False if the callback wants the run to stop."""
        named = {SB3_NAMES.get(name, name): float(value) for name, value in values.items()}
        for name, value in named.items():
            self._events.add_scalar(name, value, step)
        self._events.flush()
        for name, service in list(self._services.items()):
            self._try(name, service.record, named, step)
        return self._callback is None or self._callback(named, step) is not False

    def close(self, finished: bool = False) -> None:
        """Close all."""
        self._events.close()
        for name, service in list(self._services.items()):
            self._try(name, service.close, finished)


def read_ids(folder: Path) -> dict[str, str]:
    """Service -> id of the run; {} where none followed it.

    Raises:
        UsageError: the file was written by something else.
    """
    file = folder / IDS
    if not file.is_file():
        return {}
    try:
        ids = json.loads(file.read_text(encoding="utf-8"))
        if not all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text) for text in ids.values()):
            raise ValueError("an id is up to 64 letters, digits, - and _")
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise UsageError(f"{file} cannot be read: {error}. Remove it: the services then begin a new run.") from error
    return ids


def rebuild_events(folder: RunFolder) -> EventWriter:
    """TensorBoard files that hold exactly what the run's tables hold; older ones are removed."""
    board = folder.path / "tensorboard"
    shutil.rmtree(board, ignore_errors=True)
    events = EventWriter(board)
    for row in read_table(folder.tables["metrics"].path):
        done = int(row.pop(folder.unit))
        for name, text in row.items():
            if text:
                events.add_scalar(SB3_NAMES.get(name, name), float(text), done)
    for done, _, speed in numbers(folder.timing.path, folder.timing.columns):
        events.add_scalar("time/fps", speed, int(done))
    rounds: dict[int, list[tuple[float, float]]] = {}
    for done, value, length in numbers(folder.tables["eval"].path, ("", "return", "length")):
        rounds.setdefault(int(done), []).append((value, length))
    for done, played in rounds.items():
        for name, value in zip(EVALUATION, np.mean(played, axis=0)):
            events.add_scalar(name, float(value), done)
    events.flush()
    return events
