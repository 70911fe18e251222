"""Command-line options from dataclasses: the runner's settings and one agent's configuration, side by side."""

import ast
import dataclasses
import inspect
import textwrap
from typing import Annotated, Any, get_type_hints

import gymnasium as gym
import tyro

from papergym.agents.errors import UsageError
from papergym.agents.runner.registry import Agent
from papergym.agents.runner.settings import BUDGET_NAMES, Plan, RunSettings, defaults, settle


def field_docs(kind: type) -> dict[str, str]:
    """Field -> the string literal under it in the source of a dataclass."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    docs: dict[str, str] = {}
    assert isinstance(tree, ast.ClassDef)
    for item, below in zip(tree.body, tree.body[1:]):
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(item, ast.AnnAssign):
            docs[ast.unparse(item.target)] = inspect.cleandoc(str(below.value.value))
    return docs


def _arguments(owner: Any, without: frozenset[str] = frozenset()) -> type:
    """A dataclass with the fields of ``owner``, its values as defaults and its docs as help."""
    docs, hints = field_docs(type(owner)), get_type_hints(type(owner))
    fields = []
    for item in dataclasses.fields(owner):
        if item.name not in without and item.init:
            annotated = Annotated[hints[item.name], tyro.conf.arg(help=docs.get(item.name, ""))]
            value = getattr(owner, item.name)
            fields.append((item.name, annotated, dataclasses.field(default_factory=lambda value=value: value)))
    return dataclasses.make_dataclass(type(owner).__name__, fields)


def parse_plan(row: Agent, options: list[str], *, prog: str, base: Plan | None = None) -> Plan:
    """The settled plan that ``options`` make of ``base``, or of the preset they name.

    Unknown options and values of a wrong type end the process with a message that names the nearest option (tyro's).
    """
    fresh, base = base is None, base or defaults(row, _value_of(options, "--preset"))
    shared = frozenset({item.name for item in dataclasses.fields(RunSettings)} | set(BUDGET_NAMES))
    run_class, config_class = _arguments(base.run), _arguments(base.config, shared)
    both = dataclasses.make_dataclass(
        "Options",
        [
            ("run", Annotated[run_class, tyro.conf.arg(name="")]),
            ("config", Annotated[config_class, tyro.conf.arg(name="")]),
        ],
    )
    parsed = tyro.cli(
        both, prog=prog, args=options, description=f"{row.summary}\n\nOptions win over the preset {base.run.preset!r}."
    )
    given = {item.name: getattr(parsed.config, item.name) for item in dataclasses.fields(config_class)}
    config = dataclasses.replace(base.config, **given)
    run = RunSettings(**{item.name: getattr(parsed.run, item.name) for item in dataclasses.fields(run_class)})
    if run.preset != base.run.preset and base.run.preset:
        raise UsageError(f"--preset {run.preset} conflicts with {base.run.preset}.")
    if fresh and run.env_kwargs == base.run.env_kwargs and not same_maker(run.env, base.run.env):
        run.env_kwargs = ()  # they belong to the preset's own environment
    return settle(Plan(row, run, config))


def same_maker(one: str, other: str) -> bool:
    """Whether two environment ids are made by the same function, and so take the same arguments."""
    makers = [gym.registry[env].entry_point if env in gym.registry else env for env in (one, other)]
    return makers[0] == makers[1]


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
