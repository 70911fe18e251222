"""Settings of a run: the runner's own, the agent's configuration, where their values come from, and how they are kept."""

import dataclasses
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from papergym import assets
from papergym.agents.errors import UsageError, unknown
from papergym.agents.runner.registry import Agent, agent

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass
class RunSettings:
    """The runner's settings; the agent's own follow under its name."""

    env: str = ""
    """Environment id; empty: the agent's default."""
    preset: str = ""
    """Values from the paper's TOML: `paper` (as published) or `quick` (minutes on a CPU, the default). Options win over it."""
    seed: int = 0
    """Seed of networks, exploration, replay and environments."""
    steps: int = 20_000
    """Budget in agent steps, all environments together."""
    n_envs: int = 1
    """Environments stepped together."""
    env_kwargs: tuple[str, ...] = ()
    """KEY=VALUE for gym.make, for example quality=fast size_px=64; values are read as TOML, else as text."""
    eval_every: int = 0
    """Steps between evaluations; 0: a twentieth of the budget."""
    log_every: int = 0
    """Steps between rows of metrics.csv; 0: a two-hundredth of the budget."""
    eval_episodes: int = 5
    """Episodes per evaluation: deterministic actions, another seed than training, the same starts each time."""
    video: bool = True
    """Record one evaluation episode as video.mp4 at the end."""
    coverage: bool = True
    """Compare the states visited with those of a random policy at the end, where the agent offers it."""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes CUDA where there is one."""
    threads: int = 1
    """Threads of torch; one per run is fastest for small networks."""
    checkpoint_seconds: float = 120.0
    """Least time between two checkpoints; they never take more than about a twentieth of the run."""
    run_folder: str = ""
    """Folder of the run; empty: runs/<agent>-<env>-s<seed>."""
    resume: bool = False
    """Go on with the run in the folder from its last checkpoint."""

    def folder(self, key: str) -> Path:
        """Folder of the run."""
        return Path(self.run_folder or f"runs/{key}-{self.env.replace('/', '_')}-s{self.seed}")


FREE = frozenset({"device", "threads", "checkpoint_seconds", "run_folder", "resume", "video", "coverage"})
"""Settings that may change when a run is resumed: they do not decide its numbers (device: to rounding)."""

BUDGET_NAMES = ("steps", "total_steps", "total_timesteps")
"""Names under which a preset or an agent's configuration may hold the budget."""


@dataclass
class Plan:
    """A run, fully decided."""

    agent: Agent
    run: RunSettings
    config: Any
    env_kwargs: dict[str, Any] = field(default_factory=dict)


def presets(row: Agent) -> dict[str, dict[str, Any]]:
    """Presets of the agent's paper."""
    if row.paper not in assets.paper_keys():
        return {}
    return assets.paper(row.paper).get("presets", {})


def defaults(row: Agent, preset: str) -> Plan:
    """The plan that a preset makes, before any option.

    Raises:
        UsageError: unknown preset, or a preset with a key that is no setting.
    """
    config_class = row.load("config")
    known = presets(row)
    preset = preset or next((name for name in ("quick", "paper") if name in known), "")
    if preset and preset not in known:
        raise unknown("preset", preset, known, f"They stand in assets/papers/{row.paper}.toml.")
    values = dict(known.get(preset, {}))
    run_fields = {item.name for item in dataclasses.fields(RunSettings)}
    config_fields = {item.name for item in dataclasses.fields(config_class)}
    run_values: dict[str, Any] = {"env": row.default_env, "preset": preset}
    config_values: dict[str, Any] = {}
    for key, value in values.items():
        if key in config_fields:
            config_values[key] = _fit(config_class, key, value)
        elif key in BUDGET_NAMES:
            run_values["steps"] = value
        elif key in run_fields:
            run_values[key] = tuple(f"{name}={_toml(item)}" for name, item in value.items()) if key == "env_kwargs" else value
        else:
            raise UsageError(
                f"[presets.{preset}] of assets/papers/{row.paper}.toml names {key!r}, which is no setting of {row.key}."
            )
    plan = Plan(row, RunSettings(**run_values), config_class(**config_values))
    for name in BUDGET_NAMES:
        if name in config_fields:
            plan.run.steps = getattr(plan.config, name)
    return plan


def _fit(config_class: type, key: str, value: Any) -> Any:
    """A TOML list as the tuple that the field holds."""
    default = {item.name: item for item in dataclasses.fields(config_class)}[key].default
    return tuple(value) if isinstance(value, list) and (isinstance(default, tuple) or default is None) else value


def settle(plan: Plan) -> Plan:
    """Fill what follows from other settings and check ranges; ``plan`` is changed and returned."""
    run = plan.run
    run.env = run.env or plan.agent.default_env
    plan.env_kwargs = parse_env_kwargs(run.env_kwargs)
    for name, least in {
        "steps": 1,
        "n_envs": 1,
        "eval_every": 0,
        "log_every": 0,
        "eval_episodes": 1,
        "threads": 1,
        "seed": 0,
    }.items():
        if getattr(run, name) < least:
            raise UsageError(f"--{name.replace('_', '-')} is {getattr(run, name)}, expected at least {least}.")
    _check_ranges(plan.config)
    run.eval_every = run.eval_every or max(run.steps // 20, 1)
    run.log_every = run.log_every or max(run.steps // 200, 1)
    for name in BUDGET_NAMES:
        if hasattr(plan.config, name):
            setattr(plan.config, name, run.steps)
    return plan


def _check_ranges(config: Any) -> None:
    """Raise UsageError for a number outside what its name means in every agent."""
    for names, wrong, expected in (
        (("gamma", "gae_lambda", "tau", "encoder_tau"), lambda value: not 0 <= value <= 1, "between 0 and 1"),
        (("learning_rate", "adam_eps"), lambda value: not 0 < value < float("inf"), "a positive number"),
        (("batch_size", "buffer_size", "n_steps", "train_freq"), lambda value: value < 1, "at least 1"),
    ):
        for name in names:
            if wrong(value := getattr(config, name, 1)):
                raise UsageError(f"--{name.replace('_', '-')} is {value}, expected {expected}.")


def parse_env_kwargs(pairs: tuple[str, ...]) -> dict[str, Any]:
    """``KEY=VALUE`` strings as keyword arguments for ``gym.make``.

    Raises:
        UsageError: a pair without ``=``, or one key with two values.
    """
    result: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"--env-kwargs expects KEY=VALUE, got {pair!r}.")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = {"True": True, "False": False}.get(text, text)
        if key in result and result[key] != value:
            raise UsageError(f"--env-kwargs gives {key!r} twice: {result[key]!r} and {value!r}.")
        result[key] = value
    return result


def _toml(value: Any) -> str:
    return tomli_w.dumps({"value": value}).removeprefix("value = ").strip()


def to_toml(plan: Plan) -> dict[str, Any]:
    """The plan as TOML tables; fields that are None are listed under ``unset``."""
    tables: dict[str, Any] = {"agent": plan.agent.key}
    for name, owner in {"run": plan.run, "config": plan.config}.items():
        values = {item.name: getattr(owner, item.name) for item in dataclasses.fields(owner)}
        tables[name] = {
            key: list(value) if isinstance(value, tuple) else value for key, value in values.items() if value is not None
        }
        unset = [key for key, value in values.items() if value is None]
        if unset:
            tables[name]["unset"] = unset
    return tables


def from_toml(tables: dict[str, Any]) -> Plan:
    """Inverse of :func:`to_toml`.

    Raises:
        UsageError: a field that this version does not know.
    """
    row = agent(tables["agent"])
    owners = {}
    for name, kind in {"run": RunSettings, "config": row.load("config")}.items():
        values = dict(tables[name])
        unset = values.pop("unset", [])
        known = {item.name for item in dataclasses.fields(kind)}
        for key in values:
            if key not in known:
                raise unknown(f"field of [{name}]", key, known, "The run was made by another version of papergym.")
        owners[name] = kind(**{key: _fit(kind, key, value) for key, value in values.items()}, **dict.fromkeys(unset))
    owners["run"].env_kwargs = tuple(owners["run"].env_kwargs)
    return Plan(row, owners["run"], owners["config"], parse_env_kwargs(owners["run"].env_kwargs))


def conflicts(old: Plan, new: Plan) -> list[str]:
    """What differs between a run's plan and a new one, as sentences; settings in :data:`FREE` may differ."""
    found = [] if old.agent.key == new.agent.key else [f"agent: the run has {old.agent.key!r}, given {new.agent.key!r}"]
    for one, other in ((old.run, new.run), (old.config, new.config)):
        if type(one) is type(other):
            for item in dataclasses.fields(one):
                left, right = getattr(one, item.name), getattr(other, item.name)
                if left != right and not (one is old.run and item.name in FREE):
                    found.append(f"{item.name}: the run has {left!r}, given {right!r}")
    return found
