"""A checkpoint in the middle of an episode restores the same next rewards, through one file and into fresh objects."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym import wrappers
from papergym.agents.common.state import load_state, save_state
from papergym.wrappers.intrinsic import KNNNovelty, make_bonus

QUICK = {"every": 8, "batch_size": 8, "hidden": 16}
BONUSES = {
    "KNNNovelty": {"size": 20, "scaling": "std"},
    "KNNNovelty episodic": {"memory": "episodic", "size": 8, "scaling": "mean"},
    "RE3": {"size": 20},
    "PrototypeNovelty": {"prototypes": 4, "size": 16, "batch_size": 8},
    "EpisodicNovelty": {"k": 3},
    "RND": {"warmup": 4, **QUICK},
    "RND background": {"warmup": 4, "background": True, **QUICK},
    "ICM": QUICK,
    "Disagreement": QUICK,
    "NGU": {"k": 3, **QUICK},
    "CountBonus": {"hash": "grid", "width": 1.0},
    "CountBonus simhash": {"hash": "simhash"},
}
DOORS = ("single", *(mode.name for mode in AutoresetMode), "sb3")


def build(door, name, worlds):
    name, arguments = name.split()[0], BONUSES[name]
    if door == "single":
        env = worlds.Script(seed=1)
    elif door == "sb3":
        env = DummyVecEnv([lambda i=i: worlds.Script(seed=i) for i in range(3)])
    else:
        makers = [lambda i=i: worlds.Script(seed=i) for i in range(3)]
        env = SyncVectorEnv(makers, autoreset_mode=AutoresetMode[door])
    return wrappers.add_intrinsic_reward(env, name, normalise=True, decay=0.01, **arguments)


def advance(door, wrapped, steps):
    """Rewards of some steps."""
    paid = []
    for t in range(steps):
        if door == "single":
            _, reward, terminated, truncated, _ = wrapped.step(t % 3)
            if terminated or truncated:
                wrapped.reset()
        elif door == "sb3":
            _, reward, *_ = wrapped.step(np.full(3, t % 3))
        else:
            _, reward, terminated, truncated, _ = wrapped.step(np.full(3, t % 3))
            if door == "DISABLED" and (terminated | truncated).any():
                wrapped.reset(options={"reset_mask": terminated | truncated})
        paid.append(np.array(reward))
    return paid


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", BONUSES)
def test_next_rewards_are_the_same(door, name, worlds, tmp_path):
    if door in ("SAME_STEP", "DISABLED") and name not in ("KNNNovelty episodic", "NGU"):
        return  # those modes differ in the episodes only
    wrapped = build(door, name, worlds)
    wrapped.reset()
    advance(door, wrapped, 17)
    save_state(tmp_path / "bonus", wrapped.state_dict(), kind="test")
    expected, inner = advance(door, wrapped, 17), build(door, name, worlds)
    inner.reset()
    advance(door, inner, 17)  # brings the world to the same place, and the bonus with it
    again = build(door, name, worlds)
    again.env = inner.env if door != "sb3" else None
    if door == "sb3":
        again.venv = inner.venv
    again.load_state_dict(load_state(tmp_path / "bonus", kind="test"))
    np.testing.assert_array_equal(advance(door, again, 17), expected)


@pytest.mark.parametrize("name", BONUSES)
def test_a_loaded_bonus_saves_the_same_state(name, worlds):
    wrapped = build("single", name, worlds)
    wrapped.reset()
    advance("single", wrapped, 30)
    state = wrapped.bonus.state_dict()
    twin = make_bonus(name.split()[0], **BONUSES[name])
    twin.load_state_dict(state)  # before it has seen any observation

    def flat(part, prefix=""):
        for key, value in part.items():
            yield from flat(value, f"{prefix}{key}/") if isinstance(value, dict) else [(prefix + key, value)]

    first, second = dict(flat(state)), dict(flat(twin.state_dict()))
    assert first.keys() == second.keys()
    for key, value in first.items():
        np.testing.assert_array_equal(np.asarray(value), np.asarray(second[key]), err_msg=key)


def test_states_of_other_bonuses_and_sizes_are_refused():
    rows = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    bonus = KNNNovelty(size=10)
    bonus.observe(rows)
    state = bonus.state_dict()
    with pytest.raises(ValueError, match=r"belongs to 'KNNNovelty', this is a RE3"):
        make_bonus("RE3").load_state_dict(state)
    with pytest.raises(ValueError, match=r"size=10 \(here 20\)"):
        KNNNovelty(size=20).load_state_dict(state)
    other = KNNNovelty(size=10)
    other.observe(rows[:, :3])
    before = other.score(rows[:, :3])
    with pytest.raises(ValueError, match="length 4, this bonus has seen length 3"):
        other.load_state_dict(state)
    np.testing.assert_array_equal(other.score(rows[:, :3]), before)
    rnd, narrow = make_bonus("RND"), make_bonus("RND")
    rnd.observe(rows)
    narrow.observe(rows[:, :3])
    with pytest.raises(RuntimeError, match="size mismatch"):
        narrow.load_state_dict(rnd.state_dict())


def test_seeds_decide():
    rows = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)
    for name in ("RND", "RE3", "PrototypeNovelty"):
        options = {"warmup": 0} if name == "RND" else {"prototypes": 4, "size": 16, "batch_size": 8} if "P" in name else {}
        paid = []
        for seed in (0, 0, 1):
            bonus = make_bonus(name, seed=seed, **options)
            bonus.observe(rows)
            paid.append(bonus.score(rows + 0.1))
        np.testing.assert_array_equal(paid[0], paid[1])
        assert not np.allclose(paid[0], paid[2])


def test_diagnostics_are_what_was_paid():
    bonus, rng, paid = KNNNovelty(size=2000), np.random.default_rng(0), []
    for n in (1, 1, 3, 500, 1, 900):
        paid.append(bonus.reward(rng.standard_normal((n, 3)).astype(np.float32)))
    paid, stats = np.concatenate(paid), bonus.stats()
    assert stats["rewards"] == len(paid)
    assert stats["zero_fraction"] == pytest.approx((paid == 0).mean())
    assert stats["reward_mean"] == pytest.approx(paid.mean(), rel=1e-5)
    assert stats["reward_q50"] == pytest.approx(np.quantile(paid[-1024:], 0.5), rel=1e-6)
    assert stats["memory_fill"] == len(paid) / 2000
    assert make_bonus("RND").stats() == {"rewards": 0.0, "transitions": 0.0}


def test_discrete_worlds_count_exactly():
    env = wrappers.CountReward(gym.make("FrozenLake-v1", is_slippery=False))
    env.reset(seed=0)
    for visits in range(1, 6):  # up, against the wall: the same state again
        assert env.step(3)[4]["reward_intrinsic"] == pytest.approx(visits**-0.5)
    assert env.bonus.stats()["states"] == 1
