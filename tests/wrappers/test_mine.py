"""LS-Imagine's actions and image over MineDojo's spaces."""

import cv2
import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import papergym  # noqa: F401  # registers the ids
from papergym.envs.mine import make
from papergym.wrappers import LSImagineActions, LSImagineObservation
from papergym.wrappers.mine import ACTIONS


@pytest.fixture(scope="module")
def env():
    return LSImagineActions(make("harvest_sand", (32, 48), cam_interval=10))


def _full(env, name):
    return env.translate(ACTIONS.index(name)).tolist()


def test_every_action(env):
    env.reset(seed=0)
    still = [0, 0, 0, 18, 18, 0, 0, 0]
    changes = {"attack": (5, 3), "use": (5, 1), "forward": (0, 1), "back": (0, 2), "left": (1, 1), "right": (1, 2)}
    changes |= {"turn_left": (4, 17), "turn_right": (4, 19), "turn_up": (3, 17), "turn_down": (3, 19)}
    assert _full(env, "noop") == still
    for name, (part, value) in changes.items():
        expected = list(still)
        expected[part] = value
        assert _full(env, name) == expected, name
    assert env.action_space.n == 12 and set(ACTIONS) == {"noop", "jump", *changes}


def test_jumps_stick(env):
    env.reset(seed=0)
    assert _full(env, "jump")[:3] == [1, 0, 1]
    for _ in range(9):
        assert _full(env, "turn_left")[:5] == [1, 0, 1, 18, 17]
    assert _full(env, "turn_left")[:3] == [0, 0, 0]


def test_pitch_limits(env):
    env.reset(seed=0)
    turns = [env.step(ACTIONS.index("turn_down"))[0]["location_stats"]["pitch"][0] for _ in range(10)]
    assert turns == [10, 20, 30, 40, 50, 60, 70, 70, 70, 70]
    turns = [env.step(ACTIONS.index("turn_up"))[0]["location_stats"]["pitch"][0] for _ in range(16)]
    assert turns[-3:] == [-70, -70, -70]


def test_state_of_the_wrapper(env):
    env.reset(seed=0)
    _full(env, "jump")
    state = env.state_dict()
    first = [_full(env, "noop") for _ in range(12)]
    env.load_state_dict(state)
    assert [_full(env, "noop") for _ in range(12)] == first


def test_keyboard(env):
    keys = {"".join(held): ACTIONS[action] for held, action in env.get_keys_to_action().items()}
    assert keys == {
        **{"": "noop", "w": "forward", "s": "back", "a": "left", "d": "right", " ": "jump", "f": "attack", "e": "use"},
        **{"i": "turn_up", "k": "turn_down", "j": "turn_left", "l": "turn_right"},
    }
    full = env.unwrapped.get_keys_to_action()
    still = [0, 0, 0, 18, 18, 0, 0, 0]
    assert full[()].tolist() == still and full["j",].tolist() == [0, 0, 0, 18, 17, 0, 0, 0]
    assert full[" ", "w"].tolist() == [1, 0, 1, 18, 18, 0, 0, 0] and full["f", "w"].tolist() == [1, 0, 0, 18, 18, 3, 0, 0]
    assert all(env.unwrapped.action_space.contains(action) for action in full.values())


def test_bad_worlds_and_actions(env):
    with pytest.raises(ValueError, match="cam_interval=10"):
        LSImagineActions(make("harvest_sand", 8))
    with pytest.raises(ValueError, match="8 parts"):
        LSImagineActions(gym.make("CartPole-v1"))
    for action in (12, -1, 3.7, None, "x"):
        with pytest.raises(ValueError, match=r"whole number in Discrete\(12\)"):
            env.step(action)
    with pytest.raises(ValueError, match="rgb"):
        LSImagineObservation(gym.make("CartPole-v1"))
    with pytest.raises(ValueError, match="sticky_jump"):
        LSImagineActions(make("harvest_sand", 8, cam_interval=10), sticky_jump=0)
    for degrees in (0, 190, -10):
        with pytest.raises(ValueError, match="turn_degrees must be a finite number above 0, at most 180"):
            LSImagineActions(make("harvest_sand", 8, cam_interval=10), turn_degrees=degrees)
    for size in (0, (0, 8), (8, 8, 3), 8.5):
        with pytest.raises(ValueError, match=r"^size is \(height, width\)"):
            LSImagineObservation(make("harvest_sand", 8), size=size)


def test_image(env):
    small = LSImagineObservation(env, size=(16, 16), keep=("life_stats", "rgb"))
    obs, _ = small.reset(seed=0)
    assert obs["image"].shape == (16, 16, 3) and small.observation_space.contains(obs)
    assert (obs["image"] == cv2.resize(np.ascontiguousarray(obs["rgb"].transpose(1, 2, 0)), (16, 16))).all()
    plain = gym.make("LSImagine-HarvestSand-v0", image_size=(40, 64))
    assert plain.observation_space.shape == (64, 64, 3)
    assert plain.spec is not None
    assert [wrapper.name for wrapper in plain.spec.additional_wrappers] == ["LSImagineActions", "LSImagineObservation"]


def test_sb3_accepts_it():
    from stable_baselines3.common.env_checker import check_env as check_sb3

    check_sb3(gym.make("LSImagine-HarvestSand-v0", image_size=(20, 32)))


@pytest.mark.filterwarnings("ignore:.*different from the unwrapped.*")
def test_gymnasium_accepts_it():
    check_env(gym.make("LSImagine-HarvestLogInPlains-v0", image_size=(20, 32)), skip_render_check=True)
