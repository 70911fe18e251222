"""Kind B: vector environments of this package and Gymnasium's answer the same questions in the same way, wrapped or not."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

import papergym  # noqa: F401
from papergym.wrappers import add_intrinsic_reward
from papergym.wrappers.vector import FrameStack

SMALL = {"quality": "fast", "size_px": 16, "limit_frames": 8}


def one():
    return gym.make("ProtoRL-Pendulum-v0", **SMALL)


def raw():
    return gym.make("DMC-PendulumSwingup-v0", obs_type="pixels", **SMALL)


KINDS = {
    "sync": lambda: SyncVectorEnv([one, one]),
    "async": lambda: AsyncVectorEnv([one, one], context="spawn"),
    "batch": lambda: gym.make_vec("ProtoRL-Pendulum-v0", num_envs=2, **SMALL),
    "states": lambda: gym.make_vec("ProtoRL-Pendulum-v0", num_envs=2, **SMALL, obs_type="state"),
    "control": lambda: gym.make_vec("DMC-PendulumSwingup-v0", num_envs=2, num_threads=2),
    "voxels": lambda: gym.make_vec("Mine-HarvestSand-v0", num_envs=2, num_threads=2, image_size=16),
    "twelve actions": lambda: gym.make_vec("LSImagine-HarvestSand-v0", num_envs=2, num_threads=2, image_size=16),
    "rewarded batch": lambda: add_intrinsic_reward(KINDS["batch"](), "CountBonus"),
    "stacked": lambda: FrameStack(SyncVectorEnv([raw, raw]), 2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_vector_environment_answers_like_gymnasiums(kind):
    envs = KINDS[kind]()
    envs.reset(seed=5)
    assert envs.get_attr("np_random_seed") == (5, 6)
    assert envs.call("get_wrapper_attr", "np_random_seed") == (5, 6)
    assert envs.get_attr("render_mode") == (None, None) and envs.render_mode is None
    assert envs.autoreset_mode is AutoresetMode.NEXT_STEP is envs.metadata["autoreset_mode"]
    bases = {base.__module__.split(".")[0] for side in (envs, envs.unwrapped) for base in type(side).__bases__}
    assert "gymnasium" in bases  # skrl looks there for the kind of an environment, and no further
    envs.set_attr("mark", [1, 2])
    assert envs.get_attr("mark") == (1, 2)
    envs.set_attr("mark", 3)
    assert envs.get_attr("mark") == (3, 3)
    with pytest.raises(ValueError, match="2"):
        envs.set_attr("mark", [1, 2, 3])
    envs.close()


@pytest.mark.parametrize("kind", ["batch", "states", "control"])
@pytest.mark.parametrize("bad", ["nan", "short", "none", "int"])
def test_a_refused_batch_of_actions_moves_no_environment(kind, bad):
    envs = KINDS[kind]()
    envs.reset(seed=5)
    actions = envs.action_space.sample()
    wrong = {"nan": np.array([[0.5], [np.nan]], np.float32), "short": actions[:1], "none": None, "int": np.zeros((2, 1), int)}
    before = repr(envs.call("get_wrapper_attr", "np_random") and [env.unwrapped.get_state() for env in envs.unwrapped.envs])
    with pytest.raises((ValueError, TypeError)):
        envs.step(wrong[bad])
    assert repr([env.unwrapped.get_state() for env in envs.unwrapped.envs]) == before
    envs.step(actions)
    envs.close()
