"""By default a bonus is of the order of the environment's own reward, whatever its unit; the raw value stays within reach."""

import gymnasium as gym
import numpy as np
import pytest

import papergym
from papergym.wrappers.intrinsic import KNNNovelty, RewardMixer


def rewards(env, steps=1500):
    """Mean extrinsic and intrinsic reward of a random policy after the first episodes' steps."""
    env.action_space.seed(0)
    env.reset(seed=0)
    found = []
    for _ in range(steps):
        _, paid, terminated, truncated, info = env.step(env.action_space.sample())
        found.append((info["reward_extrinsic"], info["reward_intrinsic"], paid))
        if terminated or truncated:
            env.reset()
    return np.mean(found, axis=0)


@pytest.mark.parametrize("task", ["WalkerStand", "WalkerWalk", "WalkerRun"])
def test_novelty_is_of_the_order_of_the_walkers_reward(task):
    extrinsic, intrinsic, paid = rewards(papergym.wrappers.NoveltyReward(gym.make(f"DMC-{task}-v0"), k=3))
    assert paid == pytest.approx(extrinsic + intrinsic)
    assert extrinsic / 5 < intrinsic < 5 * extrinsic
    _, raw, _ = rewards(papergym.wrappers.NoveltyReward(gym.make(f"DMC-{task}-v0"), k=3, normalize=False))
    assert raw > 50 * extrinsic  # distances between states, which have nothing to do with the task


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_the_default_does_not_depend_on_the_unit_of_the_bonus(scale):
    """The same novelty in another unit is paid the same, and its discounted sum varies by about 1."""
    wrapped = papergym.wrappers.IntrinsicReward(gym.make("Pendulum-v1"), KNNNovelty(embed=lambda x: x * np.float32(scale)))
    _, intrinsic, _ = rewards(wrapped, 600)
    expected = papergym.wrappers.NoveltyReward(gym.make("Pendulum-v1"))
    assert intrinsic == pytest.approx(rewards(expected, 600)[1], rel=1e-3)


def test_normalize_false_pays_what_the_bonus_scores():
    wrapped = papergym.wrappers.NoveltyReward(gym.make("Pendulum-v1"), k=2, normalize=False, mix="replace")
    wrapped.reset(seed=0)
    wrapped.action_space.seed(0)
    alone = KNNNovelty(k=2)
    for _ in range(20):
        observation, paid, *_, info = wrapped.step(wrapped.action_space.sample())
        assert paid == info["reward_intrinsic"] == pytest.approx(float(alone.reward(observation[None])[0]))


def test_all_kinds_of_wrapper_and_all_spellings_normalize():
    env, venv = gym.make("Pendulum-v1"), gym.make_vec("Pendulum-v1", 2)
    found = [papergym.wrappers.add_intrinsic_reward(kind, "KNNNovelty") for kind in (env, venv)]
    found += [papergym.wrappers.IntrinsicReward(env, "RND"), papergym.wrappers.RE3Reward(env)]
    assert all(wrapped.mixer.normalize for wrapped in found) and RewardMixer().normalize


@pytest.mark.parametrize("value", [True, False])
def test_the_old_spelling_works_with_a_warning(value):
    makers = (
        lambda **kw: papergym.wrappers.NoveltyReward(gym.make("Pendulum-v1"), **kw).mixer,
        lambda **kw: papergym.wrappers.add_intrinsic_reward(gym.make("Pendulum-v1"), "RND", **kw).mixer,
        lambda **kw: papergym.wrappers.IntrinsicReward(gym.make("Pendulum-v1"), "RND", **kw).mixer,
        lambda **kw: papergym.wrappers.vector.IntrinsicReward(gym.make_vec("Pendulum-v1", 2), "RND", **kw).mixer,
        lambda **kw: RewardMixer(**kw),
    )
    for make in makers:
        with pytest.warns(FutureWarning, match="normalise= is called normalize= now"):
            assert make(normalise=value).normalize is value
        with pytest.raises(TypeError, match="pass normalize= alone"):
            make(normalise=value, normalize=value)


def test_the_old_attribute_works_with_a_warning():
    mixer = RewardMixer(normalize=False)
    with pytest.warns(FutureWarning, match="attribute normalise is called normalize now"):
        assert mixer.normalise is False
    with pytest.warns(FutureWarning, match="normalise"):
        mixer.normalise = True
    assert mixer.normalize is True


def test_warnings_name_the_line_of_the_caller():
    with pytest.warns(FutureWarning) as caught:
        papergym.wrappers.NoveltyReward(gym.make("Pendulum-v1"), normalise=True)
    assert [warning.filename for warning in caught] == [__file__]


def test_a_spec_that_was_saved_with_the_old_spelling_is_rebuilt():
    spec = papergym.wrappers.NoveltyReward(gym.make("Pendulum-v1"), normalize=False).spec
    text = spec.to_json().replace("normalize", "normalise")
    with pytest.warns(FutureWarning, match="normalise"):
        again = gym.make(gym.envs.registration.EnvSpec.from_json(text))
    assert again.mixer.normalize is False
