"""Datasets of random walks in the toy worlds of the papers."""

from typing import Any

import gymnasium as gym

from papergym.agents.data.dataset import Dataset, Episode
from papergym.envs.toys import key_to_door as doors
from papergym.envs.toys import shortest_path as graphs
from papergym.envs.toys.base import Walks


def walks_dataset(walks: Walks, env: gym.Env, name: str) -> Dataset:
    """Walks as a dataset.

    Args:
        walks: of ``env``, padded to one length.
        env: for its spaces and its spec.
        name: for messages.
    """
    episodes = [
        Episode(walks.observations[i, : n + 1], walks.actions[i, :n], walks.rewards[i, :n], bool(walks.terminated[i]))
        for i, n in enumerate(walks.lengths)
    ]
    return Dataset.from_episodes(episodes, env.observation_space, env.action_space, spec=env.spec, name=name)


def key_to_door(n: int, seed: int, **kwargs: Any) -> Dataset:
    """``n`` episodes of the uniform random policy in Key-to-Door; the paper has 1 000 and 10 000.

    Args:
        n: number of episodes.
        seed: of rooms and actions.
        **kwargs: arguments of :class:`papergym.envs.toys.key_to_door.KeyToDoor`.
    """
    walks = doors.random_walks(n, seed, **kwargs)
    return walks_dataset(walks, gym.make("DT-KeyToDoor-v0", **kwargs), f"{n} random walks of DT-KeyToDoor-v0")


def shortest_path(n: int, seed: int, horizon: int = 10, existing_edges: bool = True, **kwargs: Any) -> Dataset:
    """What ``n`` random walks over the graph of DT-ShortestPath-v0 say of ways to the goal; the paper has 1 000 of 10 steps.

    An episode is what is left, after any of its steps, of a walk that has reached the goal: the graph knows no time. Walks that
    were cut say nothing of how far the goal was, and are left out.

    Args:
        n: number of walks.
        seed: of starts and actions.
        horizon: steps after which a walk is cut.
        existing_edges: choose among the edges that leave the node, rather than among all actions.
        **kwargs: arguments of :class:`papergym.envs.toys.shortest_path.ShortestPath`.
    """
    walks = graphs.random_walks(n, horizon, seed, existing_edges, **kwargs)
    episodes = [
        Episode(walks.observations[i, t : end + 1], walks.actions[i, t:end], walks.rewards[i, t:end], True)
        for i, end in enumerate(walks.lengths)
        if walks.terminated[i]
        for t in range(end)
    ]
    env = gym.make("DT-ShortestPath-v0", **kwargs)
    name = f"{n} random walks of DT-ShortestPath-v0"
    return Dataset.from_episodes(episodes, env.observation_space, env.action_space, spec=env.spec, name=name)
