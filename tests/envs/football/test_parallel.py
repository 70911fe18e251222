import json
import socket
from itertools import pairwise

import numpy as np
import pettingzoo
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test

from papergym.envs.football import PETTINGZOO_ID, parallel_env
from papergym.envs.football.dm import soccer
from papergym.envs.football.parallel import FootballEnv

BOXHEADS = {"team_size": 1, "walker": "boxhead"}


def random_actions(env: FootballEnv, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {agent: rng.uniform(-1, 1, env.action_space(agent).shape).astype(np.float32) for agent in env.agents}


def put_ball(env: FootballEnv, x: float) -> None:
    """Move the ball to (x, 0) at rest, x in fractions of the pitch's half-length."""
    simulation = env._simulation
    simulation.task.ball.set_pose(simulation.physics, [x * simulation.task.arena.size[0], 0.0, 0.5])
    simulation.task.ball.set_velocity(simulation.physics, np.zeros(3), np.zeros(3))


@pytest.mark.parametrize("kwargs", [BOXHEADS, {"team_size": 2, "walker": "ant"}, {"team_size": 1, "walker": "humanoid"}])
def test_pettingzoos_own_tests(kwargs):
    parallel_api_test(parallel_env(**kwargs, time_limit_s=0.5), num_cycles=30)


def test_pettingzoos_seed_test():
    parallel_seed_test(lambda: parallel_env(**BOXHEADS, time_limit_s=1.0), num_cycles=30)


def test_made_by_pettingzoos_registry():
    env = pettingzoo.make("parallel", PETTINGZOO_ID, **BOXHEADS)
    assert env.possible_agents == ["home_0", "away_0"] and isinstance(env.unwrapped, FootballEnv)


@pytest.mark.parametrize(("walker", "team_size"), [("BOXHEAD", 2), ("ANT", 1)])
def test_equals_dm_controls_own_match(walker, team_size):
    env = parallel_env(team_size, walker.lower(), flatten=False)
    random = np.random.RandomState()
    raw = soccer.load(team_size, 45.0, random, walker_type=soccer.WalkerType[walker])
    random.seed(np.random.SeedSequence(5).generate_state(8))
    seen, infos = env.reset(seed=5)
    time_step, rng = raw.reset(), np.random.default_rng(0)
    for _ in range(40):
        for agent, theirs in zip(env.possible_agents, time_step.observation):
            stats = {name: value for name, value in theirs.items() if name.startswith("stats_")}
            assert {name: value for name, value in infos[agent].items() if name.startswith("stats_")} == stats
            assert not infos[agent]["physics_diverged"]
            others = {n: v for n, v in theirs.items() if n not in stats and v.size}
            assert seen[agent].keys() == others.keys()
            for name, value in others.items():
                np.testing.assert_array_equal(seen[agent][name], np.float32(value[0]))
        actions = random_actions(env, rng)
        seen, rewards, *_, infos = env.step(actions)
        time_step = raw.step([np.float64(action) for action in actions.values()])
        assert list(rewards.values()) == [float(reward) for reward in time_step.reward]


def test_flat_observations_hold_the_same_entries_and_no_statistics():
    flat, nested = parallel_env(**BOXHEADS), parallel_env(**BOXHEADS, flatten=False)
    a, b = flat.reset(seed=3)[0], nested.reset(seed=3)[0]
    for agent in flat.agents:
        slices = flat.slices(agent)
        assert slices.keys() == b[agent].keys() and not any(name.startswith("stats_") for name in slices)
        for name, part in slices.items():
            np.testing.assert_array_equal(a[agent][part], np.ravel(b[agent][name]))
        assert a[agent].dtype == np.float32 and all(x.stop == y.start for x, y in pairwise(slices.values()))
        assert flat.observation_space(agent).contains(a[agent]) and nested.observation_space(agent).contains(b[agent])


def test_actions_go_by_name():
    one, two = parallel_env(**BOXHEADS), parallel_env(**BOXHEADS)
    one.reset(seed=0)
    two.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(10):
        actions = random_actions(one, rng)
        a, b = one.step(actions)[0], two.step(dict(reversed(actions.items())))[0]
        assert all((a[agent] == b[agent]).all() for agent in a)


@pytest.mark.parametrize("side", [1, -1])
def test_a_goal_terminates_and_pays_both_sides(side):
    env = parallel_env(**BOXHEADS)
    env.reset(seed=1)
    put_ball(env, 0.97 * side)
    _, rewards, terminated, truncated, infos = env.step(random_actions(env, np.random.default_rng(0)))
    assert rewards == {"home_0": side, "away_0": -side} and infos["home_0"]["reward_match"] == side
    assert all(terminated.values()) and not any(truncated.values()) and env.agents == []
    with pytest.raises(RuntimeError, match=r"call reset\(\)"):
        env.step({})
    _, infos = env.reset()
    assert infos["home_0"]["stats_home_score"] == infos["home_0"]["stats_away_score"] == 0


def test_the_time_limit_truncates():
    env, rng = parallel_env(**BOXHEADS, time_limit_s=0.25), np.random.default_rng(0)
    env.reset(seed=1)
    ends = [env.step(random_actions(env, rng))[2:4] for _ in range(10)]
    assert not any(any(flags.values()) for end in ends[:-1] for flags in end)
    assert not any(ends[-1][0].values()) and all(ends[-1][1].values())


def test_play_goes_on_after_a_goal_if_asked():
    env = parallel_env(**BOXHEADS, terminate_on_goal=False)
    env.reset(seed=1)
    put_ball(env, 0.97)
    _, rewards, terminated, truncated, _ = env.step(random_actions(env, np.random.default_rng(0)))
    assert rewards["home_0"] == 1 and not any(terminated.values()) and not any(truncated.values()) and env.agents
    rewards = env.step(random_actions(env, np.random.default_rng(0)))[1]
    assert rewards["home_0"] == 0  # players and ball were placed anew


def test_shaping_adds_weighted_statistics():
    env = parallel_env(**BOXHEADS, shaping={"vel_to_ball": 0.5, "stats_vel_ball_to_goal": -2.0})
    env.reset(seed=2)
    rng = np.random.default_rng(0)
    for _ in range(20):
        _, rewards, *_, infos = env.step(random_actions(env, rng))
        for agent, info in infos.items():
            expected = info["reward_match"] + 0.5 * info["stats_vel_to_ball"] - 2.0 * info["stats_vel_ball_to_goal"]
            assert rewards[agent] == pytest.approx(expected, abs=1e-12)
    with pytest.raises(ValueError, match="shaping knows stats_vel_to_ball"):
        parallel_env(**BOXHEADS, shaping={"velocity": 1.0})


def test_bad_actions_leave_the_match_as_it_was():
    env = parallel_env(**BOXHEADS)
    env.reset(seed=0)
    before = env.state()
    good = random_actions(env, np.random.default_rng(0))
    for bad, message in (
        ({"home_0": good["home_0"]}, "expected one action for each of"),
        ({**good, "home_1": good["home_0"]}, "expected one action for each of"),
        ({**good, "away_0": np.zeros(4)}, "the action of away_0 must be"),
        ({**good, "away_0": np.array([0, np.nan, 0])}, "finite"),
    ):
        with pytest.raises(ValueError, match=message):
            env.step(bad)
    np.testing.assert_array_equal(env.state(), before)
    env.step(good)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"walker": "robot"}, "walker is one of humanoid, ant, boxhead"),
        ({"team_size": 12, "walker": "boxhead"}, "team_size must be from 1 to 11"),
        ({"render_mode": "human", "walker": "boxhead"}, "render_mode is one of None, rgb_array"),
        ({"time_limit_s": 0.0, "walker": "boxhead"}, "time_limit_s must be at least one step"),
        ({"quality": "best", "walker": "boxhead"}, "quality is one of"),
        ({"size_px": (0, 9), "walker": "boxhead"}, "size_px is"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        parallel_env(**kwargs)


def test_time_is_up_with_python_bools_and_a_closed_match_says_so():
    env = parallel_env(**BOXHEADS, time_limit_s=0.05)
    env.reset(seed=0)
    while env.agents:
        _, _, terminated, truncated, _ = env.step(dict.fromkeys(env.agents, np.zeros(3)))
    assert all(value is False for value in terminated.values()) and all(value is True for value in truncated.values())
    env.close()
    with pytest.raises(RuntimeError, match="closed; make a new one"):
        env.reset()


def test_state_continues_exactly_on_another_pitch():
    kwargs = {"team_size": 2, "walker": "boxhead", "terminate_on_goal": False}
    first, second, rng = parallel_env(**kwargs), parallel_env(**kwargs), np.random.default_rng(0)
    first.reset(seed=1)
    second.reset(seed=2)
    for _ in range(20):
        first.step(random_actions(first, rng))
    put_ball(first, 0.97)
    first.step(random_actions(first, rng))
    second.set_state(first.get_state())
    json.dumps(first.get_state(), default=np.ndarray.tolist)  # arrays and JSON values only
    for _ in range(30):
        actions = random_actions(first, rng)
        a, b = first.step(actions), second.step(actions)
        assert all((a[0][agent] == b[0][agent]).all() for agent in a[0]) and a[1:] == b[1:]
    np.testing.assert_array_equal(first.state(), second.state())
    a, b = first.reset()[0], second.reset()[0]
    assert all((a[agent] == b[agent]).all() for agent in a)
    with pytest.raises(ValueError, match="other arguments"):
        parallel_env(**BOXHEADS).set_state(first.get_state())


def test_humanoids_load_without_network(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("football opened a socket")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    env = parallel_env(1, "humanoid")
    seen, _ = env.reset(seed=0)
    heights = [float(seen[agent][env.slices(agent)["body_height"]][0]) for agent in env.agents]
    assert env.action_space("home_0").shape == (56,) and all(0.9 < height < 1.0 for height in heights)  # roots: they stand


@pytest.mark.slow
def test_a_whole_match_of_two_against_two_humanoids():
    env, rng, steps = parallel_env(2, "humanoid", terminate_on_goal=False), np.random.default_rng(0), 0
    env.reset(seed=0)
    while env.agents:
        seen, rewards, terminated, truncated, infos = env.step(random_actions(env, rng))
        steps += 1
        for agent in seen:
            assert np.isfinite(seen[agent]).all() and np.isfinite(rewards[agent]) and not infos[agent]["physics_diverged"]
    assert steps == 1800 and all(truncated.values()) and not any(terminated.values())
