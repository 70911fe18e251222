"""One run, from a plan to a finished folder."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from papergym.agents.checkpoint.state import CheckpointError, State
from papergym.agents.errors import UsageError
from papergym.agents.runner.device import devices
from papergym.agents.runner.evaluation import make_env
from papergym.agents.runner.folder import RunFolder, refuse_occupied
from papergym.agents.runner.learner import Learner
from papergym.agents.runner.media import draw_plot, record_video
from papergym.agents.runner.plan import Plan, presets
from papergym.agents.runner.progress import RunProgress
from papergym.agents.runner.ranges import check_ranges
from papergym.agents.runner.registry import agents
from papergym.agents.runner.sb3 import SB3Learner
from papergym.agents.runner.session import Session
from papergym.agents.runner.start_from import check_start, start_from
from papergym.agents.runner.summary import summarise
from papergym.agents.runner.tracking import Callback, Trackers, check_trackers, rebuild_events

log = logging.getLogger(__name__)


def run_plan(plan: Plan, command: str = "", *, listen: bool = False, callback: Callback | None = None) -> dict[str, Any]:
    """Train, evaluate and describe; go on from the last checkpoint with ``plan.run.resume``.

    Args:
        plan: settled plan.
        command: what the user typed, kept in config.toml.
        listen: checkpoint and stop on the signals of :mod:`papergym.agents.runner.signals` (only in a main thread).
        callback: see :data:`papergym.agents.runner.tracking.Callback`.

    Returns:
        The contents of summary.json.

    Raises:
        UsageError: settings or environment that cannot be used; nothing has been overwritten.
        CheckpointError: a checkpoint of another agent, or a damaged one.
        BadNumbersError: numbers that are not finite; the last checkpoint is kept.
        Stopped: on a signal or by the callback; the checkpoint holds the state.
    """
    torch.set_num_threads(plan.run.threads)
    check_trackers(plan.run.track)
    state, folder = None, None
    with ExitStack() as held:
        if plan.run.resume:
            folder = held.enter_context(closing(RunFolder.resume(plan)))
            if (finished := folder.summary()) is not None:
                log.info("%s is finished.", folder.path)
                return finished
            state = folder.load(plan.agent.key)
        else:
            refuse_occupied(plan)
        if state is None:
            check_start(plan)
        envs = held.enter_context(eval_envs(plan, plan.run.eval_episodes))
        learner = held.enter_context(closing(build_learner(plan)))
        if state is None and plan.run.start_from:  # also where the run was cut before its first checkpoint
            start_from(learner, plan)
        if folder is None:  # made last: what cannot run leaves nothing behind
            folder = held.enter_context(closing(RunFolder.create(plan, command)))
        return _train(plan, folder, learner, envs, state, listen, callback)


def check_env(plan: Plan) -> gym.Env:
    """The evaluation environment, once it is known that the agent can act in it.

    Raises:
        UsageError: no such environment, or actions that the agent cannot take.
    """
    env = make_env(plan.run.env, plan.env_kwargs)
    kind = type(env.action_space).__name__
    if kind not in plan.agent.action_spaces:
        able = [row.key for row in agents() if kind in row.action_spaces]
        remedy = f"Use {' or '.join(able)}" if able else "No agent here takes them: wrap the environment"
        spaces = " or ".join(plan.agent.action_spaces)
        raise UsageError(f"{plan.agent.key} acts in {spaces} spaces, {plan.run.env} has {env.action_space}. {remedy}.")
    return env


@contextmanager
def eval_envs(plan: Plan, episodes: int) -> Iterator[list[gym.Env]]:
    """The environments in which ``episodes`` evaluation episodes are played; see :func:`check_env` for errors."""
    with ExitStack() as opened:
        envs = [opened.enter_context(closing(check_env(plan)))]
        for _ in range(min(plan.run.eval_envs, episodes) - 1):
            envs.append(opened.enter_context(closing(make_env(plan.run.env, plan.env_kwargs))))
        yield envs


def build_learner(plan: Plan) -> Learner:
    """The learner and its environments.

    Raises:
        UsageError: settings that the agent refuses, or a budget that ends before its first update.
    """
    check_ranges(plan)
    run = plan.run
    device, *_ = devices(run.device)
    try:
        made = plan.agent.make(
            plan.config, run.env, seed=run.seed, device=device, env_kwargs=plan.env_kwargs, n_envs=run.n_envs
        )
    except MemoryError as error:
        raise UsageError(
            f"{plan.agent.key} on {run.env} needs more memory than there is: {error}. Lower --buffer-size or --n-envs."
        ) from error
    except (AssertionError, ValueError, OverflowError) as error:
        raise UsageError(f"{plan.agent.key} refuses these settings for {run.env}: {error}") from error
    learner: Learner = SB3Learner(made, run.env) if isinstance(made, BaseAlgorithm) else made
    least, lower = learner.least_budget()
    if run.steps < least:
        raise UsageError(
            f"a budget of {run.steps} {plan.agent.unit} is below one update: the first one comes after {least} "
            f"{plan.agent.unit}. Raise --steps, or lower {lower}."
        )
    return learner


def _train(
    plan: Plan,
    folder: RunFolder,
    learner: Learner,
    envs: list[gym.Env],
    state: State | None,
    listen: bool,
    callback: Callback | None,
) -> dict[str, Any]:
    settings = {**vars(plan.config), **vars(plan.run), "agent": plan.agent.key}
    events = Trackers(rebuild_events(folder), plan.run.track, folder.path, settings, callback)
    with fitting(folder.path):
        if state is not None:
            learner.set_state(state["model"])
            log.info("resumed %s at %s %d", folder.path, folder.unit, learner.done)
        progress = RunProgress(plan.run.steps, learner.done, plan.agent.unit)
        session = Session(plan, folder, learner, envs, events, progress, state and state["runner"])
    if plan.run.video_before and state is None and record_video(plan, learner, folder.path / "video-before.mp4"):
        log.info("before learning: %s", folder.path / "video-before.mp4")
    try:
        with session.listening() if listen else nullcontext():
            session.run()
    finally:
        progress.close()
        events.close(session.finished)
    return _conclude(plan, folder, learner, session)


@contextmanager
def fitting(place: Path) -> Iterator[None]:
    """Errors of a learner that takes a whole state which is not one of its own.

    Raises:
        CheckpointError: in their place.
    """
    try:
        yield
    except (UsageError, CheckpointError):
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError) as error:
        raise CheckpointError(
            f"the state in {place} does not fit this agent: {type(error).__name__}: {error}. It was made by another version of "
            "papergym or with another environment; start the run afresh."
        ) from error


def _conclude(plan: Plan, folder: RunFolder, learner: Learner, session: Session) -> dict[str, Any]:
    """Files that a finished run leaves besides its tables."""
    seconds = session.elapsed()  # of learning, not of the video
    learner.save(folder.path)
    folder.save_policy(learner.get_state(memory=False), plan.agent.key)
    if plan.run.video:
        record_video(plan, learner, folder.path / "video.mp4")
    summary = summarise(plan, folder, learner, session.score, seconds)
    draw_plot(plan, folder)
    folder.finish(summary)
    if not plan.run.keep_checkpoints:  # last: a run that is killed here is finished
        folder.drop_checkpoints()
    return summary


def plan_line(plan: Plan) -> str:
    """The plan in one line."""
    run = plan.run
    kwargs = "".join(f", {key}={value}" for key, value in plan.env_kwargs.items())
    note = " (not the paper's settings)" if run.preset != "paper" and "paper" in presets(plan.agent) else ""
    preset = f", preset {run.preset}{note}" if run.preset else ""
    place = run.folder(plan.agent.key)
    return f"{plan.agent.key} on {run.env}{kwargs}: {run.steps} {plan.agent.unit}, seed {run.seed}{preset} -> {place}"
