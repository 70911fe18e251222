"""One run of an off-policy agent for a table or figure: training return, deterministic evaluation, learning curve."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv

from papergym.agents.checkpoint.resume import ExactResume
from papergym.agents.checkpoint.state import State, load_state, save_state
from papergym.agents.runner.budget import check_budget
from papergym.agents.runner.finite import check_numbers

POINTS = 20
"""Points of the learning curve kept with a run."""
EVALUATIONS = 10
"""Deterministic episodes at the end of a run."""
LAST_EPISODES = 10
"""Episodes whose mean training return is a point of the curve, and the score at its end."""


def run_offpolicy(
    model: BaseAlgorithm,
    eval_env: Callable[[], VecEnv],
    steps: int,
    folder: Path,
    *,
    resume: bool,
    kind: str,
    eval_every: int = 0,
) -> dict[str, Any]:
    """Train ``model`` for ``steps`` and evaluate it.

    Args:
        model: not yet trained; resumable if it has :class:`ExactResume`.
        eval_env: makes the environment of the last evaluation, seeded otherwise than training.
        steps: budget of the whole run.
        folder: place of the checkpoint.
        resume: continue from the checkpoint if there is one.
        kind: name in the checkpoint's head.
        eval_every: steps between evaluations during training, each from the same starts as the last one; 0: none.

    Returns:
        ``score``: mean training return of the last 10 episodes; ``eval_return``, ``eval_std``: of 10 episodes with
        deterministic actions; ``episodes``, ``steps_done``, ``cpu_s``; ``curve``: ``step:score`` twenty times; with
        ``eval_every`` also ``eval_curve``: ``step:eval_return``.

    Where ``folder`` holds a file ``keep``, the last checkpoint with its replay memory stays, and ``snapshots/`` receives the
    model without its memory at every checkpoint and at the end: the sources of offline datasets.

    Raises:
        UsageError: a budget below one update.
        BadNumbersError: a reward or an observation that is not finite.
    """
    check_budget(model, steps, "--budget")
    torch.set_num_threads(1)
    path = folder / f"{kind}.safetensors"
    recorder = _Recorder(steps, path, kind, eval_every, lambda: evaluate(model, eval_env))
    model.set_logger(Logger(None, []))
    if resume and path.is_file() and isinstance(model, ExactResume):
        state = load_state(path, kind=kind)
        model.set_state(state["model"])
        recorder.set_state(state["recorder"])
        model.learn_until(steps, callback=recorder)
    else:
        model.learn(steps, callback=recorder)
    found = evaluate(model, eval_env)
    if eval_every:
        recorder.evaluations.append([model.num_timesteps, float(np.mean(found))])
    if recorder.keep:
        recorder.save()
    else:
        path.unlink(missing_ok=True)
    return {
        "score": recorder.score(),
        "eval_return": float(np.mean(found)),
        "eval_std": float(np.std(found)),
        "episodes": recorder.episodes,
        "steps_done": model.num_timesteps,
        "cpu_s": round(recorder.seconds(), 1),
        "curve": curve_text(recorder.curve),
        **({"eval_curve": curve_text(recorder.evaluations)} if eval_every else {}),
    }


def evaluate(model: BaseAlgorithm, eval_env: Callable[[], VecEnv]) -> list[float]:
    """Returns of 10 deterministic episodes in a fresh environment; changes nothing that training depends on."""
    venv = eval_env()
    returns, _ = evaluate_policy(model, venv, n_eval_episodes=EVALUATIONS, return_episode_rewards=True, warn=False)
    venv.close()
    return [float(value) for value in returns]  # pyright: ignore[reportGeneralTypeIssues]


def evaluation_env(env_id: str, seed: int, env_kwargs: dict[str, Any] | None = None) -> Callable[[], VecEnv]:
    """What makes the environment in which a run with ``seed`` is evaluated; no global generator is touched."""
    kwargs = {"disable_env_checker": True, **(env_kwargs or {})}
    return lambda: make_vec_env(env_id, 1, seed=10_000 + seed, env_kwargs=kwargs)


def curve_text(points: list[list[float]]) -> str:
    """``step:value step:value ...`` with five digits."""
    return " ".join(f"{int(step)}:{value:.5g}" for step, value in points)


class _Recorder(BaseCallback):
    """Learning curves, CPU time and a checkpoint every twentieth of the budget."""

    def __init__(self, steps: int, path: Path, kind: str, eval_every: int, evaluate: Callable[[], list[float]]) -> None:
        super().__init__()
        self.every, self.path, self.kind = max(steps // POINTS, 1), path, kind
        self.steps, self.eval_every, self.evaluate = steps, eval_every, evaluate
        self.curve: list[list[float]] = []
        self.evaluations: list[list[float]] = []
        self.returns: list[float] = []
        self.spent, self.begun, self.episodes = 0.0, time.process_time(), 0
        self.keep = (path.parent / "keep").is_file()

    def get_state(self) -> State:
        """What a resumed run needs."""
        curves = {"curve": self.curve, "evaluations": self.evaluations}
        return {**curves, "returns": self.returns, "episodes": self.episodes, "spent": self.seconds()}

    def set_state(self, state: State) -> None:
        """Inverse of :meth:`get_state`."""
        self.curve, self.evaluations, self.returns = state["curve"], state["evaluations"], state["returns"]
        self.episodes, self.spent = state["episodes"], state["spent"]

    def seconds(self) -> float:
        """CPU seconds of the whole run."""
        return self.spent + time.process_time() - self.begun

    def score(self) -> float:
        """Mean training return of the last episodes; NaN before the first one has ended."""
        return float(np.mean(self.returns)) if self.returns else float("nan")

    def _on_training_start(self) -> None:
        spec = self.training_env.get_attr("spec", [0])[0]
        self.env_id = spec.id if spec else "the environment"

    def _on_step(self) -> bool:
        check_numbers(self.locals, self.num_timesteps, self.env_id, self._kept)
        for info in self.locals["infos"]:
            if "episode" in info:
                self.returns = [*self.returns, float(info["episode"]["r"])][-LAST_EPISODES:]
                self.episodes += 1
        return True

    def _kept(self) -> str:
        return f"the checkpoint {self.path} is kept" if self.path.is_file() else "no checkpoint was due yet"

    def _on_rollout_start(self) -> None:
        due = self.eval_every * (len(self.evaluations) + 1)
        if self.eval_every and due <= self.num_timesteps < self.steps:
            self.evaluations.append([self.num_timesteps, float(np.mean(self.evaluate()))])
        if self._note():
            self.save()

    def save(self) -> None:
        """Write the checkpoint of a model that can resume, and a snapshot where they are kept."""
        if not isinstance(self.model, ExactResume):
            return
        save_state(self.path, {"model": self.model.get_state(), "recorder": self.get_state()}, kind=self.kind)
        if self.keep:
            snapshot = self.path.parent / "snapshots" / f"{self.num_timesteps:012d}.safetensors"
            save_state(snapshot, {"model": self.model.get_state(replay=False)}, kind=self.kind)

    def _on_training_end(self) -> None:
        self._note()

    def _note(self) -> bool:
        """Add a point if one is due."""
        if self.num_timesteps < self.every * (len(self.curve) + 1) or not self.returns:
            return False
        self.curve.append([self.num_timesteps, self.score()])
        return True


def settings(kind: type, trial: dict[str, Any], labels: tuple[str, ...]) -> Any:
    """A configuration of dataclass ``kind`` from the fields of a trial that are not ``labels``.

    Raises:
        UsageError: a field that is no setting.
    """
    import dataclasses

    from papergym.agents.errors import unknown

    known = {item.name for item in dataclasses.fields(kind)}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in trial.items() if name not in labels}
    for name in values:
        if name not in known:
            raise unknown("setting", name, known)
    return kind(**values)
