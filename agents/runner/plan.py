"""The plan of a run: the runner's settings and the agent's configuration, and the one way from presets and options to them."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import gymnasium as gym
import tyro

from papergym import assets
from papergym.agents.errors import UsageError, unknown
from papergym.agents.runner.fields import as_key_values, completed, fit, from_table, key_values, names, to_table, tomllib
from papergym.agents.runner.ranges import BUDGET, check_ranges
from papergym.agents.runner.registry import Agent, agent


@dataclass
class RunSettings:
    """The runner's settings; the agent's own follow under its name."""

    env: str = ""
    """Environment id; empty: the agent's default."""
    preset: str = ""
    """Values from the paper's TOML: `paper` (as published), `quick` (minutes on a CPU, the default); or a TOML file of yours,
    for example one that `papergym tune` wrote. Options win over it."""
    seed: int = 0
    """Seed of networks, exploration, replay and environments."""
    steps: Annotated[int, tyro.conf.arg(aliases=("--updates",))] = 20_000
    """Budget, in the agent's unit: agent steps of all environments together, or updates of an agent that learns from data."""
    n_envs: int = 1
    """Environments stepped together."""
    env_kwargs: tuple[str, ...] = ()
    """KEY=VALUE for gym.make, for example quality=fast size_px=64; values are read as TOML, else as text. They go over the
    preset's, which stay where nothing is given."""
    eval_every: int | None = None
    """Steps (or updates) between evaluations; None: a twentieth of the budget; 0: at the end only."""
    log_every: int = 0
    """Steps (or updates) between rows of metrics.csv; 0: a two-hundredth of the budget."""
    eval_episodes: int = 5
    """Episodes per evaluation: deterministic actions, another seed than training, the same starts each time."""
    eval_envs: int = 1
    """Environments played at once in an evaluation, as many as episodes at most: fast for agents that think long about an
    action. Each has its own seed."""
    target: float | None = None
    """Return that an agent is told to aim at in evaluations, if it can be told one; None: the agent's own choice."""
    video: bool = True
    """Record one evaluation episode as video.mp4 at the end."""
    video_before: bool = False
    """Record one as video-before.mp4 before anything is learned, too."""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes CUDA where there is one."""
    threads: int = 1
    """Threads of torch; one per run is fastest for small networks."""
    checkpoint_seconds: float = 120.0
    """Least time between two checkpoints; they never take more than about a twentieth of the run."""
    start_from: Annotated[str, tyro.conf.arg(aliases=("--from",))] = ""
    """Run folder, or a file in its `checkpoints` or `snapshots`, whose networks this run begins with: pretrain once, finetune
    on many tasks. Optimisers and memories begin afresh; `pretrain_steps` is then 0 unless it is given."""
    snapshots: int = 0
    """Policies kept in the folder `snapshots`, evenly spread over the budget, for example as sources of datasets."""
    track: tuple[str, ...] = ()
    """Services that follow the run besides TensorBoard: mlflow, wandb. Names of numbers are those of stable-baselines3."""
    keep_checkpoints: bool = True
    """Keep the last checkpoints, with the replay memory, when the run is finished."""
    run_folder: str = ""
    """Folder of the run; empty: runs/<agent>-<env>-s<seed>."""
    resume: bool = False
    """Go on with the run in the folder from its last checkpoint."""

    def folder(self, key: str) -> Path:
        """Folder of the run."""
        return Path(self.run_folder or f"runs/{f'{key}-{self.env}'.replace('/', '_').replace(':', '_')}-s{self.seed}")


FREE = frozenset({"device", "threads", "checkpoint_seconds", "run_folder", "resume"})
FREE |= {"video", "video_before", "snapshots", "keep_checkpoints", "track"}
"""Settings that may change when a run is resumed: they do not decide its numbers (device: to rounding)."""

SHARE_OF_BUDGET = ("pretrain_steps",)
"""Settings that keep their share of the budget where a preset gives them and the budget is another one than the preset's."""


@dataclass
class Plan:
    """A run, fully decided."""

    agent: Agent
    run: RunSettings
    config: Any
    env_kwargs: dict[str, Any] = field(default_factory=dict)


def presets(row: Agent) -> dict[str, dict[str, Any]]:
    """Presets of the agent's paper. One that names another as its ``base`` holds that one's values, and its own over them.

    Raises:
        UsageError: a base that is no preset.
    """
    tables = assets.paper(row.paper).get("presets", {}) if row.paper in assets.paper_keys() else {}
    own = {name: {key: value for key, value in table.items() if key != "base"} for name, table in tables.items()}
    return {name: _over(table.get("base", ""), own[name], tables, name) for name, table in tables.items()}


def _over(base: Any, own: dict[str, Any], known: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    """The values ``own`` of the preset ``name`` over those of the preset ``base``, "" for none."""
    if base and base not in known:
        raise unknown(f"base of the preset {name}:", str(base), known)
    return {**known.get(base, {}), **own}


def default_preset(row: Agent) -> str:
    """Preset that is taken where none is named, "" for none."""
    return next((name for name in ("quick", "paper") if name in presets(row)), "")


def preset_values(row: Agent, preset: str) -> tuple[dict[str, Any], str]:
    """Values of a preset, and where they stand.

    Args:
        row: the agent.
        preset: name of one of the paper's; or a TOML file of yours, as `papergym tune` writes it: a table ``[preset]``, over
            the paper's preset that ``base`` names.

    Raises:
        UsageError: no such preset, or a file that cannot be read or is another agent's.
    """
    known = presets(row)
    if not preset.endswith(".toml"):
        if preset and preset not in known:
            raise unknown(
                "preset", preset, known, f"They stand in assets/papers/{row.paper}.toml; a file of yours ends in .toml."
            )
        return dict(known.get(preset, {})), f"[presets.{preset}] of assets/papers/{row.paper}.toml"
    try:
        content = tomllib.loads(Path(preset).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"the preset {preset} cannot be read: {error}.") from error
    if not isinstance(content.get("preset"), dict):
        raise UsageError(f"the preset {preset} has no table [preset]. Write NAME = VALUE under it.")
    if content.get("agent", row.key) != row.key:
        raise UsageError(f"the preset {preset} is one of {content['agent']}, expected one of {row.key}.")
    return _over(content.get("base", ""), content["preset"], known, preset), f"[preset] of {preset}"


def make_plan(row: Agent, preset: str = "", given: dict[str, Any] | None = None, *, where: str = "") -> Plan:
    """The settled plan of ``preset`` with the values ``given`` over it; see :func:`draft` for arguments and errors."""
    return settle(draft(row, preset, given, where=where))


def draft(row: Agent, preset: str = "", given: dict[str, Any] | None = None, *, where: str = "") -> Plan:
    """A plan before :func:`settle`.

    Args:
        row: the agent.
        preset: name; "" is :func:`default_preset`.
        given: name of a setting of the runner or of the agent -> value, of its type, as TOML or as text.
        where: place of ``given``, for messages.

    Raises:
        UsageError: unknown preset or setting, or a value that cannot be used.
    """
    preset = preset or default_preset(row)
    chosen, file = preset_values(row, preset)
    given = dict(given or {})
    budget = next((int(chosen.pop(name)) for name in BUDGET if name in chosen), RunSettings.steps)
    asked = next((fit(RunSettings, "steps", given.pop(name), where) for name in BUDGET if name in given), budget)
    for name in SHARE_OF_BUDGET:
        if name in chosen:
            chosen[name] = chosen[name] * asked // budget
    env_kwargs = chosen.pop("env_kwargs", {})
    config_class = row.load(row.config)
    run_values: dict[str, Any] = {"env": row.default_env, "preset": preset, "steps": asked}
    config_values: dict[str, Any] = {}
    for values, place in ((chosen, file), (given, where)):
        for name, value in values.items():
            owner, target = (config_class, config_values) if name in names(config_class) else (RunSettings, run_values)
            if name not in names(owner):
                raise unknown(f"setting of {row.key}", name, names(config_class) | names(RunSettings), place)
            target[name] = fit(owner, name, value, place)
    run = RunSettings(**run_values)
    if run.start_from and "pretrain_steps" in names(config_class) - given.keys():
        config_values["pretrain_steps"] = 0  # the other run has done that
    own = key_values(run.env_kwargs, "--env-kwargs")
    merged = completed(own, _harmless(env_kwargs, run.env, row.default_env))
    if merged != own:
        run.env_kwargs = as_key_values(merged)
    return Plan(row, run, config_class(**config_values))


def _harmless(env_kwargs: dict[str, Any], env: str, default: str) -> dict[str, Any]:
    """The preset's arguments that ``env`` takes and that do not change what its id means."""
    spec = gym.registry.get(env.rpartition(":")[2])
    if spec is None or spec.entry_point != getattr(gym.registry.get(default), "entry_point", None):
        return {}
    return {name: value for name, value in env_kwargs.items() if name not in spec.kwargs}


def settle(plan: Plan) -> Plan:
    """Fill what follows from other settings and check ranges; ``plan`` is changed and returned."""
    run = plan.run
    if plan.agent.prepare:
        plan.agent.load(plan.agent.prepare)(plan)
    run.env = run.env or plan.agent.default_env
    plan.env_kwargs = plan.env_kwargs | key_values(run.env_kwargs, "--env-kwargs")
    check_ranges(plan)
    run.eval_every = max(run.steps // 20, 1) if run.eval_every is None else run.eval_every
    run.log_every = run.log_every or max(run.steps // 200, 1)
    for name in BUDGET:
        if hasattr(plan.config, name):
            setattr(plan.config, name, run.steps)
    return plan


def to_toml(plan: Plan) -> dict[str, Any]:
    """The plan as TOML tables."""
    return {"agent": plan.agent.name, "run": to_table(plan.run), "config": to_table(plan.config)}


def digest(tables: dict[str, Any]) -> str:
    """Of the plan in the tables of a config.toml: 64 hexadecimal digits. What is in :data:`FREE` does not count.

    It is taken of the tables as they were written, so a setting that a later version adds leaves it as it is.
    """
    run = {name: value for name, value in tables["run"].items() if name not in FREE}
    content = {"agent": tables["agent"], "run": run, "config": tables["config"]}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def from_toml(tables: dict[str, Any], *, trusted: str = "") -> Plan:
    """Inverse of :func:`to_toml`.

    Args:
        tables: contents of a config.toml.
        trusted: the agent outside this package that the user has named; a file alone makes none be imported.

    Raises:
        UsageError: a field that this version does not know, or an agent outside this package.
    """
    name = tables["agent"]
    if ":" in name and name != trusted:
        raise UsageError(f"the run's agent {name!r} is a module outside papergym. Name it to have it imported: --agent {name}")
    row = agent(name)
    run = from_table(RunSettings, tables["run"], "[run]")
    config = from_table(row.load(row.config), tables["config"], "[config]")
    return Plan(row, run, config, key_values(run.env_kwargs, "[run] env_kwargs"))


def conflicts(old: Plan, new: Plan) -> list[str]:
    """What differs between a run's plan and a new one, as sentences; settings in :data:`FREE` may differ."""
    found = [] if old.agent.name == new.agent.name else [f"agent: the run has {old.agent.name!r}, given {new.agent.name!r}"]
    for one, other in ((old.run, new.run), (old.config, new.config)):
        if type(one) is type(other):
            for item in dataclasses.fields(one):
                left, right = getattr(one, item.name), getattr(other, item.name)
                if left != right and not (one is old.run and item.name in FREE):
                    found.append(f"{item.name}: the run has {left!r}, given {right!r}")
    return found
