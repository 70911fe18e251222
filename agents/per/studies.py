"""Trials for the paper's figures in which no agent acts."""

import dataclasses
import time
from typing import Any


def cliffwalk(trial: dict[str, Any]) -> dict[str, Any]:
    """Updates that one sampling rule needs on the Blind Cliffwalk.

    Args:
        trial: ``method``, ``representation``, ``n``, ``seed``.

    Returns:
        ``memory``, ``updates``, ``solved``, ``stuck``, ``mse``, ``updates_per_transition``, ``cpu_s``.
    """
    from papergym.agents.per.cliffwalk import solve

    begun = time.process_time()
    outcome = solve(trial["method"], trial["representation"], trial["n"], trial["seed"])
    return {
        **dataclasses.asdict(outcome),
        "updates_per_transition": outcome.updates / outcome.memory,
        "cpu_s": round(time.process_time() - begun, 3),
    }


def memory(trial: dict[str, Any]) -> dict[str, Any]:
    """Updates that a DQN needs to learn from a memory that is full from the start.

    Args:
        trial: ``method``, ``n``, ``seed`` and ``steps`` (updates at most).

    Returns:
        The numbers of :func:`papergym.agents.per.memory.learn_from_memory`.
    """
    from papergym.agents.per.memory import learn_from_memory

    return learn_from_memory(trial["method"], trial["n"], trial["seed"], trial["steps"])
