"""Every kind and number format of observation, through every wrapper and autoreset mode, and restored in mid-episode."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym import wrappers
from papergym.wrappers.intrinsic import BONUSES, Transitions, make_bonus

QUICK = {
    "RND": {"warmup": 2, "every": 4, "batch_size": 4, "hidden": 8},
    "ICM": {"every": 4, "batch_size": 4, "hidden": 8},
    "Disagreement": {"every": 4, "batch_size": 4, "hidden": 8},
    "NGU": {"k": 3, "every": 4, "batch_size": 4, "hidden": 8},
    "PrototypeNovelty": {"prototypes": 4, "size": 16, "batch_size": 4},
    "APT": {"k": 2},
    "EpisodicNovelty": {"k": 3},
    "CountBonus": {"bits": 2},
    "E3B": {"dim": 4, "every": 4, "batch_size": 4, "hidden": 8},
    "RIDE": {"dim": 4, "bits": 2, "every": 4, "batch_size": 4, "hidden": 8},
    "PseudoCounts": {"width": 1.0},
}
BOX = gym.spaces.Box(-np.inf, np.inf, (3,), np.float32)
IMAGE = gym.spaces.Box(0, 255, (12, 12, 3), np.uint8)
KINDS = {
    "float16": (gym.spaces.Box(-np.inf, np.inf, (3,), np.float16), lambda x: x.astype(np.float16)),
    "float64": (gym.spaces.Box(-np.inf, np.inf, (3,), np.float64), lambda x: x.astype(np.float64) / 3),
    "discrete": (gym.spaces.Discrete(7, start=2), lambda x: np.int64(2 + abs(int(10 * x[0])) % 7)),
    "multi-discrete": (gym.spaces.MultiDiscrete([3, 4]), lambda x: np.abs(10 * x[:2]).astype(np.int64) % 3),
    "multi-binary": (gym.spaces.MultiBinary(3), lambda x: (x > 0).astype(np.int8)),
    "image": (IMAGE, lambda x: (np.outer(np.arange(144), x) % 256).astype(np.uint8).reshape(12, 12, 3)),
    "dict": (gym.spaces.Dict({"a": BOX, "b": gym.spaces.Discrete(2)}), lambda x: {"a": x, "b": int(x[0] > 0)}),
}
KINDS["image and dict"] = (
    gym.spaces.Dict({"eye": IMAGE, "body": BOX}),
    lambda x: {"eye": KINDS["image"][1](x), "body": x},
)
KINDS["nested dict"] = (
    gym.spaces.Dict({"z": gym.spaces.Dict({"eye": IMAGE, "body": BOX}), "a": gym.spaces.Discrete(2)}),
    lambda x: {"z": KINDS["image and dict"][1](x), "a": int(x[0] > 0)},
)


def maker(worlds, kind):
    space, change = KINDS[kind]
    return lambda: gym.wrappers.TransformObservation(worlds.Script(seed=1), change, space)


def play(wrapper, mode, steps, start=0):
    """Intrinsic rewards of one environment behind a wrapper, without the steps that were resets."""
    paid, t = [], start
    while len(paid) < steps:
        if mode == "single":
            _, _, terminated, truncated, info = wrapper.step(t % 3)
            paid.append(info["reward_intrinsic"])
            if terminated or truncated:
                wrapper.reset()
        elif mode == "sb3":
            paid.append(wrapper.step(np.array([t % 3]))[3][0]["reward_intrinsic"])
        else:
            _, _, terminated, truncated, info = wrapper.step(np.array([t % 3]))
            if not info["_reward_intrinsic"][0]:
                continue
            paid.append(info["reward_intrinsic"][0])
            if mode == "DISABLED" and (terminated | truncated).any():
                wrapper.reset(options={"reset_mask": terminated | truncated})
        t += 1
    return paid


def build(worlds, kind, mode, name):
    make = maker(worlds, kind)
    if mode == "single":
        env = make()
    elif mode == "sb3":
        env = DummyVecEnv([make])
    else:
        env = SyncVectorEnv([make], autoreset_mode=AutoresetMode[mode])
    return wrappers.add_intrinsic_reward(env, name, **QUICK.get(name, {}))


@pytest.mark.parametrize("name", [name for name in BONUSES if name not in ("APT", "RE3")])
@pytest.mark.parametrize("kind", KINDS)
def test_wrappers_and_modes_agree(kind, name, worlds):
    expected = None
    for mode in ("single", *(mode.name for mode in AutoresetMode), "sb3"):
        if mode == "sb3" and kind == "nested dict":
            continue  # which stable-baselines3 does not take
        wrapper = build(worlds, kind, mode, name)
        wrapper.reset()
        paid = play(wrapper, mode, 14)
        expected = paid if expected is None else expected
        np.testing.assert_allclose(paid, expected, rtol=1e-5, atol=1e-7, err_msg=mode)
    assert np.isfinite(expected).all() and np.ptp(expected) > 0


@pytest.mark.parametrize("name", ["KNNNovelty", "RND", "NGU", "CountBonus", "E3B", "RIDE", "PseudoCounts"])
@pytest.mark.parametrize("kind", KINDS)
def test_restored_in_the_middle_of_an_episode(kind, name, worlds):
    wrapper = build(worlds, kind, "single", name)
    wrapper.reset()
    play(wrapper, "single", 6)  # episodes last 3, 5, 1, 4 steps: the second one is running
    state = wrapper.state_dict()
    expected = play(wrapper, "single", 8, start=6)
    again = build(worlds, kind, "single", name)
    again.reset()
    play(again, "single", 6)
    again.bonus = make_bonus(name, **QUICK.get(name, {})).bind(again.observation_space, again.action_space)
    again.load_state_dict(state)
    np.testing.assert_array_equal(play(again, "single", 8, start=6), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int64, np.int8, bool])
@pytest.mark.parametrize("name", BONUSES)
def test_the_number_format_does_not_matter(name, dtype):
    rng, paid = np.random.default_rng(0), {}
    rows = rng.integers(0, 2 if dtype is bool else 9, size=(2, 12, 4))
    for kind in (np.float32, dtype):
        bonus = make_bonus(name, **QUICK.get(name, {}), **({"hash": "simhash"} if name in ("CountBonus", "RIDE") else {}))
        obs, next_obs = rows.astype(kind)
        batch = Transitions(obs=obs, next_obs=next_obs, action=np.zeros((12, 1), np.float32))
        paid[kind] = [bonus.reward(batch) for _ in range(3)]
        assert paid[kind][0].dtype == np.float32
    np.testing.assert_array_equal(paid[np.float32], paid[dtype])


def test_ids_and_numbers_by_hand():
    ids = make_bonus("KNNNovelty", k=1).bind(gym.spaces.MultiDiscrete([3, 4], start=[2, -1]))
    ids.observe(np.array([[2, -1]]))  # the first id of both
    np.testing.assert_allclose(ids.score(np.array([[2, -1], [4, -1], [4, 2]])), [0.0, np.sqrt(2), 2.0], rtol=1e-6)
    with pytest.raises(ValueError, match="outside its space"):
        ids.score(np.array([[1, 0]]))
    number = make_bonus("KNNNovelty", k=1).bind(gym.spaces.Box(-1, 1, ()))
    number.observe(np.array([0.25]))
    np.testing.assert_allclose(number.score(np.array([0.25, -0.5])), [0.0, 0.75])


def test_undeclared_autoreset_through_the_short_spelling(worlds):
    envs = SyncVectorEnv([maker(worlds, "float64")], autoreset_mode=AutoresetMode.SAME_STEP)
    envs.metadata = {}
    with pytest.raises(ValueError, match="pass autoreset_mode"):
        wrappers.NoveltyReward(envs)
    wrapper = wrappers.NoveltyReward(envs, k=2, autoreset_mode=AutoresetMode.SAME_STEP)
    assert wrapper.mode is AutoresetMode.SAME_STEP and wrapper.bonus.k == 2
    wrapper.reset()
    declared = build(worlds, "float64", "SAME_STEP", "KNNNovelty")
    declared.bonus.k = 2
    declared.reset()
    np.testing.assert_array_equal(play(wrapper, "SAME_STEP", 9), play(declared, "SAME_STEP", 9))
