"""Command-line options from dataclasses: the runner's settings and one agent's configuration, side by side."""

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from papergym.agents.errors import UsageError
from papergym.agents.runner.fields import names, number
from papergym.agents.runner.plan import RunSettings, draft
from papergym.agents.runner.registry import Agent

T = TypeVar("T")

_REGISTRY = ConstructorRegistry()


@_REGISTRY.primitive_rule
def _whole_number(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[int] | None:
    """Whole numbers may be written as 1e6 or 1_000_000."""
    if info.type is not int:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="INT",
        instance_from_str=lambda words: number(int, words[0]),
        is_instance=lambda value: isinstance(value, int) and not isinstance(value, bool),
        str_from_instance=lambda value: [str(value)],
    )


def parse(kind: type[T], verb: str, argv: list[str], **more: Any) -> T:
    """Options of a verb.

    Unknown options and values of a wrong type end the process with a message that names the nearest option (tyro's).
    """
    refuse_contradictions(argv)
    return tyro.cli(kind, prog=f"papergym {verb}", args=argv, registry=_REGISTRY, **more)


def parse_given(row: Agent, options: list[str], *, verb: str) -> dict[str, Any]:
    """Name -> value of the settings that ``options`` give, whether the preset has another value or the same."""
    start = draft(row, _value_of(options, "--preset"))
    both = dataclasses.make_dataclass(
        "Options",
        [
            ("run", Annotated[RunSettings, tyro.conf.arg(name="")]),
            ("config", Annotated[type(start.config), tyro.conf.arg(name="")]),
        ],
    )
    about = f"{row.summary}\n\nOptions win over the preset {start.run.preset!r}." if start.run.preset else row.summary
    parsed = parse(both, verb, options, default=both(run=start.run, config=start.config), description=about)
    typed = {name[2:].replace("-", "_") for name, _ in _given(options)}
    of_run = {name: getattr(parsed.run, name) for name in names(RunSettings) & typed}
    of_agent = {name: getattr(parsed.config, name) for name in (names(type(start.config)) & typed) - names(RunSettings)}
    if of_run.get("preset", start.run.preset) != start.run.preset:
        raise UsageError(f"--preset {of_run['preset']} conflicts with {start.run.preset}.")
    return {**of_run, **of_agent}


def _value_of(options: list[str], name: str) -> str:
    for index, option in enumerate(options):
        if option == name and index + 1 < len(options):
            return options[index + 1]
        if option.startswith(f"{name}="):
            return option.partition("=")[2]
    return ""


def refuse_contradictions(options: list[str]) -> None:
    """Raise UsageError where an option is given twice with different values, or as itself and its ``--no-`` form."""
    seen: dict[str, tuple[str, ...]] = {}
    for name, values in _given(options):
        if name in seen and seen[name] != values:
            raise UsageError(
                f"conflicting values for {name}: {' '.join(seen[name]) or 'yes'} and {' '.join(values) or 'yes'}. "
                "Give it once; an option that takes several values takes them all behind it."
            )
        seen[name] = values


ALIASES = {"--updates": "--steps", "--from": "--start-from"}
"""Second names of options of ``papergym train``."""


def _given(options: list[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each option, by its first name, with its values; ``--no-x`` is ``--x`` with the value "no"."""
    index = 0
    while index < len(options):
        option, index = options[index], index + 1
        if not option.startswith("--"):
            continue
        name, equals, value = option.partition("=")
        values = [value] if equals else []
        while not equals and index < len(options) and not options[index].startswith("--"):
            values.append(options[index])
            index += 1
        name = name.replace("_", "-")
        yield (f"--{name[5:]}", ("no",)) if name.startswith("--no-") else (ALIASES.get(name, name), tuple(values))
