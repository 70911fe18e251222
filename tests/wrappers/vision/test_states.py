"""States of the rewards and of LS-Imagine's signals: at every point of an episode, and refused ones that change nothing."""

import copy

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from papergym.wrappers.vision import AffordanceObservation, JumpFlag, LongTermSignals
from papergym.wrappers.vision.rewards import AffordanceBonus, MineCLIPReward, MineCLIPScore

LENGTH = 3


class Means:
    """A scorer without weights: a frame's feature is its mean of each channel, and a text asks for one channel."""

    calibration, image_size, crop_size = (0.1, 2.0), None, (8, 8)

    def __init__(self, feature_size=3):
        self.feature_size = feature_size

    def encode_frames(self, frames):
        return np.tile(frames.mean((2, 3)) / 25.0, (1, self.feature_size))[:, : self.feature_size].astype(np.float32)

    def encode_texts(self, texts):
        return np.stack([np.eye(self.feature_size, dtype=np.float32)[len(text) % 3] for text in texts])

    def logits(self, features, texts):
        return (features.mean(1) @ texts.T).astype(np.float32)


class Pictures(gym.Env):
    """Picture t of episode e is decided by (e, t) alone; ends after ``LENGTH`` steps."""

    observation_space = spaces.Box(0, 255, (3, 20, 32), np.uint8)
    action_space = spaces.Discrete(2)

    def __init__(self, number=0):
        self.number, self.episode, self.t = number, -1, 0

    def _picture(self):
        rng = np.random.default_rng((self.number, self.episode, self.t))
        return np.clip(rng.integers(0, 256, (3, 1, 1)) + rng.integers(-20, 20, (3, 20, 32)), 0, 255).astype(np.uint8)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episode, self.t = self.episode + 1, 0
        return self._picture(), {}

    def step(self, action):
        self.t += 1
        return self._picture(), 0.0, self.t >= LENGTH, False, {}


def rewards(env, steps):
    """Of one or two environments, resets where they are needed."""
    paid = []
    for _ in range(steps):
        vector = isinstance(env, gym.vector.VectorEnv)
        _, reward, done, _, _ = env.step(np.zeros(2, int) if vector else 0)
        paid.append(np.array(reward))
        if not vector and done:
            env.reset()
    return paid


@pytest.mark.parametrize("mode", ["direct", "delta", "record"])
@pytest.mark.parametrize("kind", ["single", "NEXT_STEP", "SAME_STEP"])
@pytest.mark.parametrize("steps", range(2 * LENGTH + 2))
def test_a_state_goes_on_wherever_it_was_saved(mode, kind, steps):
    """After a reset, in the middle, and after an end, where an environment has no step before."""

    def build(world):
        return MineCLIPReward(world, "a tree", Means(), mode, negatives=("rock", "stone"))

    make = {"single": Pictures}.get(kind) or (lambda: SyncVectorEnv([Pictures] * 2, autoreset_mode=AutoresetMode[kind]))
    one = build(make())
    one.reset(seed=0)
    rewards(one, steps)
    state, world = copy.deepcopy(one.state_dict()), copy.deepcopy(one.env)
    other = build(world)
    other.load_state_dict(state)
    expected = rewards(one, 2 * LENGTH)
    np.testing.assert_array_equal(rewards(other, 2 * LENGTH), expected)
    assert np.any(expected)


def test_a_state_after_an_end_and_no_reset():
    env = MineCLIPReward(Pictures(), "a tree", Means(), "delta")
    env.reset(seed=0)
    for _ in range(LENGTH):
        env.step(0)
    twin = MineCLIPReward(Pictures(), "a tree", Means(), "delta")
    twin.load_state_dict(env.state_dict())
    twin.reset(seed=0)
    env.env.unwrapped.episode = -1
    env.reset(seed=0)
    assert rewards(twin, LENGTH) == rewards(env, LENGTH)


def listed(state):
    """A state in Python's own values, which compare exactly."""
    if isinstance(state, dict):
        return {name: listed(value) for name, value in state.items()}
    return state if isinstance(state, str) else np.asarray(state).tolist()


BONUSES = {
    "score": lambda: MineCLIPScore(prompt="a tree", scorer=Means(), mode="delta", negatives=("sky",), scaling="std"),
    "map": lambda: AffordanceBonus(scaling="std"),
}


DAMAGES = {
    "no mapping": lambda slots: None,
    "missing": lambda slots: {name: held for name, held in slots.items() if name != "best"},
    "nan": lambda slots: {**slots, "best": slots["best"] * np.nan},
    "shape": lambda slots: {**slots, "best": slots["best"][:, None]},
    "text": lambda slots: {**slots, "best": "?"},
    "rows": lambda slots: {**slots, "features": slots["features"][:1]},
}


@pytest.mark.parametrize(("name", "damage"), [(n, d) for n in BONUSES for d in DAMAGES if (n, d) != ("map", "rows")])
def test_damaged_slots_change_nothing(name, damage):
    rng = np.random.default_rng(0)

    def batch():
        return rng.integers(0, 256, (2, 3, 20, 32), np.uint8) if name == "score" else rng.random((2, 20, 32), np.float32)

    bonus, other = BONUSES[name](), BONUSES[name]()
    for _ in range(3):
        bonus.reward(batch())
        other.reward(batch())
        other.rng.random()
    before, state = listed(bonus.state_dict()), copy.deepcopy(other.state_dict())
    state["slots"] = DAMAGES[damage](state["slots"])
    with pytest.raises(ValueError):
        bonus.load_state_dict(state)
    assert listed(bonus.state_dict()) == before
    bonus.load_state_dict(other.state_dict())
    assert listed(bonus.state_dict()) == listed(other.state_dict())


def luminance(frames, prompt):
    """A map that needs no network: brightness."""
    return (frames.mean(1, keepdims=True) / 255.0).astype(np.float32)


def signals(feature_size=3, weight=1.0):
    env = AffordanceObservation(Pictures(), luminance, "a tree", JumpFlag())
    return LongTermSignals(env, "a tree", Means(feature_size), scorer_weight=weight)


def test_refused_signals_change_nothing():
    env, longer, without = signals(), signals(4), signals(weight=0.0)
    for wrapper in (env, longer, without):
        wrapper.reset(seed=0)
        wrapper.step(0)
    before, good = listed(env.state_dict()), env.state_dict()
    bad = [longer.state_dict(), without.state_dict(), None, {}, {name: good[name] for name in ("window", "best")}]
    for name, held in good.items():
        odd = ["?", None, held[..., None], held[:1], held.astype(complex), np.full_like(held, np.nan)]
        bad += [{**good, name: value} for value in odd]
    for state in bad:
        with pytest.raises(ValueError, match=r"expected|expected shape"):
            env.load_state_dict(state)
        assert listed(env.state_dict()) == before
    twin = signals()
    twin.load_state_dict(good)
    held = twin.state_dict()
    env.step(0)
    assert listed(twin.state_dict()) == listed(held) == before  # a copy of the state, not a view
