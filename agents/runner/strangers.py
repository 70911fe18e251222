"""What a plan that was read from a folder may do: nothing that the user has not named, nor anything but what the run did."""

import shlex
from typing import Any

from papergym.agents.errors import UsageError
from papergym.agents.runner.fields import as_key_values
from papergym.agents.runner.plan import Plan

PROGRAMS = ("python", "game_dir")
"""Arguments of environments that name a program, whatever their value looks like."""


def refuse_strangers(plan: Plan, env: str = "", env_kwargs: dict[str, Any] | None = None) -> None:
    """Keep a plan that was read from a folder from importing modules, starting programs and reading files.

    Args:
        plan: from the folder.
        env: environment that the user has named.
        env_kwargs: arguments of it that the user has given.

    Raises:
        UsageError: the environment is one of another module, or an argument of it names a program, a module or a path; and
            the user has not given the same.
    """
    module = plan.run.env.rpartition(":")[0]
    if module not in ("", "papergym") and plan.run.env != env:
        raise UsageError(
            f"the run's environment {plan.run.env!r} is a module outside papergym. "
            f"Name it to have it imported: --env {plan.run.env}"
        )
    given = env_kwargs or {}
    for name, value in plan.env_kwargs.items():
        if (name in PROGRAMS or _names_a_place(value)) and given.get(name) != value:
            pair = shlex.quote(as_key_values({name: value})[0])
            raise UsageError(
                f"the run's argument {name}={value!r} of {plan.run.env} names a program, a module or a path. "
                f"Give it to have it used: --env-kwargs {pair}"
            )


def _names_a_place(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_names_a_place, [*value, *value.values()]))
    if isinstance(value, list):
        return any(map(_names_a_place, value))
    return isinstance(value, str) and any(mark in value for mark in ":/\\")


def confirm(plan: Plan, env: str = "", env_kwargs: dict[str, Any] | None = None) -> None:
    """:func:`refuse_strangers`, where what the user says of the environment may only confirm what the run has.

    Args:
        plan: from the folder.
        env: environment that the user has named, "" for none.
        env_kwargs: arguments of it that the user has given.

    Raises:
        UsageError: the run has another environment, or other arguments of it.
    """
    refuse_strangers(plan, env, env_kwargs)
    if env and env != plan.run.env:
        raise UsageError(f"the run's environment is {plan.run.env}, got --env {env}. Leave it out.")
    for name, value in (env_kwargs or {}).items():
        if name not in plan.env_kwargs or plan.env_kwargs[name] != value:
            has = f"{name}={plan.env_kwargs[name]!r}" if name in plan.env_kwargs else f"no argument {name}"
            raise UsageError(f"the environment of the run has {has}, got --env-kwargs {name}={value!r}. Leave it out.")
