"""What holds for every small world."""

import json

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

from papergym.envs.toys.base import ToyEnv
from papergym.envs.toys.rows import ROWS

IDS = [row.id for row in ROWS]


def world(env_id: str, **kwargs) -> ToyEnv:
    env = gym.make(env_id, **kwargs).unwrapped
    assert isinstance(env, ToyEnv)
    return env


def rollout(env: ToyEnv, steps: int, seed: int) -> list:
    env.action_space.seed(seed)
    record = []
    for _ in range(steps):
        record.append(env.step(env.action_space.sample()))
        if record[-1][2]:
            record.append(env.reset())
    return record


@pytest.mark.parametrize("env_id", IDS)
def test_state_continues_exactly_in_another_instance(env_id):
    first, second = world(env_id, render_mode="rgb_array"), world(env_id, render_mode="rgb_array")
    first.reset(seed=1)
    second.reset(seed=2)
    rollout(first, 7, seed=3)
    state = first.get_state()
    arrays = {key: value for key, value in state.items() if isinstance(value, np.ndarray)}
    plain = json.loads(json.dumps({key: value for key, value in state.items() if key not in arrays}))
    second.set_state({**plain, **arrays})
    np.testing.assert_array_equal(first.render(), second.render())
    assert data_equivalence(rollout(first, 60, seed=5), rollout(second, 60, seed=5))
    with pytest.raises(ValueError, match="expects the keys"):
        second.set_state({"rng": state["rng"]})


@pytest.mark.parametrize("env_id", IDS)
def test_images_show_the_state(env_id):
    env = world(env_id, render_mode="rgb_array")
    env.reset(seed=0)
    first, again = env.render(), env.render()
    assert isinstance(first, np.ndarray) and first.dtype == np.uint8 and first.ndim == 3 and first.flags.c_contiguous
    np.testing.assert_array_equal(first, again)
    env.action_space.seed(1)
    env.step(env.action_space.sample())
    moved = []
    for _ in range(2):
        env.step(env.action_space.sample())
        moved.append(np.asarray(env.render()))
    assert any((image != first).any() for image in moved)
    text = world(env_id, render_mode="ansi")
    text.reset(seed=0)
    assert isinstance(text.render(), str) and text.render()
    with pytest.raises(ValueError, match="render_mode"):
        type(env)(render_mode="human")


CHOICES = ["PER-BlindCliffwalk-v0", "DT-KeyToDoor-v0", "DT-ShortestPath-v0"]
VECTORS = ["TT-FourRooms-v0", "SQL-MultiGoal-v0"]
WRONG_CHOICES = [-1, 99, 0.7, None, "x", float("nan"), True]
WRONG_VECTORS = [np.zeros(3), np.zeros((1, 2)), 0.5, [np.nan, 0.0], [np.inf, 0.0], None]


@pytest.mark.parametrize(
    ("env_id", "action", "message"),
    [(env_id, action, "a whole number in Discrete") for env_id in CHOICES for action in WRONG_CHOICES]
    + [(env_id, action, "finite numbers") for env_id in VECTORS for action in WRONG_VECTORS],
)
def test_actions_outside_the_space_change_nothing(env_id, action, message):
    env = world(env_id)
    env.reset(seed=0)
    before = env.get_state()
    with pytest.raises(ValueError, match=message):
        env.step(action)
    assert data_equivalence(before, env.get_state())


@pytest.mark.parametrize(
    ("env_id", "kwargs", "message"),
    [
        ("DT-ShortestPath-v0", {"edge_probability": 2.0}, "edge_probability"),
        ("TT-FourRooms-v0", {"step_size": -1.0}, "step_size"),
        ("TT-FourRooms-v0", {"goal_radius": 9.0}, "goal_radius"),
        ("SQL-MultiGoal-v0", {"start_std": -1.0}, "start_std"),
    ],
)
def test_bad_arguments(env_id, kwargs, message):
    with pytest.raises(ValueError, match=message):
        world(env_id, **kwargs)


def test_an_option_that_is_not_known_is_named():
    with pytest.raises(ValueError, match="postion"):
        world("TT-FourRooms-v0").reset(options={"postion": [0.3, 0.3]})


@pytest.mark.parametrize(
    "env_id, one, other",
    [("DT-KeyToDoor-v0", {"size": 8}, {"size": 4}), ("PER-BlindCliffwalk-v0", {"n": 9}, {"n": 3})],
)
def test_a_state_of_a_world_of_another_size_is_refused(env_id, one, other):
    large, small = (gym.make(env_id, **kwargs).unwrapped for kwargs in (one, other))
    large.reset(seed=0), small.reset(seed=0)
    before = small.get_state()
    with pytest.raises(ValueError, match="expected a state of a world with"):
        small.set_state(large.get_state())
    assert data_equivalence(small.get_state(), before)
