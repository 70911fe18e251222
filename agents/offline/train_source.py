"""Training runs made only as the sources of datasets."""

import logging
from pathlib import Path
from typing import Any

from papergym.agents.errors import UsageError
from papergym.agents.offline.source import Source
from papergym.agents.runner.evaluation import make_env
from papergym.agents.runner.fields import as_key_values
from papergym.agents.runner.folder import read_plan
from papergym.agents.runner.plan import Plan, make_plan
from papergym.agents.runner.registry import agent
from papergym.agents.runner.train import plan_line, run_plan

log = logging.getLogger(__name__)

SNAPSHOTS = 20

AGENTS = {"Box": "sac", "Discrete": "per"}
"""Action space -> the agent that is trained where none is named; both have a replay memory."""


def train_source(
    env: str,
    env_kwargs: dict[str, Any] | None = None,
    *,
    key: str = "",
    seed: int = 0,
    preset: str = "",
    steps: int = 0,
    listen: bool = False,
) -> Source:
    """Train a source, go on with one that was cut, or take the one that is finished; it lies in ``runs/make-dataset``.

    Args:
        env: environment id.
        env_kwargs: for ``gym.make``.
        key: agent; "" takes sac for continuous and per (DQN) for discrete actions.
        seed: of the run.
        preset: "" is the agent's default.
        steps: 0 is the preset's.
        listen: checkpoint and stop on SIGINT and SIGTERM.

    Raises:
        UsageError: no agent for these actions, or settings that it refuses.
    """
    plan = _plan(env, env_kwargs or {}, key or _agent_for(env, env_kwargs or {}), seed, preset, steps)
    folder = plan.run.folder(plan.agent.key)
    if (folder / "config.toml").is_file():
        asked, plan = plan, read_plan(folder)
        _refuse_other(asked, plan, folder, steps)
        plan.run.resume = True
    log.info("source: %s", plan_line(plan))
    run_plan(plan, f"papergym make-dataset {env}", listen=listen)
    return Source(folder)


def _plan(env: str, env_kwargs: dict[str, Any], key: str, seed: int, preset: str, steps: int) -> Plan:
    words = "-".join([env.replace("/", "_"), *(f"{name}-{value}" for name, value in sorted(env_kwargs.items()))])
    given: dict[str, Any] = {"env": env, "seed": seed, "env_kwargs": as_key_values(env_kwargs), "video": False}
    given |= {"snapshots": SNAPSHOTS, "keep_checkpoints": True, "run_folder": f"runs/make-dataset/{key}-{words}-s{seed}"}
    given |= {"steps": steps} if steps else {}
    plan = make_plan(agent(key), preset, given)
    if getattr(plan.config, "buffer_size", plan.run.steps) < plan.run.steps:
        plan.config.buffer_size = plan.run.steps  # medium-replay wants the memory from the first step on
    return plan


def _refuse_other(asked: Plan, stored: Plan, folder: Path, steps: int) -> None:
    if asked.run.preset != stored.run.preset or (steps and asked.run.steps != stored.run.steps):
        raise UsageError(
            f"{folder} is a source of {stored.run.steps} steps with the preset {stored.run.preset!r}, asked for "
            f"{asked.run.steps} with {asked.run.preset!r}. Give it with --from {folder}, or move it away."
        )


def _agent_for(env: str, env_kwargs: dict[str, Any]) -> str:
    made = make_env(env, env_kwargs)
    kind = type(made.action_space).__name__
    made.close()
    if kind not in AGENTS:
        raise UsageError(f"no agent here acts in {kind} spaces. Give a run of your own with --from, or --quality random.")
    return AGENTS[kind]
