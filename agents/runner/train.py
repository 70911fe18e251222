"""One run, from a plan to a finished folder."""

import logging
import sys
from contextlib import closing, nullcontext
from typing import Any

import gymnasium as gym
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger

from papergym.agents.checkpoint.resume import ExactResume
from papergym.agents.checkpoint.state import save_state
from papergym.agents.errors import UsageError
from papergym.agents.runner.budget import check_budget
from papergym.agents.runner.evaluation import make_env
from papergym.agents.runner.folder import RunFolder
from papergym.agents.runner.media import draw_plot, record_video
from papergym.agents.runner.progress import RunProgress
from papergym.agents.runner.registry import AGENTS
from papergym.agents.runner.session import Conductor
from papergym.agents.runner.settings import Plan
from papergym.agents.runner.summary import summarise
from papergym.agents.runner.tables import MetricsWriter, rebuild_board

log = logging.getLogger(__name__)


def run_plan(plan: Plan, command: str = "", *, listen: bool = False) -> dict[str, Any]:
    """Train, evaluate and describe; go on from the last checkpoint with ``plan.run.resume``.

    Args:
        plan: settled plan.
        command: what the user typed, kept in config.toml.
        listen: checkpoint and stop on SIGINT and SIGTERM (only in a main thread).

    Returns:
        The contents of summary.json.

    Raises:
        UsageError: settings or environment that cannot be used; nothing has been overwritten.
        CheckpointError: a checkpoint of another agent, or a damaged one.
        BadNumbersError: the environment returned NaN; the last checkpoint is kept.
    """
    torch.set_num_threads(plan.run.threads)
    if plan.run.resume:
        folder = RunFolder.resume(plan)
        finished = folder.summary()
        if finished is not None:
            folder.close()
            log.info("%s is finished.", folder.path)
            return finished
    else:
        RunFolder.refuse_occupied(plan)
    with closing(check_env(plan)) as eval_env:
        model = build_model(plan)  # before a folder is made: what cannot run leaves nothing behind
        if not plan.run.resume:
            folder = RunFolder.create(plan, command)
        with closing(folder):
            return _train(plan, folder, model, eval_env, listen)


def check_env(plan: Plan) -> gym.Env:
    """The evaluation environment, once it is known that the agent can act in it.

    Raises:
        UsageError: no such environment, or actions that the agent cannot take.
    """
    env = make_env(plan.run.env, plan.env_kwargs)
    kind = type(env.action_space).__name__
    if kind not in plan.agent.action_spaces:
        able = [row.key for row in AGENTS if kind in row.action_spaces]
        remedy = f"Use {' or '.join(able)}" if able else "No agent here takes them: wrap the environment"
        spaces = " or ".join(plan.agent.action_spaces)
        raise UsageError(f"{plan.agent.key} acts in {spaces} spaces, {plan.run.env} has {env.action_space}. {remedy}.")
    return env


def build_model(plan: Plan) -> BaseAlgorithm:
    """The algorithm and its environments, able to resume.

    Raises:
        UsageError: settings that the algorithm refuses, or a budget that ends before its first update.
    """
    run = plan.run
    try:
        model = plan.agent.make(
            plan.config, run.env, seed=run.seed, device=run.device, env_kwargs=plan.env_kwargs, n_envs=run.n_envs
        )
    except (AssertionError, ValueError) as error:
        raise UsageError(f"{plan.agent.key} refuses these settings for {run.env}: {error}") from error
    if not isinstance(model, ExactResume):  # an algorithm of SB3 or sb3-contrib itself
        model.__class__ = type(f"Resumable{type(model).__name__}", (ExactResume, type(model)), {})
    check_budget(model, run.steps, "--steps")
    return model


def _train(plan: Plan, folder: RunFolder, model: Any, eval_env: gym.Env, listen: bool) -> dict[str, Any]:
    state = folder.load(plan.agent.key) if plan.run.resume else None
    board = rebuild_board(folder.path / "tensorboard", {"": folder.tables["metrics"], "eval/": folder.tables["eval"]})
    model.set_logger(Logger(str(folder.path), [MetricsWriter(folder.tables["metrics"], board)]))
    if state is not None:
        model.set_state(state["model"])
        log.info("resumed %s at step %d", folder.path, model.num_timesteps)
    progress = RunProgress(plan.run.steps, model.num_timesteps)
    conductor = Conductor(plan, folder, eval_env, board, progress, state and state["runner"])
    try:
        with conductor.listening() if listen else nullcontext():
            model.learn_until(plan.run.steps, callback=conductor, log_interval=None)
            conductor.finish()
    finally:
        progress.close()
        board.close()
    return _conclude(plan, folder, model, conductor)


def _conclude(plan: Plan, folder: RunFolder, model: Any, conductor: Conductor) -> dict[str, Any]:
    """Files that a finished run leaves besides its tables."""
    model.save(folder.path / "model.zip")
    save_state(folder.path / "policy.safetensors", {"model": model.get_state(replay=False)}, kind=plan.agent.key)
    if plan.run.video:
        record_video(plan, model, folder.path / "video.mp4")
    summary = summarise(plan, folder, model, conductor.elapsed())
    draw_plot(plan, folder)
    folder.finish(summary)
    model.env.close()
    return summary


def plan_line(plan: Plan) -> str:
    """The plan in one line."""
    run = plan.run
    kwargs = "".join(f", {key}={value}" for key, value in plan.env_kwargs.items())
    preset = f", preset {run.preset}" if run.preset else ""
    return f"{plan.agent.key} on {run.env}{kwargs}: {run.steps} steps, seed {run.seed}{preset} -> {run.folder(plan.agent.key)}"


def command_line() -> str:
    """What the user typed."""
    return " ".join(["papergym", *sys.argv[1:]])
