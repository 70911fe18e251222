"""The random success is computed on transition matrices written here, independently of the env's step."""

import gymnasium as gym
import numpy as np
import pytest

from papergym.envs.toys.key_to_door import FORWARD, HEADINGS, LEFT, RIGHT, KeyToDoor, random_walks

ID = "DT-KeyToDoor-v0"


def chain(size: int) -> np.ndarray:
    """Transition matrix of the uniform random policy over (column, row, heading)."""
    index = np.arange(size * size * 4).reshape(size, size, 4)
    matrix = np.zeros((index.size, index.size))
    for column, row, heading in np.ndindex(index.shape):
        here, (dx, dy) = index[column, row, heading], [(1, 0), (0, -1), (-1, 0), (0, 1)][heading]
        inside = 0 <= column + dx < size and 0 <= row + dy < size
        for there in (
            index[column, row, (heading + 1) % 4],
            index[column, row, (heading - 1) % 4],
            index[column + dx, row + dy, heading] if inside else here,
        ):
            matrix[here, there] += 1 / 3
    return matrix


def reach_probability(size: int, steps: int) -> float:
    """Probability that a random walk of ``steps`` from a random pose meets a random other cell."""
    matrix, total = chain(size), 0.0
    for target in range(size * size):
        at_target = np.repeat(np.arange(size * size) == target, 4)
        absorbing = np.where(at_target[:, None], np.eye(len(matrix)), matrix)
        start = ~at_target / (~at_target).sum()
        total += (start @ np.linalg.matrix_power(absorbing, steps))[at_target].sum()
    return total / size**2


def test_random_success_is_the_papers_3_1_percent_exactly_and_by_simulation():
    exact = reach_probability(4, 15) ** 2
    assert abs(exact - 0.031) < 0.003
    walks = random_walks(20_000, seed=0)
    simulated = walks.rewards.sum() / 20_000
    assert abs(simulated - exact) < 4 * np.sqrt(exact * (1 - exact) / 20_000)
    assert abs(simulated - 0.031) < 0.003


def drive(env: KeyToDoor, target: np.ndarray) -> list[tuple]:
    """Turn and drive to ``target`` in the current room; returns the steps made."""
    steps, phase = [], env.phase
    while not (env.cells[phase] == target).all():
        wanted = np.sign(target - env.cells[phase]) * [1, target[0] == env.cells[phase][0]]
        heading = HEADINGS[env.headings[phase]]
        cross = heading[0] * wanted[1] - heading[1] * wanted[0]
        steps.append(env.step(FORWARD if (heading == wanted).all() else LEFT if cross > 0 else RIGHT))
    return steps


def test_the_key_and_only_the_key_makes_the_door_pay():
    env = KeyToDoor()
    for seed in range(50):
        env.reset(seed=seed)
        take = seed % 2 == 0
        if take:
            drive(env, env.objects[0])
        while env.phase == 0:  # turning on the spot finds nothing
            env.step(LEFT)
        assert env.has_key == take
        for _ in range(env.phase_steps):
            assert env.step(RIGHT)[1:4] == (0.0, False, False)
        *earlier, (_, reward, terminated, truncated, info) = drive(env, env.objects[2])
        assert (reward, terminated, truncated, info["is_success"]) == (float(take), True, False, take)
        assert not any(step[1] or step[2] for step in earlier)


def test_the_episode_ends_after_three_phases_and_the_observation_hides_the_key_by_default():
    hidden, shown = gym.make(ID), gym.make(ID, observe_key=True)
    world, lengths = hidden.unwrapped, []
    assert isinstance(world, KeyToDoor)
    for seed in range(20):
        hidden.reset(seed=seed)
        shown.reset(seed=seed)
        hidden.action_space.seed(seed)
        for _ in range(45):
            action = hidden.action_space.sample()
            observation, _, terminated, truncated, info = hidden.step(action)
            full = shown.step(action)[0]
            np.testing.assert_array_equal(full[:-1], observation)
            assert full[-1] == info["has_key"] and observation.shape == (23,) and not truncated
            if info["phase"] == 1:
                assert observation[15:].sum() == 0
            if terminated:
                break
        lengths.append(world.elapsed)
    assert max(lengths) == 45 and min(lengths) < 45


def test_observation_reads_the_room():
    env = KeyToDoor()
    env.reset(seed=0)
    env.cells[0], env.objects[0], env.headings[0] = (1, 2), (3, 0), 3
    observation, *_ = env.step(LEFT)  # now facing west
    assert np.flatnonzero(observation).tolist() == [0, 3 + 2, 7 + 1, 11 + 2, 15 + 3, 19 + 0]


@pytest.mark.parametrize("kwargs", [{"size": 1}, {"phase_steps": 0}])
def test_bad_arguments(kwargs):
    with pytest.raises(ValueError, match="size must be at least 2 and phase_steps at least 1"):
        KeyToDoor(**kwargs)


def test_walks_are_padded_and_repeat_with_the_seed():
    one, two = random_walks(30, seed=4), random_walks(30, seed=4)
    assert all((a == b).all() for a, b in zip(one, two))
    assert one.observations.shape == (30, 46, 23) and one.terminated.all()
    for observations, actions, length in zip(one.observations, one.actions, one.lengths):
        assert observations[length].any() and not observations[length + 1 :].any() and not actions[length:].any()
