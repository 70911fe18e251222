"""LS-Imagine's chain on the voxel world, with the shipped networks."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from papergym.envs.mine import make
from papergym.wrappers import LSImagine
from papergym.wrappers.mine import lsimagine
from papergym.wrappers.vision.lsimagine import chain
from papergym.wrappers.vision.small import SmallScorer
from papergym.wrappers.vision.unet import WEIGHTS, AffordanceUNet

TASK = "shear_sheep"


@pytest.fixture(scope="module")
def env():
    return LSImagine(make(TASK, cam_interval=10), TASK)


def test_chain_gives_what_the_agent_needs(env):
    obs, _ = env.reset(seed=0)
    assert env.observation_space.contains(obs)
    assert set(obs) == {"image", "affordance", "zoomed", "zoomed_affordance", "is_zoomed", "jump"}
    assert obs["image"].shape == (64, 64, 3) and obs["affordance"].shape == (1, 64, 64) and obs["zoomed"].shape == (3, 64, 64)
    paid = 0.0
    for action in (6, 5, 6, 3, 10, 6, 4, 0):
        obs, reward, terminated, truncated, info = env.step(action)
        assert env.observation_space.contains(obs) and not terminated and not truncated
        assert 0.0 <= reward <= 0.02 and info["jump_threshold"] >= 0
        paid += reward
    assert paid > 0


def test_the_same_seed_gives_the_same_episode(env):
    runs = []
    for _ in range(2):
        other = LSImagine(make(TASK, cam_interval=10), TASK)
        obs, _ = other.reset(seed=3)
        runs.append([obs["affordance"]])
        for action in (6, 5, 6):
            obs, reward, _, _, _ = other.step(action)
            runs[-1] += [obs["affordance"], reward]
    for a, b in zip(*runs):
        np.testing.assert_array_equal(a, b)


def test_lsimagine_takes_wrappers_before_the_picture_is_dropped():
    links = chain(TASK)
    env = lsimagine(TASK, wrappers=links[1:5], keep=("affordance", "jump"))
    plain = lsimagine(TASK)
    obs, _ = env.reset(seed=1)
    np.testing.assert_array_equal(obs["image"], plain.reset(seed=1)[0])
    assert env.observation_space.contains(obs) and isinstance(plain.observation_space, gym.spaces.Box)


def test_one_pass_for_many_frames_equals_single_ones():
    unet, frames = AffordanceUNet(SmallScorer()), np.random.default_rng(0).integers(0, 256, (3, 3, 160, 256), np.uint8)
    maps = unet(frames, ["Cut a tree", "Obtain water"])
    assert WEIGHTS.stat().st_size <= 6 * 2**20 and maps.shape == (3, 2, 160, 256) and 0 <= maps.min() <= maps.max() <= 1
    for number, frame in enumerate(frames):
        np.testing.assert_allclose(unet(frame[None], "Obtain water")[0, 0], maps[number, 1], atol=1e-5)


def test_maps_do_not_depend_on_the_precision_of_the_first_call():
    """The prompt's features are kept: a process that goes on with another one's work must find the same."""
    frames, maps = np.random.default_rng(0).integers(0, 256, (1, 3, 160, 256), np.uint8), []
    for precision in ("highest", "medium"):
        unet = AffordanceUNet(SmallScorer())
        torch.set_float32_matmul_precision(precision)
        try:
            unet(frames, "Cut a tree")
            torch.set_float32_matmul_precision("highest")
            maps.append(unet(frames, "Cut a tree"))
        finally:
            torch.set_float32_matmul_precision("highest")
    np.testing.assert_array_equal(*maps)
