"""One run of SAC for a table or figure."""

from pathlib import Path
from typing import Any

import gymnasium as gym

from papergym.agents.reproduction.offpolicy import evaluation_env, run_offpolicy, settings
from papergym.agents.sac.build import build
from papergym.agents.sac.config import Config

_LABELS = ("setting", "env_id", "seed", "steps", "hidden_units", "eval_every")


def run(trial: dict[str, Any], folder: Path, *, resume: bool) -> dict[str, Any]:
    """Run a trial of ``assets/papers/sac.toml``.

    Args:
        trial: ``env_id``, ``seed``, ``steps``, ``hidden_units`` (of both hidden layers), ``eval_every``
            (steps between evaluations; none without it) and settings of :class:`Config`.
        folder: place of the checkpoint.
        resume: continue from it if there is one.

    Returns:
        The numbers of :func:`papergym.agents.reproduction.offpolicy.run_offpolicy`.
    """
    gym.logger.min_level = gym.logger.ERROR  # each v4 environment warns that there is a v5
    config = settings(Config, trial, _LABELS)
    if "hidden_units" in trial:
        config.hidden = (trial["hidden_units"],) * 2
    model = build(config, trial["env_id"], seed=trial["seed"], device="cpu")

    return run_offpolicy(
        model,
        evaluation_env(trial["env_id"], trial["seed"]),
        trial["steps"],
        folder,
        resume=resume,
        kind="sac-trial",
        eval_every=trial.get("eval_every", 0),
    )
