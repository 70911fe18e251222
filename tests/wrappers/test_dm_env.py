"""Kind G: users of dm_env step any environment of this package, with the same pixels, rewards and ends."""

import dm_env
import gymnasium as gym
import numpy as np
import pytest
import tree

import papergym  # noqa: F401
from papergym.wrappers import DmEnv

CASES = {
    "ProtoRL-Pendulum-v0": {"quality": "fast", "size_px": 24, "limit_frames": 10},
    "DMC-LqrLqr21-v0": {"limit_frames": 6},
    "PER-BlindCliffwalk-v0": {},
    "TT-FourRooms-v0": {"max_episode_steps": 5},
}


@pytest.mark.parametrize("env_id", CASES)
def test_the_same_episodes_to_the_pixel(env_id):
    theirs, ours = gym.make(env_id, **CASES[env_id]), DmEnv(gym.make(env_id, **CASES[env_id]), seed=3)
    theirs.action_space.seed(0)
    step, (observation, _) = ours.reset(), theirs.reset(seed=3)
    ended = 0
    assert step.first() and step.reward is None and step.discount is None
    for _ in range(30):
        np.testing.assert_equal(step.observation, observation)
        action = theirs.action_space.sample()
        step = ours.step(action)
        observation, reward, terminated, truncated, _ = theirs.step(action)
        assert step.reward == reward and step.discount == float(not terminated)
        assert step.last() == (terminated or truncated)
        if step.last():
            np.testing.assert_equal(step.observation, observation)
            step, (observation, _) = ours.step(action), theirs.reset()
            assert step.first()
            ended += 1
    assert ended
    ours.close()
    theirs.close()


def test_a_space_without_a_spec_is_named():
    with pytest.raises(ValueError, match="got Text"):
        DmEnv(gym.wrappers.TransformObservation(gym.make("CartPole-v1"), lambda x: x, gym.spaces.Text(3)))
    assert issubclass(DmEnv, dm_env.Environment)


def test_a_video_recorder_gets_the_image_of_the_environment():
    ours, theirs = (gym.make("PER-BlindCliffwalk-v0", render_mode="rgb_array") for _ in range(2))
    env = DmEnv(ours, seed=0)
    env.reset()
    theirs.reset(seed=0)
    image = env.render()
    assert image.dtype == np.uint8 and image.std() > 0
    np.testing.assert_array_equal(image, theirs.render())
    env.close()
    theirs.close()


@pytest.mark.parametrize("env_id", CASES)
def test_observations_and_actions_are_of_their_specs(env_id):
    ours = DmEnv(gym.make(env_id, **CASES[env_id]), seed=3)
    step = ours.reset()
    for part, spec in zip(tree.flatten(step.observation), tree.flatten(ours.observation_spec())):
        spec.validate(part)
    ours.env.action_space.seed(0)
    ours.action_spec().validate(ours.env.action_space.sample())
    ours.close()
