"""Bad input is refused with its reason, and nothing is stored of it."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv

from papergym import wrappers
from papergym.wrappers.intrinsic import BONUSES, RND, KNNNovelty, Transitions, make_bonus

ROWS = np.random.default_rng(0).standard_normal((16, 4)).astype(np.float32)


def transitions(next_obs, **more):
    n = len(next_obs)
    return Transitions(next_obs=next_obs, obs=ROWS[:n], action=np.zeros((n, 1), np.float32), **more)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", BONUSES)
def test_non_finite_observations(name, value):
    bonus = make_bonus(name, **({"hash": "exact"} if name == "CountBonus" else {}))
    bonus.reward(transitions(ROWS))
    expected = bonus.score(transitions(ROWS))
    bad = ROWS.copy()
    bad[3, 2] = value
    for method in (bonus.reward, bonus.observe, bonus.score):
        with pytest.raises(ValueError, match="non-finite"):
            method(transitions(bad))
    np.testing.assert_array_equal(bonus.score(transitions(ROWS)), expected)


def test_overflow_is_told_from_nan():
    with pytest.raises(ValueError, match="rescale"):
        KNNNovelty().reward(np.full((1, 2), 1e30))


@pytest.mark.parametrize("name", [name for name in BONUSES if name != "CountBonus"])
def test_size_that_changes(name):
    bonus = make_bonus(name)
    bonus.reward(transitions(ROWS))
    with pytest.raises(ValueError, match=r"size must never change|changed from"):
        bonus.reward(transitions(ROWS[:, :3]))


def test_embeddings_are_checked():
    sizes = iter([3, 3, 4])
    bonus = KNNNovelty(embed=lambda obs: np.ones((len(obs), next(sizes))))
    bonus.reward(ROWS)
    bonus.reward(ROWS)
    with pytest.raises(ValueError, match=r"\(16, 4\), expected \(n, 3\)"):
        bonus.reward(ROWS)
    with pytest.raises(ValueError, match="keep the batch axis"):
        KNNNovelty(embed=lambda obs: obs[:2]).reward(ROWS)
    with pytest.raises(ValueError, match="embed is"):
        KNNNovelty(embed="none")


@pytest.mark.parametrize(
    ("name", "arguments", "match"),
    [
        ("KNNNovelty", {"k": 0}, "k is at least 1"),
        ("KNNNovelty", {"size": 2}, "at least k = 3, got 2"),
        ("KNNNovelty", {"memory": "list"}, "'ring', 'batch' or 'episodic', got 'list'"),
        ("KNNNovelty", {"scaling": "max"}, "scaling is one of"),
        ("KNNNovelty", {"order": "last"}, "order is one of"),
        ("EpisodicNovelty", {"size": 5}, "at least k = 10"),
        ("EpisodicNovelty", {"order": "observe_first"}, "must not meet itself"),
        ("PrototypeNovelty", {"size": 1000}, "multiple of prototypes"),
        ("RND", {"lr": 0.0}, "lr is positive"),
        ("RND", {"every": 0}, "every is at least 1"),
        ("ICM", {"error": "l1"}, "error is one of"),
        ("Disagreement", {"models": 1}, "at least 2"),
        ("CountBonus", {"hash": "md5"}, "hash is one of"),
        ("E3B", {"ridge": 0.0}, "ridge is positive"),
        ("E3B", {"dim": 0}, "dim is a whole number from 1"),
        ("E3B", {"order": "observe_first"}, "must not meet itself"),
        ("RIDE", {"order": "observe_first"}, "a visit counts once"),
        ("RIDE", {"forward_weight": -1.0}, "forward_weight is at least 0"),
        ("RIDE", {"inverse_weight": -1.0}, "inverse_weight is at least 0"),
        ("RIDE", {"hash": "md5"}, "hash is one of"),
        ("RIDE", {"width": 0.0}, "width"),
        ("PseudoCounts", {"width": 0.0}, "width is positive"),
        ("PseudoCounts", {"prior": 0.0}, "prior is positive"),
        ("PseudoCounts", {"c": 0.0}, "c is positive"),
        ("PseudoCounts", {"embed": "none"}, "embed is"),
        ("Novelty", {}, "no bonus 'Novelty'; there are KNNNovelty"),
    ],
)
def test_arguments(name, arguments, match):
    with pytest.raises(ValueError, match=match):
        make_bonus(name, **arguments)


def test_a_batch_memory_needs_more_rows_than_k():
    with pytest.raises(ValueError, match="batches of at least 13 rows, got 8"):
        make_bonus("APT").reward(ROWS[:8])


def test_missing_fields_and_empty_batches():
    with pytest.raises(ValueError, match="ICM needs `obs`"):
        make_bonus("ICM").reward(ROWS)
    with pytest.raises(ValueError, match="empty batch"):
        KNNNovelty().reward(ROWS[:0])
    for name in ("EpisodicNovelty", "E3B", "RIDE"):
        with pytest.raises(ValueError, match="one transition per environment"):
            make_bonus(name).reward(transitions(ROWS[:2], env=np.zeros(2, int)))


def test_discrete_observations_need_their_space():
    ids = np.array([0, 2, 1])
    with pytest.raises(ValueError, match="bind"):
        KNNNovelty().reward(ids)
    bonus = KNNNovelty(k=1).bind(gym.spaces.Discrete(3))
    bonus.observe(ids[:1])
    np.testing.assert_allclose(bonus.score(ids), [0.0, np.sqrt(2), np.sqrt(2)], rtol=1e-6)
    with pytest.raises(ValueError, match="outside its space"):
        bonus.score(np.array([3]))


def test_diverged_networks_are_named():
    bonus = RND(warmup=0)
    bonus.reward(ROWS)
    for parameter in bonus.learner.net["predictor"].parameters():
        parameter.data.fill_(np.nan)
    with pytest.raises(FloatingPointError, match="RND gave a reward that is not finite"):
        bonus.reward(ROWS)


def test_wrapper_arguments():
    env = gym.make("CartPole-v1")
    with pytest.raises(ValueError, match="mix is one of"):
        wrappers.IntrinsicReward(env, "RND", mix="multiply")
    with pytest.raises(ValueError, match="decay"):
        wrappers.IntrinsicReward(env, "RND", decay=1.5)
    with pytest.raises(TypeError, match="Bonus or the name"):
        wrappers.IntrinsicReward(env, 3)
    with pytest.raises(TypeError, match="built already"):
        wrappers.IntrinsicReward(env, KNNNovelty(), bonus_arguments={"k": 3})
    pair = gym.wrappers.TransformObservation(
        env, lambda obs: (obs, obs), gym.spaces.Tuple([env.observation_space, env.observation_space])
    )
    for kind in (pair, SyncVectorEnv([lambda: pair])):
        with pytest.raises(ValueError, match="Tuple observations are not supported; use a Dict"):
            wrappers.NoveltyReward(kind)
    with pytest.raises(ValueError, match=r"ICM reads actions of Box.*got Dict"):
        make_bonus("ICM").bind(env.observation_space, gym.spaces.Dict(push=env.action_space))
    with pytest.raises(ValueError, match="at least 13 rows, got 8"):
        wrappers.add_intrinsic_reward(SyncVectorEnv([lambda: env] * 8), "APT")


@pytest.mark.parametrize("field", ["obs", "action", "done", "env"])
@pytest.mark.parametrize("name", ["EpisodicNovelty", "ICM", "E3B", "RIDE"])
def test_fields_of_another_length(name, field):
    """Before the check, a short ``env`` let compiled code read outside its arrays."""
    short = {"obs": ROWS[:3], "action": np.zeros((3, 1)), "done": np.zeros(3, bool), "env": np.arange(3)}[field]
    batch = transitions(ROWS)
    setattr(batch, field, short)
    for method in ("reward", "observe", "score"):
        with pytest.raises(ValueError, match=f"got 16 next_obs but 3 `{field}`"):
            getattr(make_bonus(name), method)(batch)


@pytest.mark.parametrize("name", ["ICM", "Disagreement", "NGU", "E3B", "RIDE"])
def test_non_finite_actions(name):
    bonus = make_bonus(name)
    batch = transitions(ROWS)
    batch.action = np.where(np.arange(16)[:, None] == 5, np.nan, 0.0)
    for method in (bonus.reward, bonus.observe, bonus.score):
        with pytest.raises(ValueError, match="non-finite action: row 5, element 0"):
            method(batch)
    assert bonus.learner is None or bonus.learner.seen == 0


@pytest.mark.parametrize("name", ["KNNNovelty", "RND", "CountBonus", "RE3", "PseudoCounts"])
def test_a_dict_observation_that_lacks_a_part(name):
    box = gym.spaces.Box(-9, 9, (4,), np.float32)
    bonus = make_bonus(name).bind(gym.spaces.Dict(a=box, b=box))
    bonus.reward({"a": ROWS, "b": ROWS})
    with pytest.raises(ValueError, match=r"lacks \['b'\]; it has \['a'\]"):
        bonus.reward({"a": ROWS})


def test_sizes_that_do_not_fit_the_observations():
    with pytest.raises(ValueError, match="width has 2 edges, observations have 4"):
        make_bonus("CountBonus", hash="grid", width=(0.1, 0.2)).reward(ROWS)
    prototypes = make_bonus("PrototypeNovelty", embed="flat", prototypes=4, size=16, batch_size=4)
    prototypes.set_prototypes(np.ones((4, 3)))
    with pytest.raises(ValueError, match="prototypes have 3 elements, embeddings 4"):
        prototypes.reward(ROWS)
    with pytest.raises(ValueError, match=r"the batch first.*got shape \(4,\)"):
        KNNNovelty().bind(gym.spaces.Box(-9, 9, (4,))).reward(ROWS[0])


def test_words_need_an_embedding():
    space, words = gym.spaces.Text(4), np.array(["a", "bb", "dddd"])
    with pytest.raises(ValueError, match="pass embed= a function"):
        KNNNovelty().bind(space).reward(words)
    bonus = KNNNovelty(k=1, embed=lambda batch: np.array([[len(word)] for word in batch])).bind(space)
    bonus.observe(words[:1])
    assert bonus.score(words).tolist() == [0.0, 1.0, 3.0]


def test_states_of_something_else():
    wrapper = wrappers.NoveltyReward(gym.make("CartPole-v1"))
    vector = wrappers.NoveltyReward(SyncVectorEnv([lambda: gym.make("CartPole-v1")]))
    for wrapped, state in ((wrapper, wrapper.bonus.state_dict()), (wrapper, {}), (vector, wrapper.state_dict())):
        with pytest.raises(ValueError, match="expected what state_dict"):
            wrapped.load_state_dict(state)
    for state in (wrapper.state_dict(), {}):
        with pytest.raises(ValueError, match=r"expected what bonus\.state_dict"):
            wrapper.bonus.load_state_dict(state)
