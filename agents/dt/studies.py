"""Trials of the paper's two toy experiments, whose data are random walks made here."""

import time
from typing import Any

import gymnasium as gym
import numpy as np

from papergym.agents.data import toys
from papergym.agents.data.dataset import Dataset
from papergym.agents.dt.credit import credit
from papergym.agents.offline.sweep import play
from papergym.agents.runner.evaluation import EVALUATION_SEED, make_env
from papergym.agents.runner.plan import draft
from papergym.agents.runner.registry import agent
from papergym.envs.toys import shortest_path as graphs

METHODS = ("DT", "CQL", "BC", "%BC")
"""Columns of the paper's table for Key-to-Door."""
EPISODES = 1000
"""Of every evaluation there."""


class Quiet:
    """Hooks of a learner of which nothing is recorded."""

    def safe_point(self) -> None:
        """Nothing."""

    def progress(self) -> None:
        """Nothing."""


def learn(key: str, preset: str, given: dict[str, Any], data: Dataset, env_id: str, kwargs: dict[str, Any], seed: int) -> Any:
    """An agent that has learned from data in memory.

    Args:
        key: of the agent.
        preset: of its paper.
        given: settings over it; ``updates`` is the budget.
        data: what it learns from.
        env_id: environment, for its spaces.
        kwargs: of the environment.
        seed: of networks and batches.
    """
    plan = draft(agent(key), preset, given)
    learner = plan.agent.make(plan.config, env_id, seed=seed, device="cpu", env_kwargs=kwargs)
    learner.data = data
    learner.learn(plan.run.steps, Quiet())
    return learner


def key_to_door(trial: dict[str, Any]) -> dict[str, Any]:
    """Success of one method after learning from random walks in Key-to-Door.

    Args:
        trial: ``agent``, ``preset``, ``updates``, ``walks``, ``size``, ``phase_steps``, ``seed``; ``method`` is one of
            :data:`METHODS`. BC is the Decision Transformer's network without returns, as in the official Atari code, and %BC
            is the same on the rewarded walks only.

    Returns:
        ``success``: percent of 1 000 episodes with the likeliest action; ``sampled``: with sampled ones; ``data``: of the walks
        themselves; for DT ``told_zero``: with sampled actions, told to reach 0; ``cpu_s``.
    """
    begun, env_id = time.process_time(), "DT-KeyToDoor-v0"
    rooms = {"size": trial["size"], "phase_steps": trial["phase_steps"]}
    data = toys.key_to_door(trial["walks"], trial["seed"], **rooms)
    method, given = trial["method"], {"updates": trial["updates"]}
    if trial["agent"] == "dt":
        given |= {"max_timestep": 3 * trial["phase_steps"], "hide_returns": method != "DT"}
        given |= {} if method == "DT" else {"sampling": "length"}
    used = data.select(np.flatnonzero(data.returns == data.returns.max())) if method == "%BC" else data
    learner = learn(trial["agent"], trial["preset"], given, used, env_id, rooms, trial["seed"])
    envs = [make_env(env_id, rooms) for _ in range(EPISODES)]
    seeds = [EVALUATION_SEED + index for index in range(EPISODES)]

    def success(target: float | None, deterministic: bool = True) -> float:
        targets = None if target is None else np.full(EPISODES, target)
        return float(100 * play(learner, envs, targets, seeds, deterministic=deterministic)[0].mean())

    best = 1.0 if method == "DT" else None
    numbers = {
        "success": success(best),
        "sampled": success(best, deterministic=False),
        "data": float(100 * data.returns.mean()),
    }
    numbers |= {"told_zero": success(0.0, deterministic=False)} if method == "DT" else {}
    return {**numbers, "cpu_s": round(time.process_time() - begun, 1)}


def key_to_door_credit(trial: dict[str, Any]) -> dict[str, Any]:
    """What a Decision Transformer that predicts returns, and is told none, knows and looks at; see :func:`credit`.

    Args:
        trial: as for :func:`key_to_door`.
    """
    begun = time.process_time()
    rooms = {"size": trial["size"], "phase_steps": trial["phase_steps"]}
    data = toys.key_to_door(trial["walks"], trial["seed"], **rooms)
    steps = 3 * trial["phase_steps"]
    given = {"updates": trial["updates"], "context": steps, "max_timestep": steps}
    learner = learn("dt", trial["preset"], given, data, "DT-KeyToDoor-v0", rooms, trial["seed"])
    return {
        **credit(learner.policy, rooms, seed=EVALUATION_SEED + trial["seed"]),
        "cpu_s": round(time.process_time() - begun, 1),
    }


def shortest_path(trial: dict[str, Any]) -> dict[str, Any]:
    """Steps to the goal of a Decision Transformer that chooses its return by itself, from every node of the graph.

    Args:
        trial: ``preset``, ``walks``, ``existing_edges``, ``seed``, ``updates``.

    Returns:
        ``reached``, ``shortest``: percent of the nodes from which the goal is reached, and on a shortest path; ``tabular``: of
        the nodes whose best walk in the data is a shortest path; ``mean_steps`` and ``mean_optimal``; ``histogram_walks``,
        ``histogram_dt``, ``histogram_optimal``: ``steps:share`` of the walks that reach the goal, of the model, of the
        shortest paths; ``cpu_s``.
    """
    begun, env_id = time.process_time(), "DT-ShortestPath-v0"
    asked = {"seed": trial["seed"], "existing_edges": trial["existing_edges"]}
    data, walks = toys.shortest_path(trial["walks"], **asked), graphs.random_walks(trial["walks"], **asked)
    learner = learn("dt", trial["preset"], {"updates": trial["updates"]}, data, env_id, {}, trial["seed"])
    world: Any = gym.make(env_id).unwrapped
    starts = np.array([node for node in range(world.nodes) if node != world.goal])
    optimal, taken = -world.optimal_values[starts], walk(learner, world, starts)
    best = np.array([data.lengths[data.observations[data.starts[:-1]] == node].min(initial=99) for node in starts])
    return {
        "reached": float(100 * np.isfinite(taken).mean()),
        "shortest": float(100 * (taken == optimal).mean()),
        "tabular": float(100 * (best == optimal).mean()),
        "mean_steps": float(taken[np.isfinite(taken)].mean()) if np.isfinite(taken).any() else float("nan"),
        "mean_optimal": float(optimal.mean()),
        "histogram_walks": _histogram(walks.lengths[walks.terminated]),
        "histogram_dt": _histogram(taken),
        "histogram_optimal": _histogram(optimal),
        "cpu_s": round(time.process_time() - begun, 1),
    }


def walk(learner: Any, world: Any, starts: np.ndarray, horizon: int = 10) -> np.ndarray:
    """Steps to the goal from each start, ``(n,)`` float64, inf where it is not reached within ``horizon``."""
    node, taken = starts.copy(), np.full(len(starts), np.inf)
    first, state = np.ones(len(starts), bool), None
    for step in range(1, horizon + 1):
        actions, state = learner.act(node, first, -np.ones(len(starts)), None, state)
        first = np.zeros(len(starts), bool)
        node = np.where(world.edges[node, actions] & np.isinf(taken), actions, node)
        taken[(node == world.goal) & np.isinf(taken)] = step
    return taken


def _histogram(steps: np.ndarray) -> str:
    """``steps:share`` of the finite ones among all."""
    known, counts = np.unique(steps[np.isfinite(steps)].astype(int), return_counts=True)
    return " ".join(f"{number}:{count / len(steps):.4f}" for number, count in zip(known, counts))
