"""Ctrl-C at any line of a reset: the episode before goes on, or none runs until the next reset, or the new one has begun."""

import copy
import sys
from pathlib import Path

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import data_equivalence as same

from papergym.envs import base
from tests.envs.test_copies import CASES, WORLDS, world

OURS = str(Path(base.__file__).parent)
PLACES = 16


class Interrupt:
    """Raises KeyboardInterrupt at a line of this package's environments (counted from 0), or counts the lines for None."""

    def __init__(self, place=None):
        self.place, self.lines = place, 0

    def __enter__(self):
        sys.settrace(self.enter)
        return self

    def __exit__(self, *_):
        sys.settrace(None)

    def enter(self, frame, event, argument):
        return self.line if frame.f_code.co_filename.startswith(OURS) else None

    def line(self, frame, event, argument):
        if event == "line":
            self.lines += 1
            if self.lines - 1 == self.place:
                raise KeyboardInterrupt
        return self.line


def state(env):
    return copy.deepcopy(env.get_state())


SLOW = {"Football-1v1-v0"}  # compiles its models at each reset


@pytest.mark.parametrize(
    "env_id", [pytest.param(*c.values, marks=pytest.mark.slow if c.values[0] in SLOW else c.marks) for c in CASES]
)
def test_an_interrupted_reset_leaves_the_episode_before_or_none_or_a_new_one(env_id):
    env, twin = world(env_id), world(env_id)
    twin.reset(seed=3)  # what is worked out once has other lines
    with Interrupt() as counted:
        twin.reset(seed=5)
    begun, outcomes = state(twin), set()
    step = max(1, counted.lines // PLACES)
    for place in range(0, counted.lines, step):
        env.reset(seed=3)
        before = state(env)
        with pytest.raises(KeyboardInterrupt), Interrupt(place):
            env.reset(seed=5)
        if env._ended:
            outcomes.add("none")
            with pytest.raises(gym.error.ResetNeeded):
                env.check_running()
        else:
            assert same(state(env), before) or same(state(env), begun), place
            outcomes.add("before" if same(state(env), before) else "begun")
        env.reset(seed=5)
        assert same(state(env), begun), place
    assert {"before", "none"} <= outcomes
    env.close(), twin.close()


@pytest.mark.parametrize("env_id", CASES)
def test_nothing_is_drawn_after_close(env_id):
    env = gym.make(env_id, disable_env_checker=True, render_mode="rgb_array", **WORLDS[env_id]).unwrapped
    env.reset(seed=0)
    env.close()
    with pytest.raises(RuntimeError, match="closed"):
        env.render()
    env.close()
