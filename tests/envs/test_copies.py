"""Kinds C and D: copies of fresh, running, ended and closed worlds, and refused calls, which change nothing to the bit."""

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence as same

import papergym  # noqa: F401

WORLDS = {
    "PER-BlindCliffwalk-v0": {}, "DT-KeyToDoor-v0": {}, "DT-ShortestPath-v0": {}, "TT-FourRooms-v0": {}, "SQL-MultiGoal-v0": {},
    "DMC-PendulumSwingup-v0": {"limit_frames": 3}, "DMC-LqrLqr21-v0": {"limit_frames": 3},
    "Pixel-Hopper-v4": {"obs_type": "state"},
    "Football-1v1-v0": {"walker": "boxhead"}, "Football-Dribble-v0": {"walker": "boxhead"},
    "Mine-HarvestSand-v0": {"image_size": 16},
}  # fmt: skip
"""One world of each kind, with arguments that make it cheap."""
CASES = [pytest.param(env_id, marks=pytest.mark.slow if env_id.startswith("Mine") else ()) for env_id in WORLDS]
"""The voxel world generates land at each reset, which takes long: by ``make test-slow``."""


def world(env_id):
    return gym.make(env_id, disable_env_checker=True, **WORLDS[env_id]).unwrapped


def bad_actions(env):
    space = env.action_space
    if isinstance(space, gym.spaces.Box):
        shape = space.shape
        yield from (np.full(shape, np.nan), np.full(shape, 1j), np.zeros(shape, bool), np.zeros(shape, int), 0.5, None, "x", {})
        if env.spec.id.startswith("DMC-Lqr"):
            yield np.full(shape, 1e30, np.float32)
    else:
        yield from (None, "x", 10**6, -1, 0.5, True, np.nan, [[1, 2], [3]])


@pytest.mark.parametrize("how", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("env_id", CASES)
def test_copies_at_every_stage_of_life(env_id, how):
    env = world(env_id)
    starts = []
    for other in (how(env), how(env)):  # fresh and unseeded: each copy draws for itself
        other.reset()
        starts.append(other.np_random.bit_generator.state)
        other.close()
    assert not same(*starts)
    env.action_space.seed(3)
    env.reset(seed=3)
    running = how(env)
    for _ in range(3):
        action = env.action_space.sample()
        assert same(action, running.action_space.sample()), "the action space's generator is copied, too"
        mine = env.step(action)
        assert same(mine[:4], running.step(action)[:4])
        if mine[2] or mine[3]:
            break
    env.close()
    with pytest.raises(RuntimeError, match="closed; make a new one"):
        how(env).reset()
    running.close()


@pytest.mark.parametrize("env_id", CASES)
def test_a_refused_call_changes_nothing(env_id):
    env = world(env_id)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(env.action_space.sample())
    env.reset(seed=0)
    before = env.get_state()
    for action in bad_actions(env):
        with pytest.raises((ValueError, TypeError)):
            env.step(action)
        assert same(env.get_state(), before), action
    for call in (
        lambda: env.reset(seed=5, options={"nope": 1}),
        lambda: env.reset(seed=-1),
        lambda: env.reset(seed=5, options=3),
        lambda: env.set_state({}),
        lambda: env.set_state(None),
        lambda: env.set_state({**before, "random": 3, "rng": 3, "match": {}, "ended": False}),
    ):
        with pytest.raises(ValueError):
            call()
        assert same(env.get_state(), before)
    env.close()
    env.close()
    with pytest.raises(RuntimeError, match="closed; make a new one"):
        env.reset()


@pytest.mark.parametrize("env_id", ["PER-BlindCliffwalk-v0", "DMC-PendulumSwingup-v0", "SQL-MultiGoal-v0"])
def test_nothing_is_paid_after_the_end(env_id):
    env = world(env_id)
    env.reset(seed=0)
    if env_id.startswith("SQL"):
        env.position[:] = (4.9, 0.0)
    over = False
    while not over:
        action = 1 if env_id.startswith("PER") else np.ones(env.action_space.shape, np.float32) * 0.1
        _, _, terminated, truncated, _ = env.step(action)
        over = terminated or truncated
    before = env.get_state()
    with pytest.raises(gym.error.ResetNeeded, match=r"call reset\(\)"):
        env.step(action)
    assert same(env.get_state(), before)
