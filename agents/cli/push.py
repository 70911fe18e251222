"""``papergym push RUN TO``: share what a run has learned."""

import dataclasses
import logging
from pathlib import Path

import tyro

from papergym.agents.cli.options import parse
from papergym.agents.errors import UsageError

log = logging.getLogger(__name__)


@dataclasses.dataclass
class Options:
    """Write a run's networks, settings and return to a folder, or to a repository of the Hugging Face hub.

    Example: papergym push runs/ppo-CartPole-v1-s0 hf://me/ppo-cartpole. Then: papergym pull hf://me/ppo-cartpole agent.
    """

    run_folder: tyro.conf.Positional[Path]
    """Folder made by `papergym train`."""
    to: tyro.conf.Positional[str]
    """A new folder, or hf://owner/name."""
    best: bool = False
    """The policy of the best evaluation instead of the last one."""
    episodes: int = 100
    """Episodes of the evaluation that is written beside the networks."""
    private: bool = False
    """Of a new repository of the hub."""
    agent: str = ""
    """module:ATTRIBUTE of the run's agent, if it is one of yours."""
    env: str = ""
    """module:Id of the run's environment, if it is one of yours."""
    env_kwargs: tuple[str, ...] = ()
    """KEY=VALUE of the run's arguments that name a program, a module or a path; a folder alone makes none be used."""


def main(argv: list[str]) -> int:
    """Export; print what it reaches."""
    options = parse(Options, "push", argv)
    if options.episodes < 1:
        raise UsageError(f"--episodes is {options.episodes}, expected at least 1.")
    from papergym.agents.runner.load import best_policy
    from papergym.agents.runner.trained import push

    best = best_policy(options.run_folder) if options.best else None
    known = {"trusted": options.agent, "env": options.env, "env_kwargs": options.env_kwargs}
    facts = push(options.run_folder, options.to, episodes=options.episodes, best=best, private=options.private, **known)
    log.info("%s: return %s ± %s over %d episodes", options.to, facts["return"], facts["return_std"], facts["episodes"])
    return 0
