"""What the runner does while a learner learns: tables, evaluations, checkpoints, checks, progress.

Everything that reads or writes files happens at the learner's safe points, and is decided by the units done alone; only the
moment of a checkpoint depends on the clock, and it changes no number.
"""

import math
import signal
import time
from contextlib import AbstractContextManager
from typing import Any

import gymnasium as gym
import numpy as np
import torch

from papergym.agents.checkpoint.state import State
from papergym.agents.errors import BadNumbersError
from papergym.agents.runner.evaluation import evaluate
from papergym.agents.runner.folder import RunFolder
from papergym.agents.runner.learner import Learner
from papergym.agents.runner.plan import Plan
from papergym.agents.runner.progress import RunProgress
from papergym.agents.runner.score import TrainingScore
from papergym.agents.runner.signals import on_stop
from papergym.agents.runner.tracking import EVALUATION, Trackers

CHECKPOINT_SHARE = 20.0
"""A checkpoint that takes s seconds is followed by at least this many times s without one."""

CHECK_EVERY = 64
"""Units between two checks that the learner's parameters are finite."""


class Stopped(KeyboardInterrupt):
    """The run was asked to stop; its last state is on disk."""


class Session:
    """Runs a plan in a folder; the :class:`papergym.agents.runner.learner.Hooks` of its learner.

    Args:
        plan: settled plan.
        folder: opened folder.
        learner: what learns.
        eval_envs: environments for evaluations.
        events: TensorBoard and other services.
        progress: progress bar.
        state: what :meth:`state` returned at the checkpoint, None at the start.
    """

    def __init__(
        self,
        plan: Plan,
        folder: RunFolder,
        learner: Learner,
        eval_envs: list[gym.Env],
        events: Trackers,
        progress: RunProgress,
        state: State | None = None,
    ) -> None:
        self.plan, self.folder, self.learner, self.eval_envs = plan, folder, learner, eval_envs
        self.events, self._progress = events, progress
        self.score = TrainingScore(plan.run.steps, plan.agent.last_episodes)
        self.next_eval = 0 if plan.run.eval_every else plan.run.steps
        self.next_log, self.next_snapshot = plan.run.log_every, self._snapshot_after(0)
        self.seconds, self.finished, self.best = 0.0, False, -math.inf
        if state is not None:
            self.next_eval, self.next_log = int(state["next_eval"]), int(state["next_log"])
            self.next_snapshot, self.seconds = int(state["next_snapshot"]), float(state["seconds"])
            self.finished, self.best = bool(state["finished"]), float(state.get("best", -math.inf))
            self.score.set_state(state["score"])
        self.started = self.last_checkpoint = time.monotonic()
        self.pause = plan.run.checkpoint_seconds
        self.last_check = learner.done
        self.asked_to_stop = False

    def _snapshot_after(self, done: int) -> int:
        """Units at which the first snapshot after ``done`` is due: the budget has so many equal parts."""
        run = self.plan.run
        part = done * run.snapshots // run.steps + 1
        return -(-part * run.steps // run.snapshots) if run.snapshots else 0

    def state(self) -> State:
        """Counters for the checkpoint."""
        counters = {"next_eval": self.next_eval, "next_log": self.next_log, "next_snapshot": self.next_snapshot}
        return {
            **counters,
            "seconds": self.elapsed(),
            "finished": self.finished,
            "best": self.best,
            "score": self.score.get_state(),
        }

    def elapsed(self) -> float:
        """Seconds of the run, over all its parts."""
        return self.seconds + time.monotonic() - self.started

    def listening(self) -> AbstractContextManager[None]:
        """Checkpoint and stop on a signal that asks to; a second Ctrl-C stops at once.

        Schedulers may repeat the others: they end a process that does not stop by a signal that no handler sees.
        """
        return on_stop(self._on_signal)

    def _on_signal(self, number: int, frame: Any) -> None:
        if self.asked_to_stop and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked_to_stop = True

    def run(self) -> None:
        """Learn to the end of the budget.

        Raises:
            BadNumbersError: numbers that are not finite; the message names the checkpoint that is kept.
            Stopped: on a signal or by the user's callback, after a checkpoint.
        """
        try:
            self.learner.learn(self.plan.run.steps, self)
            self._finish()
        except BadNumbersError as error:
            raise BadNumbersError(f"{str(error).rstrip('.')}; {self._kept()}.") from error

    def safe_point(self) -> None:
        """See :class:`Hooks`."""
        done, run = self.learner.done, self.plan.run
        if done >= min(self.next_log, self.next_eval) or done - self.last_check >= CHECK_EVERY:
            self._check_parameters()
        if done >= self.next_log:
            self._log_row()
            self.next_log = (done // run.log_every + 1) * run.log_every
        if run.eval_every and done >= self.next_eval:
            self._evaluate()
            self.next_eval = (done // run.eval_every + 1) * run.eval_every
        self.score.note(done)
        if run.snapshots and done >= self.next_snapshot:
            self._snapshot()
            self.next_snapshot = self._snapshot_after(done)
        if self.asked_to_stop or time.monotonic() - self.last_checkpoint > self.pause:
            self._checkpoint()
        if self.asked_to_stop:
            raise Stopped

    def progress(self) -> None:
        """See :class:`Hooks`."""
        self._progress.update(self.learner.done)

    def episode(self, value: float, length: int) -> None:
        """See :class:`Hooks`."""
        self.score.episode(value)
        self._append("episodes", episode=self.score.episodes, length=length, **{"return": value})

    def _append(self, table: str, **row: Any) -> None:
        self.folder.tables[table].append({self.folder.unit: self.learner.done, **row})

    def _log_row(self) -> None:
        """One row of metrics.csv and of timing.csv."""
        done, seconds = self.learner.done, self.elapsed()
        numbers = self.learner.metrics()
        self._append("metrics", **numbers)
        self._record({**numbers, "time/fps": done / seconds})
        columns = self.folder.timing.columns
        self.folder.timing.append(dict(zip(columns, (done, seconds, done / seconds))))

    def _evaluate(self) -> None:
        """Evaluate and write eval.csv."""
        run = self.plan.run
        played = evaluate(self.learner, self.eval_envs, run.eval_episodes, run.seed, target=run.target)
        for index, episode in enumerate(played):
            self._append("eval", episode=index, length=episode.length, **{"return": episode.value})
        value, length = np.mean([(episode.value, episode.length) for episode in played], axis=0)
        self._record(dict(zip(EVALUATION, (value, length))))
        if value > self.best:
            self.best = float(value)
            self.folder.save_best(self.learner.get_state(memory=False), self.plan.agent.key)
        self._progress.note = f"evaluation return {value:.1f}"

    def _record(self, numbers: dict[str, float]) -> None:
        wanted = self.events.record(numbers, self.learner.done)
        self.asked_to_stop = self.asked_to_stop or not wanted

    def _snapshot(self) -> None:
        self.folder.snapshot(self.learner.get_state(memory=False), self.learner.done, self.plan.agent.key)

    def _finish(self) -> None:
        """Last row, last evaluation and last checkpoint, at the end of the budget; once, even if killed right after."""
        if self.finished:
            return
        self._check_parameters()
        self._log_row()
        self._evaluate()
        self.score.note(self.learner.done)
        if self.plan.run.snapshots:
            self._snapshot()
        self.finished = True
        self._checkpoint()

    def _checkpoint(self) -> None:
        """Write a checkpoint.

        Raises:
            BadNumbersError: the policy has diverged; the checkpoints before stay.
        """
        self._check_parameters()
        begin = time.monotonic()
        self.folder.save({"model": self.learner.get_state(), "runner": self.state()}, self.learner.done, self.plan.agent.key)
        self.last_checkpoint = time.monotonic()
        self.pause = max(self.plan.run.checkpoint_seconds, CHECKPOINT_SHARE * (self.last_checkpoint - begin))

    def _check_parameters(self) -> None:
        """Before numbers of the policy are written: an update may have made them NaN."""
        self.last_check = self.learner.done
        for name, value in self.learner.parameters():
            if not torch.isfinite(value).all():
                raise BadNumbersError(
                    f"{self.folder.unit} {self.learner.done}: the policy has diverged, its {name} is not finite. "
                    "Begin a new run with a smaller learning rate"
                )

    def _kept(self) -> str:
        kept = self.folder.checkpoints()
        last = f"the checkpoint {kept[-1].name} is kept" if kept else "no checkpoint was due yet"
        return f"{last} in {self.folder.path}"
