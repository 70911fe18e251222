"""Agents by key. Each has a row of strings in its own folder; its modules load when it is used.

An agent is a folder ``agents/<key>/`` with

- ``row.py``: ``AGENT = Agent(...)``;
- ``config.py``: a dataclass ``Config``, a field per setting, each with a one-line doc. The presets of
  ``assets/papers/<paper>.toml`` (``[presets.<name>]``) name its fields and those of
  :class:`papergym.agents.runner.plan.RunSettings`; ``[presets.paper]`` is the only home of the paper's numbers;
- ``build.py``: ``build(config, env_id, *, seed, device, env_kwargs, n_envs)``, which returns an SB3 algorithm with the mixin
  :class:`papergym.agents.checkpoint.resume.ExactResume`, or any :class:`papergym.agents.runner.learner.Learner`.

An agent outside this package is named ``module:ATTRIBUTE``, where the attribute is its row.
"""

import importlib
import pkgutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import gymnasium as gym

from papergym.agents.errors import UsageError, unknown


@dataclass(frozen=True, kw_only=True)
class Agent:
    """One agent.

    Attributes:
        key: name on the command line.
        config: ``"module:Config"`` of its dataclass.
        build: ``"module:function"`` that makes the learner and its environment.
        summary: one sentence.
        algorithm: ``"module:Class"`` of the SB3 algorithm, "" for another kind of learner.
        paper: key of the paper in ``assets/papers``, "" for none.
        aliases: other names by which users look for it; they are suggested, not accepted.
        default_env: id used when ``--env`` is not given; "" where ``prepare`` finds it.
        unit: what the budget counts: ``steps`` of the agent, or ``updates``.
        action_spaces: names of the Gymnasium spaces that the agent can act in.
        last_episodes: training episodes whose mean return is the score of a run.
        prepare: ``"module:function(plan)"`` that fills what follows from other settings, for example the environment of a
            dataset; "" for nothing.
        score: ``"module:function(plan, learner, folder) -> dict"`` with further numbers of a finished run; "" for none.
        show: ``"module:function(plan, learner, folder) -> files"`` behind ``papergym show``; "" for none.
        labels: name of such a number, or of a result column -> what it is, in the order in which reports show them.
        curves: columns of metrics.csv that are drawn beside the returns -> title.
        marks: attributes of the configuration that name a unit of the budget at which the plot draws a line.
        studies: name -> ``"module:function(trial) -> dict"`` of reproductions whose trials are no training runs.
        figures: key of a reproduction -> ``"module:function(path, rows)"`` that draws the paper's figure from result rows.
        tables: key of a reproduction -> ``"module:function(rows) -> Markdown"``: the paper's own arrangement of the numbers.
        source: ``module:ATTRIBUTE`` of an agent outside this package, set by :func:`agent`.
    """

    key: str
    config: str
    build: str
    summary: str
    algorithm: str = ""
    paper: str = ""
    aliases: tuple[str, ...] = ()
    default_env: str = ""
    unit: str = "steps"
    action_spaces: tuple[str, ...] = ("Box",)
    last_episodes: int = 10
    prepare: str = ""
    score: str = ""
    show: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    curves: Mapping[str, str] = field(default_factory=dict)
    marks: tuple[str, ...] = ()
    studies: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    source: str = ""

    @property
    def name(self) -> str:
        """What a command line or a config.toml calls it."""
        return self.source or self.key

    def load(self, place: str) -> Any:
        """Object behind one of the ``module:attribute`` strings.

        Raises:
            UsageError: its module is missing, with the reason.
        """
        try:
            return _attribute(place)
        except (ImportError, AttributeError) as error:
            raise UsageError(
                f"the agent {self.key!r} cannot be loaded: {error}. `papergym doctor` says what is missing."
            ) from error

    def make(self, config: Any, env_id: str, **kwargs: Any) -> Any:
        """The learner or SB3 algorithm with its environment, see the module's docstring."""
        with without_version_notes():
            return self.load(self.build)(config, env_id, **kwargs)


@contextmanager
def without_version_notes() -> Iterator[None]:
    """Silence what every v4 environment says within the block and no user can change.

    Gymnasium notes that there is a v5. MuJoCo, for models that scale their mass, prints a warning and appends it to
    ``MUJOCO_LOG.TXT`` in the working directory. Its other warnings become Python's.
    """
    mujoco: Any = importlib.import_module("mujoco")  # its stubs lack the handler
    level, gym.logger.min_level = gym.logger.min_level, gym.logger.ERROR
    handler = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(_warn)
    try:
        yield
    finally:
        gym.logger.min_level = level
        mujoco.set_mju_user_warning(handler)


def _warn(message: str) -> None:
    if "settotalmass" not in message:
        warnings.warn(f"MuJoCo: {message}", RuntimeWarning, stacklevel=2)


def agents() -> tuple[Agent, ...]:
    """Rows of the agents in this package, by key."""
    package = importlib.import_module("papergym.agents")
    rooms = sorted(room.name for room in pkgutil.iter_modules(package.__path__) if room.ispkg)
    return tuple(_attribute(f"{package.__name__}.{room}.row:AGENT") for room in rooms if _has_row(package, room))


def _has_row(package: Any, room: str) -> bool:
    from pathlib import Path

    return any((Path(folder) / room / "row.py").is_file() for folder in package.__path__)


def agent(name: str) -> Agent:
    """Row of an agent, by its key or as ``module:ATTRIBUTE``.

    Raises:
        UsageError: no such agent; the message names the nearest ones.
    """
    if ":" in name:
        return _outside(name)
    rows = {row.key: row for row in agents()}
    if name in rows:
        return rows[name]
    for row in rows.values():
        if name.lower() in (row.key, *row.aliases):
            raise UsageError(f"unknown agent {name!r}. Did you mean {row.key}? {row.summary}")
    raise unknown("agent", name, rows, "`papergym list agents` describes them.")


def _outside(name: str) -> Agent:
    try:
        row = _attribute(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"the agent {name!r} cannot be imported: {error}. Expected module:ATTRIBUTE.") from error
    if not isinstance(row, Agent):
        raise UsageError(f"the agent {name!r}: expected an Agent (papergym.agents.runner.registry), got {type(row).__name__}.")
    return replace(row, source=name)


def _attribute(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)
