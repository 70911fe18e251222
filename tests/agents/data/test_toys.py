"""Datasets of random walks: their steps are those of the environments, and their returns are what is left to the goal."""

import gymnasium as gym
import numpy as np
import pytest

import papergym  # noqa: F401  (registers the ids)
from papergym.agents.data import toys
from papergym.envs.toys import key_to_door as doors
from papergym.envs.toys import shortest_path as graphs


@pytest.mark.parametrize("rooms", [{}, {"size": 3, "phase_steps": 9}])
def test_key_to_door_walks(rooms):
    data, again, other = (toys.key_to_door(50, seed, **rooms) for seed in (3, 3, 4))
    assert data.digest == again.digest != other.digest
    walks = doors.random_walks(50, 3, **rooms)
    assert data.episodes == 50 and (data.lengths == walks.lengths).all() and data.terminated[data.starts[1:] - 1].all()
    np.testing.assert_allclose(data.returns, walks.rewards.sum(1))
    for number in (0, 7, 49):
        episode, length = data.episode(number), walks.lengths[number]
        np.testing.assert_array_equal(episode.observations, walks.observations[number, : length + 1])
        np.testing.assert_array_equal(episode.actions, walks.actions[number, :length])
    env = gym.make("DT-KeyToDoor-v0", **rooms)
    assert data.observation_space == env.observation_space and data.spec == env.spec


@pytest.mark.parametrize("existing_edges", [True, False])
def test_shortest_path_walks_end_at_the_goal(existing_edges):
    """Every suffix of every walk that arrives, once; replayed along the edges of the graph."""
    data = toys.shortest_path(200, 5, existing_edges=existing_edges)
    world = gym.make("DT-ShortestPath-v0").unwrapped
    for number in range(data.episodes):
        episode = data.episode(number)
        for node, action, after in zip(episode.observations, episode.actions, episode.observations[1:]):
            assert after == (action if world.edges[node, action] else node)
        assert episode.observations[-1] == world.goal and world.goal not in episode.observations[:-1] and episode.terminated
    np.testing.assert_array_equal(data.returns, -data.lengths)
    walks = graphs.random_walks(200, 10, 5, existing_edges)
    assert data.episodes == walks.lengths[walks.terminated].sum()
