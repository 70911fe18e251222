"""Tables and figures of papers as lists of trials.

A reproduction is a table ``[reproduce.<key>]`` in ``assets/papers/<paper>.toml``, or in a TOML file of a user's::

    [reproduce.ppo-table1]
    summary = "Table 1: surrogate objectives on seven MuJoCo tasks"
    agent = "ppo"                 # default: the paper's key
    cost = "7 core-hours"
    preset = "paper"              # where the values come from that a trial does not name (default)
    fixed = { steps = 1_000_000 }
    [[reproduce.ppo-table1.vary]] # one product of axes after another; the last axis turns fastest
    seed = [0, 1, 2]
    setting = [{ setting = "clip 0.2", objective = "clip", clip_range = 0.2 }]
    env_id = ["Hopper-v4"]

A value of an axis that is a table brings several fields at once. Each combination is a *trial*: a flat dict of numbers,
strings and booleans. Its fields are settings of the runner or of the agent; ``env_id`` is ``env``, and ``setting`` is a name
and nothing more. ``means = { states = "env_kwargs.n", units = ["hidden", "hidden"], task = "" }`` says of a field with another
name that it is an argument of the environment, a list of equal values, or a name. With ``study = "<name>"`` a trial is no
training run, but a call of that function of the agent's row.
"""

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from papergym import assets
from papergym.agents.errors import UsageError, unknown
from papergym.agents.reproduction.results import read_rows
from papergym.agents.runner.fields import tomllib

Trial = dict[str, Any]


@dataclass(frozen=True)
class Reproduction:
    """One table or figure of a paper.

    Attributes:
        key: name on the command line and of the result table.
        paper: key of the paper.
        agent: name of the agent that runs it.
        summary: one sentence.
        cost: about how long it takes.
        trials: what is to be run, in order.
        note: how to read the result, for the report.
        compare: two settings whose learning curves the report compares.
        preset: of the values that a trial does not name; "": the paper's, or the agent's default.
        means: field of a trial -> setting, ``env_kwargs.<name>``, or "" for a name.
        study: function of the agent's row that a trial is a call of; "" for training runs.
        file: TOML file of a user's reproduction, "" for one of this package.
    """

    key: str
    paper: str
    agent: str
    summary: str
    cost: str
    trials: tuple[Trial, ...]
    note: str = ""
    compare: tuple[str, ...] = ()
    preset: str = ""
    means: Mapping[str, Any] = field(default_factory=dict)
    study: str = ""
    file: str = ""


def reproductions() -> dict[str, Reproduction]:
    """Every reproduction of every paper, by key."""
    found: dict[str, Reproduction] = {}
    for paper in assets.paper_keys():
        for key, table in assets.paper(paper).get("reproduce", {}).items():
            if key in found:
                raise UsageError(f"[reproduce.{key}] stands in the papers {found[key].paper} and {paper}: rename one.")
            found[key] = _reproduction(key, paper, table)
    return found


def _reproduction(key: str, paper: str, table: dict[str, Any], file: str = "") -> Reproduction:
    texts = {name: table[name] for name in ("summary", "cost", "note", "preset", "means", "study") if name in table}
    return Reproduction(
        key=key,
        paper=paper,
        agent=table.get("agent", paper),
        trials=tuple(expand(table)),
        compare=tuple(table.get("compare", ())),
        file=file,
        **{"summary": "", "cost": "", **texts},
    )


def reproduction(key: str) -> Reproduction:
    """One reproduction, by its key or as ``FILE.toml`` or ``FILE.toml:KEY`` of a user's.

    Raises:
        UsageError: unknown key, with the nearest ones, or a file that cannot be read.
    """
    file, _, name = key.partition(".toml")
    if file != key and not name.startswith("/"):
        return _from_file(Path(f"{file}.toml"), name.removeprefix(":"))
    known = reproductions()
    if key not in known:
        raise unknown("reproduction", key, known, "`papergym reproduce --list` describes them.")
    return known[key]


def _from_file(path: Path, key: str) -> Reproduction:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("reproduce", {})
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise UsageError(f"{path}: expected tables [reproduce.KEY], got reproduce = {tables!r}.")
    if not key and len(tables) == 1:
        key = next(iter(tables))
    if key not in tables:
        raise UsageError(f"{path} has the reproductions {', '.join(tables) or 'none'}; name one: {path}:KEY.")
    if "agent" not in tables[key]:
        raise UsageError(f"{path}: [reproduce.{key}] needs an agent.")
    for name, kind in _KINDS.items():
        if not isinstance(tables[key].get(name, kind()), kind):
            raise UsageError(f"{path}: [reproduce.{key}] {name} is {tables[key][name]!r}, expected {_WORDS[kind]}.")
    return _reproduction(key, "", tables[key], str(path))


_KINDS: dict[str, type] = {"agent": str, "summary": str, "cost": str, "note": str, "preset": str, "study": str}
_KINDS |= {"means": dict, "fixed": dict, "vary": list, "compare": list}
_WORDS = {str: "text", dict: "a table", list: "a list"}


def expand(table: dict[str, Any]) -> list[Trial]:
    """Trials of one ``[reproduce.<key>]`` table, in order.

    Raises:
        UsageError: an axis that is no list, a field with two values, or the same trial twice.
    """
    trials: list[Trial] = []
    for product in table.get("vary", [{}]):
        if not isinstance(product, dict) or not all(isinstance(values, list) for values in product.values()):
            raise UsageError(f"the axes of [[vary]] are lists, got {product}.")
        axes = [[value if isinstance(value, dict) else {name: value} for value in values] for name, values in product.items()]
        trials += [_merge([table.get("fixed", {}), *parts]) for parts in itertools.product(*axes)]
    names = [trial_id(trial) for trial in trials]
    if len(set(names)) != len(names):
        twice = next(trial for trial, name in zip(trials, names) if names.count(name) > 1)
        raise UsageError(f"the trial {twice} stands twice in the table.")
    return trials


def _merge(parts: Iterable[Trial]) -> Trial:
    merged: Trial = {}
    for part in parts:
        for name, value in part.items():
            if merged.get(name, value) != value:
                raise UsageError(f"a trial has two values of {name!r}: {merged[name]!r} and {value!r}.")
            merged[name] = value
    return merged


def trial_id(trial: Trial) -> str:
    """Name of a trial: twelve hexadecimal digits of its fields, whatever their order."""
    return hashlib.sha256(json.dumps(trial, sort_keys=True).encode()).hexdigest()[:12]


def select(trials: Sequence[Trial], *, seeds: Sequence[int] = (), budget: int = 0, where: Sequence[str] = ()) -> list[Trial]:
    """Trials as the command line asks for them.

    Args:
        trials: all of them.
        seeds: other seeds than those of the table; they may lie outside it.
        budget: another number of ``steps``.
        where: ``FIELD=VALUE``; trials with one of the values of each named field are kept.

    Raises:
        UsageError: nothing is left, or the trials have no such field.
    """
    chosen = [dict(trial) for trial in trials]
    if seeds:
        _demand(chosen, "seed", "--seeds")
        chosen = [{**trial, "seed": seed} for seed in seeds for trial in chosen]
    if budget:
        _demand(chosen, "steps", "--budget")
        chosen = [{**trial, "steps": budget} for trial in chosen]
    wanted: dict[str, set[str]] = {}
    for pair in where:
        name, _, value = pair.partition("=")
        _demand(chosen, name, f"--where {pair}")
        wanted.setdefault(name, set()).add(value)
    chosen = [trial for trial in chosen if all(str(trial.get(name)) in values for name, values in wanted.items())]
    if not chosen:
        raise UsageError(f"no trial is left of {len(trials)} with --where {' '.join(where)}.")
    return list({trial_id(trial): trial for trial in chosen}.values())


def start_of(reproduction: Reproduction, trial: Trial) -> Trial | None:
    """The trial whose networks ``trial`` begins with, None where it begins afresh.

    Raises:
        UsageError: there is not exactly one that begins afresh.
    """
    if not trial.get("start_from"):
        return None
    wanted = {name: trial[name] for name in ("seed", "domain") if name in trial} | {"setting": trial["start_from"]}
    found = [other for other in reproduction.trials if wanted.items() <= other.items() and not other.get("start_from")]
    if len(found) != 1:
        words = ", ".join(f"{name} {value}" for name, value in wanted.items())
        raise UsageError(
            f"{label(trial)} begins with the networks of the trial with {words}: expected one trial that begins afresh, "
            f"got {len(found)}."
        )
    return found[0]


def _demand(trials: Sequence[Trial], field: str, option: str) -> None:
    if not any(field in trial for trial in trials):
        known = sorted({name for trial in trials for name in trial})
        raise UsageError(f"{option}: the trials of this reproduction have no field {field!r}; they have {', '.join(known)}.")


def user_results(key: str) -> Path:
    """Where ``papergym reproduce`` keeps a user's rows, in the present folder: ``runs/reproduce/<key>/results.csv``."""
    return Path("runs") / "reproduce" / key / "results.csv"


def finished(path: Path) -> set[str]:
    """Ids of the trials in a result table."""
    return {row.get("trial", "") for row in read_rows(path)}


def label(trial: Trial) -> str:
    """A trial in a few words: its names and seed."""
    names = [name for name in ("setting", "policy", "method", "env_id") if name in trial]
    words = [str(trial[name]) for name in names] or [str(value) for value in trial.values() if isinstance(value, str)][:3]
    words += [f"{name} {trial[name]}" for name in ("n", "seed") if name in trial]
    return " ".join(words) or trial_id(trial)
