"""One run for a figure of the paper: Blind Cliffwalk, or prioritised DQN on an environment."""

import dataclasses
import time
from pathlib import Path
from typing import Any

from papergym.agents.reproduction.offpolicy import evaluation_env, run_offpolicy, settings

_LABELS = ("setting", "study", "env_id", "seed", "steps", "states")


def run(trial: dict[str, Any], folder: Path, *, resume: bool) -> dict[str, Any]:
    """Run a trial of ``assets/papers/per.toml``.

    Args:
        trial: ``study = "cliffwalk"`` with ``method``, ``representation``, ``n`` and ``seed``; ``study = "memory"`` with
            ``method``, ``n``, ``seed`` and ``steps`` (updates at most); or ``study = "dqn"`` with ``env_id``, ``seed``,
            ``steps`` and settings of :class:`papergym.agents.per.config.Config`.
        folder: place of the checkpoint of a DQN run.
        resume: continue from it if there is one.

    Returns:
        Of the cliffwalk, ``memory``, ``updates``, ``solved``, ``stuck``, ``mse`` and ``updates_per_transition``; of the
        memory, the numbers of :func:`papergym.agents.per.memory.learn_from_memory`; of DQN, those of
        :func:`papergym.agents.reproduction.offpolicy.run_offpolicy`.
    """
    begun = time.process_time()
    if trial["study"] == "cliffwalk":
        from papergym.agents.per.cliffwalk import solve

        outcome = solve(trial["method"], trial["representation"], trial["n"], trial["seed"])
        ratio = outcome.updates / outcome.memory
        return {
            **dataclasses.asdict(outcome),
            "updates_per_transition": ratio,
            "cpu_s": round(time.process_time() - begun, 3),
        }
    if trial["study"] == "memory":
        from papergym.agents.per.memory import learn_from_memory

        return learn_from_memory(trial["method"], trial["n"], trial["seed"], trial["steps"])
    from papergym.agents.per.build import build
    from papergym.agents.per.config import Config

    config = settings(Config, trial, _LABELS)
    env_kwargs = {"n": trial["states"]} if "states" in trial else {}
    model = build(config, trial["env_id"], seed=trial["seed"], device="cpu", env_kwargs=env_kwargs)
    eval_env = evaluation_env(trial["env_id"], trial["seed"], env_kwargs)
    return run_offpolicy(model, eval_env, trial["steps"], folder, resume=resume, kind="per-trial")
