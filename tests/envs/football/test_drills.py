import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

from papergym.envs.football.drill import Drill
from papergym.envs.football.drills import Follow, KickToTarget, Shoot

IDS = ("Football-Follow-v0", "Football-Dribble-v0", "Football-Shoot-v0", "Football-KickToTarget-v0")


def make(env_id: str, **kwargs) -> Drill:
    env = gym.make(env_id, **{"walker": "boxhead", **kwargs}).unwrapped
    assert isinstance(env, Drill)
    return env


def put_ball(env: Drill, x: float, y: float) -> None:
    simulation = env._simulation
    simulation.task.ball.set_pose(simulation.physics, [x, y, 0.36])
    simulation.task.ball.set_velocity(simulation.physics, np.zeros(3), np.zeros(3))


def test_the_target_is_seen_in_the_players_frame():
    env = make("Football-Follow-v0", walker="humanoid")
    for seed in range(5):
        observation, _ = env.reset(seed=seed)
        root = env._simulation.physics.bind(env._player.walker.root_body)
        offset = observation[env.slices()["target_ego_position"]]
        world = np.reshape(root.xmat, (3, 3)) @ offset + root.xpos
        np.testing.assert_allclose(world, [*env.target, 0.0], atol=1e-5)
        # The same frame as dm_control's goals and corners (its ball is in the frame of the root's inertia).
        goal = np.reshape(root.xmat, (3, 3)) @ observation[env.slices()["opponent_goal_mid"]] + root.xpos
        np.testing.assert_allclose(goal, env._simulation.task.arena.away_goal.mid, atol=1e-5)


def test_targets_move_at_their_speed_inside_the_pitch_and_mark_the_ground():
    env = make("Football-Follow-v0")
    speeds = []
    for seed in range(10):
        env.reset(seed=seed)
        positions = [env.target]
        for _ in range(40):
            env.step(np.zeros(3))
            positions.append(env.target)
            mark = env._simulation.physics.bind(env._mark)
            np.testing.assert_allclose(mark.xpos, [*env.target, 0.01])
        step = np.linalg.norm(np.diff(positions, axis=0), axis=1) / 0.025
        assert np.ptp(step) < 1e-9 and (np.abs(positions) <= env._limit + 1e-9).all()
        speeds.append(step[0])
    assert 0.5 <= min(speeds) < max(speeds) <= 2.0


def test_a_target_at_the_border_turns_back():
    env = make("Football-Follow-v0")
    env.reset(seed=0)
    env.target, env._heading, env._speed = env._limit.copy() - 1e-3, 0.7, 2.0
    for _ in range(20):
        env.step(np.zeros(3))
    assert (env.target < env._limit).all() and np.linalg.norm(env.target - env._limit) > 0.1


def test_follow_pays_closeness():
    env = Follow("boxhead")
    env.reset(seed=0)
    env._speed = 0.0
    for distance in (0.0, 1.0, 5.0):
        env.target = env.player_position() + np.array([distance, 0.0])
        _, reward, terminated, _, _ = env.step(np.zeros(3))
        moved = np.linalg.norm(env.player_position() - env.target)
        assert reward == pytest.approx(np.exp(-moved / 2)) and moved == pytest.approx(distance, abs=0.05) and not terminated


@pytest.mark.parametrize(("side", "reward", "success"), [(1, 1.0, True), (-1, -1.0, False)])
def test_shoot_ends_with_a_goal(side, reward, success):
    env = Shoot("boxhead")
    env.reset(seed=0)
    put_ball(env, side * 0.97 * env._simulation.task.arena.size[0], 0.0)
    _, got, terminated, truncated, info = env.step(np.zeros(3))
    assert (got, terminated, truncated, info["is_success"]) == (reward, True, False, success)


def test_shoot_pays_the_way_to_the_goal():
    env = Shoot("boxhead")
    env.reset(seed=0)
    ball = env._simulation.task.ball
    ball.set_velocity(env._simulation.physics, np.array([5.0, 0.0, 0.0]), np.zeros(3))
    _, reward, terminated, _, info = env.step(np.zeros(3))
    assert info["stats_vel_ball_to_goal"] > 3 and not terminated
    assert reward == pytest.approx(0.002 * info["stats_vel_to_ball"] + 0.01 * info["stats_vel_ball_to_goal"])


def test_kick_to_target_succeeds_near_the_target_and_starts_away_from_it():
    env = KickToTarget("boxhead")
    for seed in range(20):
        env.reset(seed=seed)
        assert np.linalg.norm(env.ball_position() - env.target) >= 3.0
    put_ball(env, env.target[0] + 0.5, env.target[1])
    _, reward, terminated, _, info = env.step(np.zeros(3))
    assert (reward, terminated, info["is_success"]) == (1.0, True, True)


@pytest.mark.parametrize("env_id", IDS)
def test_state_continues_exactly(env_id):
    first, second = make(env_id), make(env_id)
    first.reset(seed=1)
    second.reset(seed=2)
    rng = np.random.default_rng(0)
    for _ in range(15):
        first.step(rng.uniform(-1, 1, 3))
    second.set_state(first.get_state())
    for _ in range(25):
        action = rng.uniform(-1, 1, 3)
        assert data_equivalence(first.step(action), second.step(action))
    assert data_equivalence(first.reset(), second.reset())


def test_images_share_one_context_over_resets_of_a_match(new_contexts):
    env = gym.make("Football-1v1-v0", walker="boxhead", render_mode="rgb_array", size_px=(60, 80))
    images = []
    for seed in range(3):
        env.reset(seed=seed)
        images.append(env.render())
        assert new_contexts() == 1
    assert all(image.shape == (60, 80, 3) and image.dtype == np.uint8 for image in images)
    assert (images[0] != images[1]).any()
    np.testing.assert_array_equal(env.render(), images[-1])
    env.close()
    env.close()
    assert new_contexts() == 0


def test_the_camera_from_above_sees_a_small_pitch():
    env = gym.make("Football-Shoot-v0", render_mode="rgb_array", camera="top_down", size_px=(60, 80))
    env.reset(seed=0)
    image = np.asarray(env.render(), int)
    assert (image[..., 1] > image[..., 2] + 40).mean() > 0.3  # grass
    env.close()


@pytest.mark.parametrize("env_id", IDS)
def test_a_used_env_repeats_what_a_fresh_one_does(env_id):
    used, fresh = make(env_id), make(env_id)
    used.reset(seed=8)
    for _ in range(10):
        used.step(np.ones(3))
    assert data_equivalence(used.reset(seed=3), fresh.reset(seed=3))
    for _ in range(20):
        assert data_equivalence(used.step(np.ones(3)), fresh.step(np.ones(3)))


def test_pickles_with_its_exact_state():
    env = gym.make("Football-Dribble-v0", walker="boxhead", render_mode="rgb_array", size_px=(40, 60))
    env.reset(seed=3)
    env.action_space.seed(0)
    for _ in range(5):
        env.step(env.action_space.sample())
    env.render()
    copy = pickle.loads(pickle.dumps(env))
    np.testing.assert_array_equal(env.render(), copy.render())
    for _ in range(10):
        action = env.action_space.sample()
        np.testing.assert_array_equal(action, copy.action_space.sample())
        assert data_equivalence(env.step(action), copy.step(action))
    assert copy.spec == env.spec
    env.close()
    copy.close()


@pytest.mark.parametrize("action", [np.full(3, np.nan), np.zeros(4), np.zeros((1, 3)), 0.5, None])
def test_bad_actions_are_refused(action):
    env = make("Football-Shoot-v0")
    env.reset(seed=0)
    with pytest.raises((ValueError, TypeError), match="finite numbers"):
        env.step(action)
