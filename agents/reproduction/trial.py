"""One trial: a plan that the runner carries out, or a call of one of the agent's studies, and the row that comes of it."""

import multiprocessing
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
from filelock import FileLock

from papergym.agents.reproduction.trials import Reproduction, Trial, start_of, trial_id
from papergym.agents.runner.fields import as_key_values
from papergym.agents.runner.plan import Plan, default_preset, make_plan, presets
from papergym.agents.runner.registry import agent
from papergym.agents.runner.train import run_plan

EVAL_EPISODES = 10
"""Episodes of an evaluation, unless the table says otherwise."""


@dataclass(frozen=True)
class ReproductionTrial:
    """Runs the trials of a reproduction; can be sent to another process.

    Args:
        reproduction: what the trials belong to.
        keep: keep the last checkpoint with its replay memory, and twenty snapshots of the policy.
        command: kept in config.toml.
    """

    reproduction: Reproduction
    keep: bool = False
    command: str = ""

    def __call__(self, trial: Trial, folder: Path, *, resume: bool, device: str) -> dict[str, Any]:
        """Run ``trial`` in ``folder``; columns of its row."""
        gym.logger.min_level = gym.logger.ERROR  # each v4 environment warns that there is a v5
        if self.reproduction.study:
            row = agent(self.reproduction.agent)
            return row.load(row.studies[self.reproduction.study])(trial)
        start = start_of(self.reproduction, trial)
        if start is None:
            return self._run(trial, folder, "", resume=resume, device=device)
        source = folder.parent / trial_id(start)
        self._run(start, source, "", resume=True, device=device)  # one that is finished ends at once
        return self._run(trial, folder, str(source / "run"), resume=resume, device=device)

    def _run(self, trial: Trial, folder: Path, start_from: str, *, resume: bool, device: str) -> dict[str, Any]:
        """The training run of ``trial``, which waits for another process that is at it."""
        plan = trial_plan(self.reproduction, trial)
        plan.run.keep_checkpoints, plan.run.snapshots = self.keep, 20 if self.keep else 0
        plan.run.start_from = start_from
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "run.lock"):
            return run_in(plan, folder / "run", self.command, resume=resume, device=device)["scores"]


@dataclass(frozen=True)
class SweepTrial:
    """Runs the trials of a sweep, see :class:`ReproductionTrial`; a row is the run's summary."""

    def __call__(self, trial: Trial, folder: Path, *, resume: bool, device: str) -> dict[str, Any]:
        """Run ``trial`` in ``folder``."""
        words = " ".join(f"{name}={value}" for name, value in trial.items())
        summary = run_in(sweep_plan(trial), folder / "run", f"papergym sweep: {words}", resume=resume, device=device)
        return {name: value for name, value in summary.items() if name not in ("agent", "env", "seed", "scores")}


def trial_plan(reproduction: Reproduction, trial: Trial) -> Plan:
    """The plan of a trial.

    Raises:
        UsageError: a field that is no setting.
    """
    row = agent(reproduction.agent)
    means = {"env_id": "env", "setting": "", **reproduction.means}
    given: dict[str, Any] = {"eval_every": 0, "eval_episodes": EVAL_EPISODES}
    env_kwargs: dict[str, Any] = {}
    for name, value in trial.items():
        setting = means.get(name, name)
        if isinstance(setting, list):
            given[setting[0]] = [value] * len(setting)
        elif setting.startswith("env_kwargs."):
            env_kwargs[setting.removeprefix("env_kwargs.")] = value
        elif setting:
            given[setting] = value
    preset = given.pop("preset", reproduction.preset) or ("paper" if "paper" in presets(row) else default_preset(row))
    if env_kwargs:
        given["env_kwargs"] = as_key_values(env_kwargs)
    return make_plan(row, preset, given | {"video": False}, where=f"a trial of {reproduction.key}")


def sweep_plan(trial: Trial) -> Plan:
    """The plan of a sweep's trial: ``agent``, ``preset`` and settings as text."""
    given = {name: value for name, value in trial.items() if name not in ("agent", "preset")}
    return make_plan(agent(trial["agent"]), trial.get("preset", ""), {"video": False, **given}, where="--set")


def run_in(plan: Plan, folder: Path, command: str, *, resume: bool, device: str) -> dict[str, Any]:
    """Carry out a plan in ``folder``, going on with what was cut if ``resume``; its summary."""
    plan.run.run_folder, plan.run.device = str(folder), device
    plan.run.resume = resume and (folder / "config.toml").is_file()
    if not plan.run.resume:
        shutil.rmtree(folder, ignore_errors=True)
    return run_plan(plan, command, listen=multiprocessing.parent_process() is not None)  # in a worker of ours, not of Ray's
