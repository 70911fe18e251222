"""Command-line options from dataclasses: the runner's settings and one agent's configuration, side by side."""

import dataclasses
from typing import Annotated, Any, TypeVar

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from papergym.agents.errors import UsageError
from papergym.agents.runner.fields import number
from papergym.agents.runner.plan import BUDGET, Plan, RunSettings, draft, settle
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


def parse_plan(row: Agent, options: list[str], *, verb: str, base: Plan | None = None) -> Plan:
    """The plan that ``options`` make of ``base``, settled, or of the preset they name, not yet settled."""
    start = base or draft(row, _value_of(options, "--preset"))
    both = dataclasses.make_dataclass(
        "Options",
        [
            ("run", Annotated[RunSettings, tyro.conf.arg(name="")]),
            ("config", Annotated[type(start.config), tyro.conf.arg(name="")]),
        ],
    )
    about = f"{row.summary}\n\nOptions win over the preset {start.run.preset!r}." if start.run.preset else row.summary
    parsed = parse(both, verb, options, default=both(run=start.run, config=start.config), description=about)
    if base is not None:
        return settle(Plan(row, parsed.run, parsed.config))
    given = _changed(start.run, parsed.run) | _changed(start.config, parsed.config)
    preset = given.pop("preset", start.run.preset)
    if preset != start.run.preset:
        raise UsageError(f"--preset {preset} conflicts with {start.run.preset}.")
    return draft(row, preset, {name: value for name, value in given.items() if name not in BUDGET or name == "steps"})


def _changed(before: Any, after: Any) -> dict[str, Any]:
    """Fields that an option has set to another value."""
    pairs = ((item.name, getattr(before, item.name), getattr(after, item.name)) for item in dataclasses.fields(before))
    return {name: new for name, old, new in pairs if new != old}


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
        if name.startswith("--no-"):
            name, values = f"--{name[5:]}", ["no"]
        if name in seen and seen[name] != tuple(values):
            raise UsageError(
                f"conflicting values for {name}: {' '.join(seen[name]) or 'yes'} and {' '.join(values) or 'yes'}. "
                "Give it once; an option that takes several values takes them all behind it."
            )
        seen[name] = tuple(values)
