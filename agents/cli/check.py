"""``papergym check ID``: the conformity checks of this package's environments, for anyone's environment or wrapper."""

import dataclasses
import importlib
import logging
import time
from collections.abc import Callable
from typing import Annotated, Any

import gymnasium as gym
import tyro
from rich.markup import escape
from rich.table import Table

from papergym.agents.cli.options import parse
from papergym.agents.console import console
from papergym.agents.errors import UsageError, unknown

log = logging.getLogger(__name__)


@dataclasses.dataclass
class Options:
    """Run the checks that every environment of papergym passes on an environment, or on a wrapper around it.

    Example: papergym check my_package:MyEnv-v0 --wrapper my_package:MyWrapper. In a test: see papergym.envs.conformity.
    """

    env: tyro.conf.Positional[str]
    """Id, or module:Id of one of yours."""
    wrapper: tuple[str, ...] = ()
    """module:Class of wrappers around it, the innermost first."""
    env_kwargs: Annotated[tuple[str, ...], tyro.conf.arg(metavar="KEY=VALUE")] = ()
    """Arguments of gym.make, for example quality=fast size_px=64; values are read as TOML, else as text."""
    only: tuple[str, ...] = ()
    """Names of checks; empty: all quick ones."""
    long: bool = False
    """Also worker processes and memory, a minute for a heavy world."""


def main(argv: list[str]) -> int:
    """Print a table; 0 if all checks pass, 1 if one fails."""
    options = parse(Options, "check", argv)
    from papergym.envs import conformity
    from papergym.wrappers.rows import rows

    for name in options.only:
        if name not in conformity.CHECKS:
            raise unknown("check", name, conformity.CHECKS)
    make = maker(options)
    make().close()
    row = next((row for row in rows() if row.id == options.env.removeprefix("papergym:") and not options.wrapper), None)
    chosen = options.only or [check.__name__ for check in (*conformity.QUICK, *(conformity.LONG if options.long else ()))]
    table = Table("check", "result", "seconds", "what", title=options.env, title_justify="left")
    failed = 0
    for name in chosen:
        check = conformity.CHECKS[name]
        started = time.perf_counter()
        result, what = "ok", (check.__doc__ or "").partition("\n")[0]
        if row is not None and name in row.exceptions:
            result, what = "excused", row.exceptions[name]
        else:
            try:
                check(make)
            except gym.error.DependencyNotInstalled as error:
                result, what = "not run", str(error)
            except Exception as error:  # whatever an environment of somebody raises
                result, failed = "FAILED", failed + 1
                what = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        table.add_row(name, result, f"{time.perf_counter() - started:.1f}", escape(what))
    console().print(table)
    if failed:
        log.error("%d of %d checks failed.", failed, len(chosen))
    return 1 if failed else 0


def maker(options: Options) -> Callable[..., Any]:
    """A function that makes the environment in its wrappers.

    Raises:
        UsageError: a wrapper that cannot be imported.
    """
    from papergym.agents.runner.evaluation import make_env
    from papergym.agents.runner.fields import key_values

    kwargs = key_values(options.env_kwargs, "--env-kwargs")
    wrappers = [_class(name) for name in options.wrapper]

    def make(**more: Any) -> Any:
        env = make_env(options.env, {**kwargs, **more})
        for wrapper in wrappers:
            env = wrapper(env)
        return env

    return make


def _class(name: str) -> Any:
    module, colon, attribute = name.partition(":")
    try:
        if not colon or not module or not attribute:
            raise ImportError("expected module:Class")
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"--wrapper {name}: {error}. Give module:Class of a wrapper that takes the environment alone."
        ) from error
