"""What the numbers of a plan may be."""

import dataclasses
import math
from typing import Any

from papergym.agents.errors import UsageError

BUDGET = ("steps", "updates", "total_steps", "total_timesteps")
"""Names under which a preset or an agent's configuration may hold the budget."""

_LEAST = {"steps": 1, "n_envs": 1, "log_every": 0, "eval_episodes": 1, "eval_envs": 1, "threads": 1, "seed": 0, "snapshots": 0}
"""Settings of the runner -> least value."""

_MOST = {"n_envs": 10_000, "threads": 1024}
"""Settings of the runner -> largest value: more would only fill the memory of any machine."""

_RANGES = (
    (("gamma", "gae_lambda", "tau", "encoder_tau"), lambda value: 0 <= value <= 1, "between 0 and 1"),
    (("learning_rate", "adam_eps"), lambda value: 0 < value < float("inf"), "a positive number"),
    (("batch_size", "buffer_size", "n_steps", "train_freq"), lambda value: value >= 1, "at least 1"),
    (("learning_starts", "gradient_steps"), lambda value: value >= 0, "at least 0"),
    (("max_grad_norm", "td_clip"), lambda value: value is None or value > 0, "a positive number, or None"),
    (("hidden",), lambda value: value is None or all(units >= 1 for units in value), "at least 1 unit per layer"),
)
"""Names, what holds for their values in every agent, and the same in words."""

MOST = 2**31 - 1
"""Largest whole number of a setting other than a budget or a seed: counts of more would only fill the memory."""


def check_ranges(plan: Any) -> None:
    """Look at the numbers of a :class:`papergym.agents.runner.plan.Plan`.

    Raises:
        UsageError: one outside what its name means, or one that is not finite.
    """
    _check_run(plan.run)
    for fields, fits, expected in _RANGES:
        for name in fields:
            if hasattr(plan.config, name) and not fits(getattr(plan.config, name)):
                raise UsageError(f"{_option(name)} is {getattr(plan.config, name)}, expected {expected}.")
    for owner in (plan.run, plan.config):
        for item in dataclasses.fields(owner):
            value: Any = getattr(owner, item.name)
            for part in value if isinstance(value, tuple) else (value,):
                _check_number(item.name, part)
            if _is_size(item.default) and isinstance(value, (int, float)) and value < 0:
                raise UsageError(f"{_option(item.name)} is {value}, expected a number that is not negative.")


def _check_run(run: Any) -> None:
    for name, least in _LEAST.items():
        if getattr(run, name) < least:
            raise UsageError(f"{_option(name)} is {getattr(run, name)}, expected at least {least}.")
    for name, most in _MOST.items():
        if getattr(run, name) > most:
            raise UsageError(f"{_option(name)} is {getattr(run, name)}, expected at most {most}.")
    if run.eval_every is not None and run.eval_every < 0:
        raise UsageError(f"--eval-every is {run.eval_every}, expected at least 0, or None.")
    if not run.checkpoint_seconds >= 0:
        raise UsageError(f"--checkpoint-seconds is {run.checkpoint_seconds}, expected at least 0.")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_size(default: Any) -> bool:
    """Whether a setting is a size, a rate or a weight: its default is a number and not negative."""
    return _is_number(default) and default >= 0


def _check_number(name: str, value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{_option(name)} is {value}, expected a finite number.")
    if isinstance(value, int) and abs(value) > MOST and name not in (*BUDGET, "seed"):
        raise UsageError(f"{_option(name)} is {value}, expected at most {MOST}.")
    if name == "seed" and value >= 2**32:
        raise UsageError(f"--seed is {value}, expected at most {2**32 - 1}: more is no seed of numpy's.")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
