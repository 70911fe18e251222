"""A reset of some environments: the others keep their maps, views and flags, and their statistics count no picture twice."""

import copy

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from papergym.wrappers import vector
from papergym.wrappers.vision.jump import JumpFlag
from papergym.wrappers.vision.observation import AffordanceObservation

LENGTHS = (2, 5, 3)
NAMES = ("jump_probability", "jump_threshold", "jump_score", "jump_view_score", "jump_view_value")


class Spots(gym.Env):
    """A bright spot, somewhere, on noise; picture t of episode e is decided by (number, e, t) alone."""

    def __init__(self, number, bare):
        self.number, self.bare, self.episode, self.t = number, bare, -1, 0
        picture = spaces.Box(0, 255, (3, 40, 64), np.uint8)
        self.observation_space = picture if bare else spaces.Dict({"rgb": picture, "life": spaces.Box(0, 20, (1,))})
        self.action_space = spaces.Discrete(2)

    def _observation(self):
        rng = np.random.default_rng((self.number, self.episode, self.t))
        picture = rng.integers(0, 40, (3, 40, 64))
        top, left = rng.integers(0, 29), rng.integers(0, 47)
        picture[:, top : top + 11, left : left + 17] += rng.integers(0, 200)
        picture = picture.astype(np.uint8)
        return picture if self.bare else {"rgb": picture, "life": np.full(1, self.t, np.float32)}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episode, self.t = self.episode + 1, 0
        return self._observation(), {}

    def step(self, action):
        self.t += 1
        return self._observation(), 0.0, self.t >= LENGTHS[self.number], False, {}


def luminance(frames, prompt):
    """A map that needs no network: brightness."""
    return (frames.mean(1, keepdims=True) / 255.0).astype(np.float32)


def build(flag, bare):
    envs = SyncVectorEnv([lambda i=i: Spots(i, bare) for i in range(3)], autoreset_mode=AutoresetMode.DISABLED)
    return vector.AffordanceObservation(envs, luminance, "a tree", JumpFlag(margin=0.0) if flag else None)


def check(observations, singles):
    for i, expected in enumerate(singles):
        for name, value in expected.items():
            np.testing.assert_array_equal(observations[name][i], value, err_msg=f"{name} of {i}")


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize("flag", [True, False])
def test_equals_single_environments(flag, bare):
    envs = build(flag, bare)
    flags = [JumpFlag(margin=0.0) if flag else None for _ in range(3)]
    singles = [AffordanceObservation(Spots(i, bare), luminance, "a tree", own) for i, own in enumerate(flags)]
    observations, info = envs.reset(seed=0)
    expected = [single.reset(seed=0)[0] for single in singles]
    check(observations, expected)
    shown = 0
    for _ in range(60):
        observations, _, terminated, _, info = envs.step(np.zeros(3, int))
        steps = [single.step(0) for single in singles]
        expected = [step[0] for step in steps]
        check(observations, expected)
        if flag:
            for name in NAMES:
                np.testing.assert_allclose(info[name], [step[4][name] for step in steps])
                assert info[f"_{name}"].tolist() == [True] * 3
        if terminated.any():
            for name in observations:  # what the agent does to its own observation is no part of the next
                observations[name][...] = 0
            observations, info = envs.reset(options={"reset_mask": terminated.copy()})
            assert envs.observation_space.contains(observations)
            infos = {}
            for i in np.flatnonzero(terminated):
                expected[i], infos[i] = singles[i].reset()
            check(observations, expected)
            if flag:
                shown += int(observations["is_zoomed"][~terminated].sum())
                for name in NAMES:
                    np.testing.assert_allclose(info[name], [infos[i][name] if i in infos else 0.0 for i in range(3)])
                    np.testing.assert_array_equal(info[f"_{name}"], terminated)
    if flag:
        for part in ("probabilities", "scores"):
            held = [getattr(single.parts.flag, part) for single in singles]
            for name in ("count", "mean", "squares"):
                np.testing.assert_allclose(getattr(getattr(envs.parts.flag, part), name), [getattr(h, name)[0] for h in held])
        assert shown > 0  # a closer view was kept


@pytest.mark.parametrize("flag", [True, False])
def test_a_loaded_state_keeps_the_maps(flag):
    envs = build(flag, bare=True)
    envs.reset(seed=0)
    for _ in range(2):
        envs.step(np.zeros(3, int))
    state = copy.deepcopy(envs.state_dict())
    other = build(flag, bare=True)
    other.env = copy.deepcopy(envs.env)
    other.load_state_dict(state)
    mask = np.array([True, False, False])
    one, two = (wrapper.reset(options={"reset_mask": mask.copy()}) for wrapper in (envs, other))
    assert one[0].keys() == two[0].keys() and one[1].keys() == two[1].keys()
    for pair in ((one[0], two[0]), (one[1], two[1])):
        for name in pair[0]:
            np.testing.assert_array_equal(pair[0][name], pair[1][name])
    other.load_state_dict(build(flag, bare=True).state_dict())  # that of a wrapper that was never reset
    assert other.state_dict()["added"] == {}
    with pytest.raises(ValueError, match="added"):
        other.load_state_dict({name: value for name, value in state.items() if name != "added"})


def test_refused_maps_change_nothing():
    envs = build(flag=True, bare=True)
    envs.reset(seed=0)
    state = envs.state_dict()
    envs.step(np.zeros(3, int))
    before = copy.deepcopy(envs.state_dict())
    added = state["added"]
    without = {name: value for name, value in added.items() if name != "zoomed"}
    fewer = {name: value[:2] for name, value in added.items()}
    for bad in (None, without, fewer, {**added, "jump": np.array([np.nan] * 3)}, {**added, "affordance": "?"}):
        with pytest.raises(ValueError):
            envs.load_state_dict({**state, "added": bad})
        with pytest.raises(ValueError):
            envs.load_state_dict({"added": added, "flag": {}})
        after = envs.state_dict()
        for part in ("probabilities", "scores"):
            for name, value in before["flag"][part].items():
                np.testing.assert_array_equal(after["flag"][part][name], value)
        for name, value in before["added"].items():
            np.testing.assert_array_equal(after["added"][name], value)
