"""A checkpoint in the middle of an episode restores the same next rewards, through one file and into fresh objects."""

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym import wrappers
from papergym.agents.checkpoint.state import load_state, save_state
from papergym.wrappers.intrinsic import KNNNovelty, Transitions, make_bonus

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
    "E3B": {"dim": 4, **QUICK},
    "RIDE": {"dim": 4, "hash": "grid", "width": 2.0, **QUICK},
    "PseudoCounts": {"width": 1.0},
}
KINDS = ("single", *(mode.name for mode in AutoresetMode), "sb3")


def build(kind, name, worlds):
    name, arguments = name.split()[0], BONUSES[name]
    if kind == "single":
        env = worlds.Script(seed=1)
    elif kind == "sb3":
        env = DummyVecEnv([lambda i=i: worlds.Script(seed=i) for i in range(3)])
    else:
        makers = [lambda i=i: worlds.Script(seed=i) for i in range(3)]
        env = SyncVectorEnv(makers, autoreset_mode=AutoresetMode[kind])
    return wrappers.add_intrinsic_reward(env, name, normalize=True, decay=0.01, **arguments)


def advance(kind, wrapped, steps):
    """Rewards of some steps."""
    paid = []
    for t in range(steps):
        if kind == "single":
            _, reward, terminated, truncated, _ = wrapped.step(t % 3)
            if terminated or truncated:
                wrapped.reset()
        elif kind == "sb3":
            _, reward, *_ = wrapped.step(np.full(3, t % 3))
        else:
            _, reward, terminated, truncated, _ = wrapped.step(np.full(3, t % 3))
            if kind == "DISABLED" and (terminated | truncated).any():
                wrapped.reset(options={"reset_mask": terminated | truncated})
        paid.append(np.array(reward))
    return paid


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", BONUSES)
def test_next_rewards_are_the_same(kind, name, worlds, tmp_path):
    if kind in ("SAME_STEP", "DISABLED") and name not in ("KNNNovelty episodic", "NGU", "E3B", "RIDE"):
        return  # those modes differ in the episodes only
    wrapped = build(kind, name, worlds)
    wrapped.reset()
    advance(kind, wrapped, 17)
    save_state(tmp_path / "bonus", wrapped.state_dict(), kind="test")
    expected, inner = advance(kind, wrapped, 17), build(kind, name, worlds)
    inner.reset()
    advance(kind, inner, 17)  # brings the world to the same place, and the bonus with it
    again = build(kind, name, worlds)
    again.env = inner.env if kind != "sb3" else None
    if kind == "sb3":
        again.venv = inner.venv
    again.load_state_dict(load_state(tmp_path / "bonus", kind="test"))
    np.testing.assert_array_equal(advance(kind, again, 17), expected)


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


@pytest.mark.parametrize("name", [*BONUSES, "KNNNovelty embedded"])
def test_a_pickled_bonus_goes_on_as_the_original(name, worlds):
    """As stable-baselines3 saves replay buffers, the bonus inside; with a thread, in the middle of a round."""
    arguments = {**BONUSES, "KNNNovelty embedded": {"embed": np.square}}[name]
    wrapped = wrappers.add_intrinsic_reward(worlds.Script(seed=1), name.split()[0], normalize=False, **arguments)
    wrapped.reset()
    advance("single", wrapped, 29)
    pickled = pickle.dumps(wrapped.bonus)
    world = copy.deepcopy(wrapped.env)
    expected = advance("single", wrapped, 17)
    again = wrappers.IntrinsicReward(world, pickle.loads(pickled), normalize=False)
    again._obs = None if wrapped._obs is None else world.unwrapped.buffer[None].copy()
    np.testing.assert_array_equal(advance("single", again, 17), expected)


def test_states_of_other_bonuses_and_sizes_are_refused():
    rows = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    bonus = KNNNovelty(size=10)
    bonus.observe(rows)
    state = bonus.state_dict()
    with pytest.raises(ValueError, match=r"belongs to 'KNNNovelty', this is a RE3"):
        make_bonus("RE3").load_state_dict(state)
    with pytest.raises(ValueError, match=r"size=10 \(here 20\)"):
        KNNNovelty(size=20).load_state_dict(state)


SIZES = {**BONUSES, "APT": {"k": 3}, "CountBonus exact": {"hash": "exact"}, "KNNNovelty callable": {"embed": lambda obs: obs}}


def transitions(width):
    rng = np.random.default_rng(0)
    obs, next_obs = rng.standard_normal((2, 6, width)).astype(np.float32)
    return Transitions(obs=obs, next_obs=next_obs, action=rng.standard_normal((6, 2)).astype(np.float32))


@pytest.mark.parametrize("name", SIZES)
def test_a_state_of_another_size_is_refused(name):
    """The message names the bonus, the size expected and the size given; the bonus goes on as if nothing had happened."""
    kind = name.split()[0]
    saved, narrow, fresh = (make_bonus(kind, **SIZES[name]) for _ in range(3))
    saved.reward(transitions(4))
    narrow.reward(transitions(3))
    before = narrow.score(transitions(3))
    message = rf"{kind} takes inputs of sizes .*(\(3,\)|\(24,\)).*saved with .*(\(4,\)|\(32,\)).* fresh bonus"  # keys: float64
    with pytest.raises(ValueError, match=message):
        narrow.load_state_dict(saved.state_dict())
    np.testing.assert_array_equal(narrow.score(transitions(3)), before)
    fresh.load_state_dict(saved.state_dict())  # a bonus that has seen nothing takes the state, and refuses narrow observations
    with pytest.raises(ValueError, match=r"\(4,\)|\(n, 4\)|32 bytes"):
        fresh.score(transitions(3))


@pytest.mark.parametrize("name", ["RND", "ICM", "NGU", "Disagreement", "E3B", "RIDE"])
def test_a_state_with_another_action_or_image_is_refused(name):
    rng = np.random.default_rng(0)

    def batch(pixels, actions):
        frames = rng.integers(256, size=(2, 4, pixels, pixels, 3), dtype=np.uint8)
        return Transitions(obs=frames[0], next_obs=frames[1], action=np.zeros((4, actions), np.float32))

    bonuses = {size: make_bonus(name, hidden=16) for size in ((12, 2), (16, 2), (12, 3))}
    for size, bonus in bonuses.items():
        bonus.observe(batch(*size))
    with pytest.raises(ValueError, match=rf"{name}.*\(3, 16, 16\).*\(3, 12, 12\)"):
        bonuses[16, 2].load_state_dict(bonuses[12, 2].state_dict())
    if name != "RND":  # which never reads actions
        with pytest.raises(ValueError, match=rf"{name}.*'action': \(3,\).*'action': \(2,\)"):
            bonuses[12, 3].load_state_dict(bonuses[12, 2].state_dict())


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_wrapper_to_more_environments_is_refused(kind, worlds):
    wrapped, single = build(kind, "KNNNovelty", worlds), build("single", "KNNNovelty", worlds)
    wrapped.reset()
    advance(kind, wrapped, 5)
    single.reset()
    with pytest.raises(ValueError, match=r"saved around 3 environments, here are 1; .*state\['bonus'\]"):
        single.load_state_dict(wrapped.state_dict())
    single.bonus.load_state_dict(wrapped.state_dict()["bonus"])
    assert single.bonus.stats()["rewards"] == wrapped.bonus.stats()["rewards"]


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


def close_quantiles(stats, distances):
    for q in (5, 50, 95):
        assert stats[f"distance_q{q:02d}"] == pytest.approx(np.quantile(distances[-1024:], q / 100), rel=1e-5)


@pytest.mark.parametrize("aggregate", ["kth", "mean"])
def test_quantiles_are_of_distances_before_transforms(aggregate, reference):
    """Distances to the k-th neighbour by float64 brute force, the latest 1,024 of them."""
    rng, rows, expected = np.random.default_rng(0), [], []
    bonus = KNNNovelty(k=3, size=4096, scaling="std", transform="log1p", aggregate=aggregate)
    for n in [1] * 30 + [40] * 30:
        batch = rng.standard_normal((n, 3)).astype(np.float32)
        bonus.reward(batch)
        expected += [reference.nearest(x, rows, 3)[-1] for x in batch] if rows else []
        rows += list(batch)
    close_quantiles(bonus.stats(), expected)


@pytest.mark.parametrize("name", ["EpisodicNovelty", "NGU"])
def test_quantiles_wait_for_k_neighbours(name, reference):
    rng, start, expected = np.random.default_rng(0), np.zeros((1, 3), np.float32), []
    bonus = make_bonus(name, k=3)
    rows = None
    for t in range(20):
        x = rng.standard_normal((1, 3)).astype(np.float32)
        bonus.reward(Transitions(obs=start, next_obs=x, action=start))
        embed = bonus._controllable if name == "NGU" else lambda obs: obs
        rows = [embed(start)[0]] if rows is None else rows
        expected += [reference.nearest(embed(x)[0], rows, 3)[-1]] if t >= 2 else []
        rows.append(embed(x)[0])
        assert ("distance_q50" in bonus.stats()) == (t >= 2)
    close_quantiles(bonus.stats(), expected)


def test_discrete_worlds_count_exactly():
    env = wrappers.CountReward(gym.make("FrozenLake-v1", is_slippery=False), normalize=False)
    env.reset(seed=0)
    for visits in range(1, 6):  # up, against the wall: the same state again
        assert env.step(3)[4]["reward_intrinsic"] == pytest.approx(visits**-0.5)
    assert env.bonus.stats()["states"] == 1
