"""The goal-conditioned four rooms of section 3.2: a model of reward-free walks that is told where it is to go."""

import time
from typing import Any

import gymnasium as gym
import numpy as np

from papergym.agents.data.four_rooms import waypoint_walks
from papergym.agents.runner.plan import draft
from papergym.agents.runner.registry import agent
from papergym.agents.tt.learner import TrajectoryTransformerLearner
from papergym.envs.toys.rooms import distance

EPISODES = 100
DRAWN = 20
"""Paths that a row holds for the figure."""


class Silent:
    """Hooks of a learner of which nothing is recorded."""

    def safe_point(self) -> None:
        """Nothing is saved."""

    def progress(self) -> None:
        """Nothing is shown."""

    def episode(self, value: float, length: int) -> None:
        """No episode is played in training."""


def four_rooms(trial: dict[str, Any]) -> dict[str, Any]:
    """Train on walks, then go from 100 random starts to 100 random goals.

    Args:
        trial: ``walks``, ``updates``, ``seed``; other fields are settings of the agent.

    Returns:
        ``reached``: episodes of 100 that come within the goal's radius in 200 steps; ``steps``: mean steps of these;
        ``detour``: their mean length over that of the shortest path; ``random_walk``: episodes of 100 that uniformly random
        headings, kept for some steps, bring to the goal; ``loss``; ``transitions``; ``cpu_s``; ``paths`` for the figure.
    """
    begun = time.process_time()
    settings = {name: value for name, value in trial.items() if name not in ("study", "walks", "seed", "updates")}
    config = goal_config(settings, trial["updates"])
    data = waypoint_walks(trial["walks"], trial["seed"])
    env = gym.make("TT-FourRooms-v0", disable_env_checker=True)
    learner = TrajectoryTransformerLearner(env, config, data, seed=trial["seed"], device="cpu")
    learner.learn(trial["updates"], Silent())
    loss = learner.metrics()["train/loss"]
    trained = time.process_time() - begun
    state: Any = None

    def plan(observations: dict[str, np.ndarray], first: np.ndarray) -> np.ndarray:
        nonlocal state
        actions, state = learner.act(observations, first, np.zeros(len(first)), None, state)
        return actions

    found = play(plan, trial["seed"])
    walk = persistent_walk(trial["seed"])
    return {
        "reached": sum(run["reached"] for run in found),
        "steps": float(np.mean([len(run["path"]) - 1 for run in found if run["reached"]] or [np.nan])),
        "detour": float(np.mean([detour(run) for run in found if run["reached"]] or [np.nan])),
        "random_walk": sum(run["reached"] for run in play(walk, trial["seed"])),
        "loss": loss,
        "transitions": len(data),
        "train_cpu_s": round(trained, 1),
        "cpu_s": round(time.process_time() - begun, 1),
        "paths": paths_text(found[:DRAWN]),
    }


def goal_config(settings: dict[str, Any], updates: int) -> Any:
    """The preset ``quick`` as a model with a goal, with ``settings`` over it."""
    given = {"goal": True, "planner": "likelihood", "updates": updates, "decay": updates, **settings}
    return draft(agent("tt"), "quick", given, where="a trial of tt-four-rooms").config


def play(act: Any, seed: int) -> list[dict[str, Any]]:
    """Episodes of all starts and goals at once; an episode that has ended stays where it is.

    Args:
        act: ``act(observations, first) -> actions``, of dicts of arrays (n, 2).
        seed: of starts and goals; training data has others.
    """
    envs = [gym.make("TT-FourRooms-v0", disable_env_checker=True) for _ in range(EPISODES)]
    seen = [env.reset(seed=10_000 * (seed + 1) + index)[0] for index, env in enumerate(envs)]
    runs = [{"reached": False, "path": [part["observation"]], "goal": part["desired_goal"]} for part in seen]
    running, first = np.ones(EPISODES, bool), np.ones(EPISODES, bool)
    while running.any():
        rows = np.flatnonzero(running)
        actions = act({name: np.stack([part[name] for part in seen]) for name in seen[0]}, first)
        first = np.zeros(EPISODES, bool)
        for row in rows:
            seen[row], _, terminated, truncated, info = envs[row].step(actions[row])
            runs[row]["path"].append(seen[row]["observation"])
            runs[row]["reached"] = bool(info["is_success"])
            running[row] = not (terminated or truncated)
    return runs


def persistent_walk(seed: int, turn_std: float = 0.5) -> Any:
    """A policy that ignores the goal: full steps, the heading changed by Gaussian turns."""
    rng = np.random.default_rng(seed)
    headings = rng.uniform(0, 2 * np.pi, EPISODES)

    def act(observations: dict[str, np.ndarray], first: np.ndarray) -> np.ndarray:
        headings[:] += rng.normal(0, turn_std, EPISODES)
        return np.stack((np.cos(headings), np.sin(headings)), -1).astype(np.float32)

    return act


def detour(run: dict[str, Any]) -> float:
    """Length of a path over that of the shortest one between its ends."""
    path = np.array(run["path"], np.float64)
    return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum() / max(distance(path[0], path[-1]), 1e-9))


def paths_text(runs: list[dict[str, Any]]) -> str:
    """``goal|x,y x,y ...`` of each, joined by semicolons; three decimals."""
    text = []
    for run in runs:
        points = [f"{x:.3f},{y:.3f}" for x, y in run["path"]]
        text.append(f"{run['goal'][0]:.3f},{run['goal'][1]:.3f}|{' '.join(points)}")
    return ";".join(text)
