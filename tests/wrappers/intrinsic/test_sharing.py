"""One bonus in several wrappers: an episodic one is refused, since all episodes would lie in one slot."""

import copy
import gc
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym.wrappers import IntrinsicReward, add_intrinsic_reward
from papergym.wrappers.intrinsic import BONUSES, EpisodicNovelty, make_bonus

EPISODIC = [name for name in BONUSES if make_bonus(name).episodic]


@pytest.fixture
def wrap(worlds):
    return lambda bonus, seed=0: IntrinsicReward(worlds.Script(seed=seed), bonus, normalize=False)


@pytest.mark.parametrize("name", EPISODIC)
def test_a_second_wrapper_around_an_episodic_bonus_is_refused(name, wrap):
    bonus = make_bonus(name)
    first, second, alone = wrap(bonus), wrap(bonus, 1), wrap(make_bonus(name))
    first.reset()
    alone.reset()
    paid = [first.step(0)[1]]
    for _ in range(2):
        with pytest.raises(ValueError, match=rf"a second one around the same {name}.*papergym\.wrappers\.vector\.IntrinsicR"):
            second.reset()
    assert second.unwrapped.episode == -1  # the environment was not reset either
    paid.append(first.step(0)[1])
    assert paid == [alone.step(0)[1] for _ in range(2)]
    first.reset()  # and again, as often as it likes


@pytest.mark.parametrize("kind", ["vector", "sb3"])
@pytest.mark.parametrize("name", EPISODIC)
def test_wrappers_of_many_environments_do_not_share_it_either(name, kind, wrap, worlds):
    bonus, makers = make_bonus(name), [worlds.Script] * 2
    many = add_intrinsic_reward(SyncVectorEnv(makers) if kind == "vector" else DummyVecEnv(makers), bonus)
    many.reset()
    with pytest.raises(ValueError, match="got a second one"):
        wrap(bonus).reset()
    many.reset()
    many.step(np.zeros(2, int))
    for again in (add_intrinsic_reward(SyncVectorEnv(makers), bonus), add_intrinsic_reward(DummyVecEnv(makers), bonus)):
        with pytest.raises(ValueError, match="got a second one"):
            again.reset()


def test_a_bonus_whose_objects_compare_by_value(wrap):
    @dataclass(kw_only=True)
    class Mine(EpisodicNovelty):
        k: int = 3

    bonus = Mine()
    first = wrap(bonus)
    first.reset()
    with pytest.raises(ValueError, match="the same Mine"):
        wrap(bonus).reset()
    wrap(Mine()).reset()


@pytest.mark.parametrize("name", EPISODIC)
def test_dropped_wrappers_and_copies_do_not_count(name, wrap):
    bonus = make_bonus(name)
    first = wrap(bonus)
    first.reset()
    first.step(0)
    twins = [wrap(copy.deepcopy(bonus)), wrap(pickle.loads(pickle.dumps(bonus))), copy.deepcopy(first)]
    for twin in twins:
        twin.reset()
        assert np.isfinite(twin.step(0)[1])
    first.itself = first  # a cycle, which only the garbage collector finds
    gc.disable()
    try:
        del first
        after = wrap(bonus, 1)
        after.reset()
        assert np.isfinite(after.step(0)[1])
    finally:
        gc.enable()


def test_other_bonuses_are_shared(wrap):
    bonus = make_bonus("CountBonus", hash="exact")
    first, second = wrap(bonus), wrap(bonus)  # the same world twice
    for wrapper in (first, second):
        wrapper.reset()
    assert first.step(0)[1] == pytest.approx(2.0) and second.step(0)[1] == pytest.approx(1 + 2**-0.5)
