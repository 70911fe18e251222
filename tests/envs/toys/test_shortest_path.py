import gymnasium as gym
import numpy as np
import pytest
from scipy.sparse.csgraph import shortest_path as scipy_shortest_path

from papergym.envs.toys.shortest_path import ShortestPath, random_graph, random_walks

ID = "DT-ShortestPath-v0"


@pytest.mark.parametrize("graph_seed", range(5))
def test_optimal_values_by_dynamic_programming_and_by_scipy(graph_seed):
    env = ShortestPath(graph_seed=graph_seed)
    values = np.zeros(env.nodes)
    for _ in range(env.nodes):  # value iteration on the env's own steps
        for node in range(env.nodes):
            if node == env.goal:
                continue
            returns = []
            for action in range(env.nodes):
                env.reset()
                env.node = node
                following, reward, terminated, _, _ = env.step(action)
                returns.append(reward + (0 if terminated else values[following]))
            values[node] = max(returns)
    np.testing.assert_array_equal(env.optimal_values, values)
    np.testing.assert_array_equal(-values, scipy_shortest_path(env.edges.astype(float), unweighted=True)[:, env.goal])
    assert values.min() >= -10


def test_greedy_steps_collect_the_optimal_value():
    env = gym.make(ID)
    world = env.unwrapped
    assert isinstance(world, ShortestPath)
    for seed in range(30):
        node, _ = env.reset(seed=seed)
        expected, total, terminated = world.optimal_values[node], 0.0, False
        while not terminated:
            exits = np.flatnonzero(world.edges[node])
            node, reward, terminated, truncated, _ = env.step(int(exits[world.optimal_values[exits].argmax()]))
            total += float(reward)
            assert terminated or not truncated
        assert total == expected and node == world.goal


def test_an_absent_edge_leaves_the_agent_and_the_limit_truncates():
    env = gym.make(ID)
    node, _ = env.reset(seed=0)
    steps = [env.step(node) for _ in range(10)]  # no node has an edge to itself
    assert [step[0] for step in steps] == [node] * 10 and sum(float(step[1]) for step in steps) == -10
    assert [step[3] for step in steps] == [False] * 9 + [True] and not any(step[2] for step in steps)


def test_the_graph_is_fixed_by_its_seed_and_starts_cover_all_nodes():
    np.testing.assert_array_equal(random_graph(20, 0.1, 0, 10, 3), random_graph(20, 0.1, 0, 10, 3))
    assert (random_graph(20, 0.1, 0, 10, 3) != random_graph(20, 0.1, 0, 10, 4)).any()
    env = ShortestPath(goal=7)
    env.reset(seed=0)
    assert {env.reset()[0] for _ in range(500)} == set(range(20)) - {7}


def test_edge_frequency_matches_the_probability():
    edges = np.mean([random_graph(20, 0.3, 0, 10, seed).sum() for seed in range(50)]) / (20 * 19)
    assert abs(edges - 0.3) < 0.015  # at 0.3 hardly any graph is redrawn


def test_random_walks_follow_edges_and_pay_minus_their_length():
    env, walks = ShortestPath(), random_walks(n=300, seed=1)
    for nodes, actions, rewards, terminated, length in zip(*walks):
        assert env.edges[nodes[:length], actions[:length]].all() and (nodes[1 : length + 1] == actions[:length]).all()
        assert rewards.sum() == -length and terminated == (nodes[length] == env.goal)
        assert -rewards.sum() >= -env.optimal_values[nodes[0]] or not terminated
    idle = random_walks(n=300, seed=1, existing_edges=False)
    assert (idle.observations[:, 1] == idle.observations[:, 0]).mean() > 0.7  # most named edges do not exist


def test_bad_arguments():
    with pytest.raises(ValueError, match="raise edge_probability or horizon"):
        ShortestPath(edge_probability=0.0)
    with pytest.raises(ValueError, match="goal one of them"):
        ShortestPath(goal=20)
