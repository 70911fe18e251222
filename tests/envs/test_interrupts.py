"""Ctrl-C at any line of a reset or a step: the world is as before, or no episode runs until the next reset, or all is done."""

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
SLOW = {"Football-1v1-v0", "Football-Dribble-v0"}  # they compile their models at each reset
SEEN = "DMC-CartpoleSwingup-v0"
"""A world that draws its observations."""
EVERY = [
    *(pytest.param(*case.values, marks=pytest.mark.slow if case.values[0] in SLOW else case.marks) for case in CASES),
    SEEN,
]


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


def make(env_id):
    if env_id == SEEN:
        return gym.make(SEEN, disable_env_checker=True, obs_type="pixels", quality="fast", size_px=16).unwrapped
    return world(env_id)


def act_of(env):
    """A method that steps with an action that is the same each time."""
    spaces = env.action_spaces if hasattr(env, "possible_agents") else {"": env.action_space}
    for name in spaces:
        spaces[name].seed(0)
    actions = {name: space.sample() for name, space in spaces.items()}
    return lambda: env.step(actions if hasattr(env, "possible_agents") else actions[""])


def outcomes_of_interrupts(env, prepare, act, begun):
    """What an interrupt at each of some lines of ``act`` leaves behind: the state before, no episode, the state ``begun``."""
    prepare()
    with Interrupt() as counted:
        act()
    found = set()
    for place in range(0, counted.lines, max(1, counted.lines // PLACES)):
        prepare()
        before = state(env)
        with pytest.raises(KeyboardInterrupt), Interrupt(place):
            act()
        if env._ended:
            with pytest.raises(gym.error.ResetNeeded):
                env.check_running()
            with pytest.raises(gym.error.ResetNeeded):
                copy.deepcopy(env).check_running()
            found.add("none")
        else:
            found.add("before" if same(state(env), before) else "done")
            assert found <= {"before", "none"} or same(state(env), begun), place
    return found


@pytest.mark.parametrize("env_id", EVERY)
def test_an_interrupted_reset(env_id):
    env, twin = make(env_id), make(env_id)
    twin.reset(seed=5)
    begun = state(twin)
    found = outcomes_of_interrupts(env, lambda: env.reset(seed=3), lambda: env.reset(seed=5), begun)
    assert {"before", "none"} <= found
    env.reset(seed=5)
    assert same(state(env), begun)
    env.close(), twin.close()


@pytest.mark.parametrize("env_id", EVERY)
def test_an_interrupted_step(env_id):
    env, twin = make(env_id), make(env_id)
    env.reset(seed=3), twin.reset(seed=3)
    start, step = state(env), act_of(twin)
    step()
    done, step = state(twin), act_of(env)
    found = outcomes_of_interrupts(env, lambda: env.set_state(start), step, done)
    assert {"before", "none"} <= found
    env.set_state(start)
    step()
    assert same(state(env), done)
    env.close(), twin.close()


@pytest.mark.parametrize("env_id", CASES)
def test_nothing_is_drawn_after_close(env_id):
    env = gym.make(env_id, disable_env_checker=True, render_mode="rgb_array", **WORLDS[env_id]).unwrapped
    env.reset(seed=0)
    env.close()
    with pytest.raises(RuntimeError, match="closed"):
        env.render()
    env.close()
