"""The table of agents. A row is strings only: an agent's modules load when it is used.

An agent is a folder ``agents/<key>/`` with

- ``config.py``: a dataclass ``Config``, one field per knob, each with a one-line doc; the presets of
  ``assets/papers/<paper>.toml`` (``[presets.<name>]``) name its fields, and those of the runner's settings
  (:class:`papergym.agents.runner.settings.RunSettings`: ``steps``, ``eval_every``, ...);
- ``build.py``: ``build(config, env_id, *, seed, device, env_kwargs, n_envs=1) -> BaseAlgorithm`` with the mixin
  :class:`papergym.agents.checkpoint.resume.ExactResume`.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from papergym.agents.errors import UsageError, unknown


@dataclass(frozen=True, kw_only=True)
class Agent:
    """One agent.

    Attributes:
        key: name on the command line.
        algorithm: ``"module:Class"`` of the SB3 algorithm.
        config: ``"module:Config"`` of its dataclass.
        build: ``"module:function"`` that makes algorithm and environment.
        paper: key of the paper in ``assets/papers``.
        summary: one sentence.
        default_env: id used when ``--env`` is not given.
        action_spaces: names of the Gymnasium spaces that the agent can act in.
        coverage: module with ``random_visits(make, steps, seed)`` and ``coverage(visited, baseline) -> dict``, for algorithms
            that record ``visits``; "" for none.
        coverage_kwargs: arguments of the environment in which the random policy plays (no need to render).
    """

    key: str
    algorithm: str
    config: str
    build: str
    paper: str
    summary: str
    default_env: str
    action_spaces: tuple[str, ...] = ("Box",)
    coverage: str = ""
    coverage_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def load(self, name: str) -> Any:
        """Object behind the string field ``name``.

        Raises:
            UsageError: its module is missing, with the reason.
        """
        module, _, attribute = getattr(self, name).partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise UsageError(
                f"the agent {self.key!r} cannot be loaded: {error}. `papergym doctor` says what is missing."
            ) from error

    def make(self, config: Any, env_id: str, **kwargs: Any) -> Any:
        """The algorithm with its environment, see the module's docstring."""
        build: Callable[..., Any] = self.load("build")
        return build(config, env_id, **kwargs)


def _row(key: str, algorithm: str, **fields: Any) -> Agent:
    home = f"papergym.agents.{key}"
    return Agent(
        key=key, algorithm=f"{home}.{algorithm}", config=f"{home}.config:Config", build=f"{home}.build:build", **fields
    )


AGENTS: tuple[Agent, ...] = (
    _row(
        "protorl",
        "algorithm:ProtoRL",
        paper="protorl",
        summary="Reward-free pretraining with prototypes and a k-NN reward, then finetuning (SAC from pixels or states).",
        default_env="ProtoRL-Walker-v0",
        coverage="papergym.agents.protorl.coverage",
        coverage_kwargs={"obs_type": "state"},
    ),
    _row(
        "sac",
        "algorithm:SAC",
        paper="sac",
        summary="Soft actor-critic with a learned or fixed temperature, two critics.",
        default_env="HalfCheetah-v4",
    ),
    _row(
        "ppo",
        "algorithm:PPO",
        paper="ppo",
        summary="Proximal policy optimisation: clipped, fixed-KL or adaptive-KL objective.",
        default_env="HalfCheetah-v4",
        action_spaces=("Box", "Discrete"),
    ),
    _row(
        "per",
        "dqn:PrioritizedDQN",
        paper="per",
        summary="Double DQN with prioritised replay, proportional or rank-based.",
        default_env="CartPole-v1",
        action_spaces=("Discrete",),
    ),
    _row(
        "sql",
        "algorithm:SQL",
        paper="sql",
        summary="Soft Q-learning with an amortised Stein sampler.",
        default_env="SQL-MultiGoal-v0",
    ),
)


def agent(key: str) -> Agent:
    """Row of an agent.

    Raises:
        UsageError: no such agent; the message lists the nearest keys.
    """
    for row in AGENTS:
        if row.key == key:
            return row
    raise unknown("agent", key, [row.key for row in AGENTS], "`papergym list agents` describes them.")
