import gymnasium as gym
import numpy as np
import pytest

from papergym.envs.toys.multi_goal import GOALS, MultiGoal

ID = "SQL-MultiGoal-v0"


@pytest.mark.parametrize("goal", range(4))
def test_the_linear_quadratic_controller_earns_its_closed_form_return(goal):
    # One coordinate e towards one goal: cost 30 a^2 + (e + a)^2. The Riccati equation P^2 + P - 30 = 0 gives P = 5 and the
    # controller a = -e / 6, so the return up to the goal is 10 - 5 (e_0^2 - e_T^2) with e_t = (5 / 6)^t e_0.
    env = MultiGoal()
    env.reset(seed=0)
    env.position = np.zeros(2)
    total, steps, terminated = 0.0, 0, False
    while not terminated:
        _, reward, terminated, truncated, info = env.step((GOALS[goal] - env.position) / 6)
        total, steps = total + reward, steps + 1
        assert not truncated
    last = 5 * (5 / 6) ** steps
    assert last < 1 <= last * 6 / 5 and info["nearest_goal"] == goal and info["is_success"]
    assert total == pytest.approx(10 - 5 * (25 - last**2), abs=1e-9)


def test_the_riccati_value_solves_the_bellman_equation():
    error = np.linspace(0.1, 5, 50)
    actions = np.linspace(-1, 1, 20_001)
    backup = (30 * actions**2 + 6 * (error[:, None] + actions) ** 2).min(axis=1)  # one step's cost plus 5 e'^2
    np.testing.assert_allclose(backup, 5 * error**2, atol=1e-6)


def test_the_world_is_symmetric_under_quarter_turns():
    turn = np.array([[0, -1], [1, 0]])
    plain, turned = MultiGoal(), MultiGoal()
    plain.reset(seed=0)
    turned.reset(seed=0)
    turned.position = turn @ plain.position
    for action in np.random.default_rng(0).uniform(-1, 1, (20, 2)):
        a, b = plain.step(action), turned.step(turn @ action)
        np.testing.assert_allclose(turn @ plain.position, turned.position, atol=1e-12)
        assert a[1] == pytest.approx(b[1]) and a[2:4] == b[2:4]


def test_clipping_start_and_limit():
    env = gym.make(ID)
    starts = np.stack([env.reset(seed=seed)[0] for seed in range(2000)])
    assert np.abs(starts.mean(axis=0)).max() < 0.01 and np.abs(starts.std(axis=0) - 0.1).max() < 0.01
    env.reset(seed=0)
    world = env.unwrapped
    assert isinstance(world, MultiGoal)
    world.position = np.array([6.8, 6.8])
    observation, reward, *_ = world.step(np.array([5.0, 0.0]))
    np.testing.assert_array_equal(observation, np.array([7.0, 6.8], np.float32))
    assert reward == pytest.approx(-30 - (6.8**2 + 2**2))
    env.reset(seed=0)
    ends = [env.step(np.zeros(2, np.float32))[2:4] for _ in range(30)]
    assert ends == [(False, False)] * 29 + [(False, True)]
