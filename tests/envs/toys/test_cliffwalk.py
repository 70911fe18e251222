import itertools

import gymnasium as gym
import numpy as np
import pytest

from papergym.envs.toys.cliffwalk import BlindCliffwalk, cliffwalk_memory, features, optimal_values

ID = "PER-BlindCliffwalk-v0"


@pytest.mark.parametrize("alternate", [True, False])
def test_memory_is_every_action_sequence_run_to_its_end(alternate):
    n = 6
    env, played = BlindCliffwalk(n, alternate), []
    for sequence in itertools.product((0, 1), repeat=n):
        state, _ = env.reset()
        for action in sequence:
            following, reward, terminated, truncated, _ = env.step(action)
            assert not truncated
            played.append((state, action, reward, following, terminated))
            state = following
            if terminated:
                break
    memory = cliffwalk_memory(n, alternate=alternate, rng=np.random.default_rng(0))
    assert sorted(played) == sorted(zip(*(column.tolist() for column in memory)))
    assert len(played) == 2 ** (n + 1) - 2 and sum(row[2] for row in played) == 1


@pytest.mark.parametrize("n", [1, 2, 5, 16])
def test_optimal_values_by_dynamic_programming(n):
    gamma = 1 - 1 / n
    env, values = BlindCliffwalk(n), np.zeros((n, 2))
    for _ in range(n):  # value iteration on the env's own steps
        for state, action in itertools.product(range(n), (0, 1)):
            env.reset()
            env.position = state
            following, reward, terminated, _, _ = env.step(action)
            values[state, action] = reward + (0 if terminated else gamma * values[following].max())
    np.testing.assert_allclose(optimal_values(n), values, rtol=0, atol=1e-14)


def test_an_uninformed_agent_sees_the_reward_once_in_two_to_the_n():
    env = gym.make(ID, n=3)
    rng, returns = np.random.default_rng(0), []
    env.reset(seed=0)
    for _ in range(4000):
        env.reset()
        over = False
        while not over:
            _, reward, over, _, _ = env.step(int(rng.integers(2)))
        returns.append(reward)
    assert abs(np.mean(returns) - 1 / 8) < 4 * np.sqrt(1 / 8 * 7 / 8 / 4000)


def test_features_and_bad_n():
    np.testing.assert_array_equal(features(np.array([2, 0]), 3), [[0, 0, 1, 1], [1, 0, 0, 1]])
    with pytest.raises(ValueError, match="n must be at least 1"):
        gym.make(ID, n=0)
