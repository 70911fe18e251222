import pickle

import gymnasium as gym
import numpy as np
import pytest

from papergym.envs.football import parallel_env
from papergym.envs.football.single import SinglePlayer

ID = "Football-1v1-v0"


def test_others_act_by_their_own_observation():
    seen = {}

    def opponent(observation):
        seen["away_0"] = observation.copy()
        return np.array([1.0, 0.5, -1.0])

    env = SinglePlayer(others={"away_0": opponent}, team_size=1, walker="boxhead")
    match = parallel_env(1, "boxhead")
    mine, _ = env.reset(seed=4)
    theirs, _ = match.reset(seed=int(np.random.default_rng(np.random.PCG64(np.random.SeedSequence(4))).integers(2**63)))
    for _ in range(15):
        np.testing.assert_array_equal(mine, theirs["home_0"])
        action = np.array([0.3, -0.2, 0.1], np.float32)
        mine, reward, terminated, truncated, info = env.step(action)
        np.testing.assert_array_equal(seen["away_0"], theirs["away_0"])
        theirs, rewards, over, cut, infos = match.step({"home_0": action, "away_0": np.array([1.0, 0.5, -1.0])})
        assert (reward, terminated, truncated, info) == tuple(each["home_0"] for each in (rewards, over, cut, infos))


def test_idle_and_random_others_differ_and_both_repeat():
    def end(others):
        env = gym.make(ID, walker="boxhead", others=others)
        env.reset(seed=0)
        for _ in range(20):
            observation, *_ = env.step(np.zeros(3, np.float32))
        return observation

    np.testing.assert_array_equal(end("random"), end("random"))
    assert (end("random") != end("idle")).any()
    np.testing.assert_array_equal(end("idle"), end({}))


def test_any_player_can_be_the_agent():
    env = gym.make("Football-2v2-v0", walker="boxhead", player="away_1")
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"player": "home_7"}, "player is one of home_0, away_0"),
        ({"others": "clever"}, "others is 'random', 'idle'"),
        ({"others": {"home_0": np.zeros}}, "others may name away_0"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        gym.make(ID, walker="boxhead", **kwargs)


def test_state_continues_exactly():
    first, second = (SinglePlayer(team_size=1, walker="ant") for _ in range(2))
    first.reset(seed=1)
    second.reset(seed=2)
    rng = np.random.default_rng(0)
    for _ in range(10):
        first.step(rng.uniform(-1, 1, 8))
    second.set_state(first.get_state())
    for _ in range(20):
        action = rng.uniform(-1, 1, 8)
        a, b = first.step(action), second.step(action)
        np.testing.assert_array_equal(a[0], b[0])
        assert a[1:] == b[1:]


def test_pickles_with_its_exact_state():
    env = gym.make(ID, walker="boxhead", others="random")
    env.reset(seed=3)
    env.step(np.ones(3, np.float32))
    copy = pickle.loads(pickle.dumps(env))
    for _ in range(10):
        a, b = env.step(np.ones(3, np.float32)), copy.step(np.ones(3, np.float32))
        np.testing.assert_array_equal(a[0], b[0])
        assert a[1:] == b[1:]


def test_a_state_shares_no_memory_with_what_the_agent_sees():
    env = SinglePlayer(team_size=1, walker="boxhead")
    seen, _ = env.reset(seed=1)
    state, expected = env.get_state(), seen.copy()
    seen += 1
    np.testing.assert_array_equal(state["seen"][env.player], expected)
    env.set_state(state)
    env._seen[env.player] += 1
    np.testing.assert_array_equal(state["seen"][env.player], expected)
    env.close()
