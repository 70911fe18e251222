"""The callback that turns ``learn`` into a run: tables, evaluations, checkpoints, checks, progress.

Everything that reads or writes files happens at the safe point between two updates (SB3's ``on_rollout_start``), and is
decided by the step count alone; only the moment of a checkpoint depends on the clock, and it changes no number.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from papergym.agents.checkpoint.state import State
from papergym.agents.errors import BadNumbersError
from papergym.agents.runner.evaluation import evaluate
from papergym.agents.runner.finite import check_numbers
from papergym.agents.runner.folder import RunFolder
from papergym.agents.runner.progress import RunProgress
from papergym.agents.runner.settings import Plan

CHECKPOINT_SHARE = 20.0
"""A checkpoint that takes s seconds is followed by at least this many times s without one."""


class Stopped(KeyboardInterrupt):
    """The run was asked to stop; its last state is on disk."""


class Conductor(BaseCallback):
    """Runs a plan in a folder.

    Args:
        plan: settled plan.
        folder: opened folder.
        eval_env: environment for evaluations.
        board: TensorBoard's writer.
        state: what :meth:`runner_state` returned at the checkpoint, None at the start.
    """

    def __init__(
        self, plan: Plan, folder: RunFolder, eval_env: gym.Env, board: Any, progress: RunProgress, state: State | None = None
    ) -> None:
        super().__init__()
        self.plan, self.folder, self.eval_env, self.board, self.progress = plan, folder, eval_env, board, progress
        state = state or {"next_eval": 0, "next_log": plan.run.log_every, "episode": 0, "seconds": 0.0, "finished": False}
        self.next_eval, self.next_log = int(state["next_eval"]), int(state["next_log"])
        self.episode, self.seconds = int(state["episode"]), float(state["seconds"])
        self.finished = bool(state["finished"])
        self.started = self.last_checkpoint = time.monotonic()
        self.pause = plan.run.checkpoint_seconds
        self.asked_to_stop = False

    def runner_state(self) -> State:
        """Counters for the checkpoint."""
        counters = {"next_eval": self.next_eval, "next_log": self.next_log, "episode": self.episode}
        return {**counters, "seconds": self.elapsed(), "finished": self.finished}

    def elapsed(self) -> float:
        """Seconds of the run, over all its parts."""
        return self.seconds + time.monotonic() - self.started

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Checkpoint and stop on SIGINT and SIGTERM; a second signal stops at once."""
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: Any) -> None:
        if self.asked_to_stop:
            raise KeyboardInterrupt
        self.asked_to_stop = True

    def _on_rollout_start(self) -> None:
        step = self.num_timesteps
        if step >= min(self.next_log, self.next_eval) or isinstance(self.model, OnPolicyAlgorithm):
            self._check_policy()  # too dear for every rollout of an off-policy algorithm, which is a step
        if step >= self.next_log:
            self.log_row()
            self.next_log = (step // self.plan.run.log_every + 1) * self.plan.run.log_every
        if step >= self.next_eval:
            self.evaluate()
            self.next_eval = (step // self.plan.run.eval_every + 1) * self.plan.run.eval_every
        if self.asked_to_stop or time.monotonic() - self.last_checkpoint > self.pause:
            self.checkpoint()
        if self.asked_to_stop:
            raise Stopped

    def _on_step(self) -> bool:
        check_numbers(self.locals, self.num_timesteps, self.plan.run.env, self._kept)
        for info in self.locals.get("infos", ()):
            if "episode" in info:
                self.episode += 1
                row = {
                    "step": self.num_timesteps,
                    "episode": self.episode,
                    "return": info["episode"]["r"],
                    "length": info["episode"]["l"],
                }
                self.folder.tables["episodes"].append(row)
        self.progress.update(self.num_timesteps)
        return True

    def log_row(self) -> None:
        """One row of metrics.csv: what the algorithm recorded, and the mean return of the last training episodes."""
        episodes = list(self.model.ep_info_buffer or [])
        if episodes:
            self.logger.record("rollout/return", float(np.mean([episode["r"] for episode in episodes])))
            self.logger.record("rollout/length", float(np.mean([episode["l"] for episode in episodes])))
        self.logger.dump(self.num_timesteps)
        seconds = self.elapsed()
        self.folder.timing.append(
            {"step": self.num_timesteps, "seconds": seconds, "steps_per_second": self.num_timesteps / seconds}
        )

    def evaluate(self) -> float:
        """Evaluate, write eval.csv and return the mean."""
        played = evaluate(self.model, self.eval_env, self.plan.run.eval_episodes, self.plan.run.seed)
        for index, episode in enumerate(played):
            row = {"step": self.num_timesteps, "episode": index, "return": episode.value, "length": episode.length}
            self.folder.tables["eval"].append(row)
            self.board.add_scalar("eval/return", episode.value, self.num_timesteps)
        mean = float(np.mean([episode.value for episode in played]))
        self.progress.note = f"evaluation return {mean:.1f}"
        return mean

    def finish(self) -> None:
        """Last row, last evaluation and last checkpoint, at the end of the budget; once, even if killed right after."""
        if not self.finished:
            self._check_policy()
            self.log_row()
            self.evaluate()
            self.finished = True
            self.checkpoint()

    def checkpoint(self) -> None:
        """Write a checkpoint.

        Raises:
            BadNumbersError: the policy has diverged; the checkpoints before stay.
        """
        self._check_policy()
        begin = time.monotonic()
        state = {"model": self.model.get_state(), "runner": self.runner_state()}  # pyright: ignore[reportAttributeAccessIssue]
        self.folder.save(state, self.num_timesteps, self.plan.agent.key)
        self.last_checkpoint = time.monotonic()
        self.pause = max(self.plan.run.checkpoint_seconds, CHECKPOINT_SHARE * (self.last_checkpoint - begin))

    def _check_policy(self) -> None:
        """Before numbers of the policy are written: an update may have made them NaN."""
        for name, value in self.model.policy.named_parameters():
            if not torch.isfinite(value).all():
                raise BadNumbersError(
                    f"step {self.num_timesteps}: the policy has diverged, its {name} is not finite; {self._kept()}. "
                    "Begin a new run with a smaller learning rate."
                )

    def _kept(self) -> str:
        kept = self.folder.checkpoints()
        last = f"the checkpoint {kept[-1].name} is kept" if kept else "no checkpoint was due yet"
        return f"{last} in {self.folder.path}"
