"""What a batch decides where it is told nothing: which models its threads read, and how many threads there are."""

import copy

import gymnasium as gym
import pytest

import papergym  # noqa: F401

TINY = {"image_size": (16, 24), "max_episode_steps": 5}


@pytest.mark.parametrize("name", ["DMC-WalkerWalk-v0", "ProtoRL-WalkerWalk-v0"])
def test_a_model_is_read_by_one_thread_of_one_batch(name):
    one, other = (gym.make_vec(name, 4, num_threads=2, limit_frames=9) for _ in range(2))
    alone = gym.make_vec(name, 2, share_model=False, limit_frames=9)
    batches = [one, other, copy.deepcopy(one), alone]
    models = [[id(env.unwrapped.physics.model) for env in envs.unwrapped.envs] for envs in batches]
    for a, b, c, d in models[:3]:
        assert a == c and b == d
    assert len({model for found in models for model in found}) == 2 + 2 + 2 + 2
    for envs in batches:
        envs.close()
    with pytest.raises(ValueError, match="share_model is True or False"):
        gym.make_vec(name, 2, share_model="yes")


STATE, PIXELS = {"obs_type": "state"}, {"obs_type": "pixels"}


@pytest.mark.parametrize(
    "name, kwargs, wanted, threads",
    [
        ("DMC-CartpoleSwingup-v0", {}, "egl", 1),
        ("DMC-CartpoleSwingup-v0", PIXELS, "egl", 3),
        ("DMC-CartpoleSwingup-v0", PIXELS, " GLFW ", 1),
        ("DMC-CartpoleSwingup-v0", {**PIXELS, "backend": "glfw"}, "egl", 1),
        ("DMC-CartpoleSwingup-v0", {**PIXELS, "backend": "egl"}, "glfw", 3),
        ("ProtoRL-CartpoleSwingup-v0", {}, "egl", 3),
        ("ProtoRL-CartpoleSwingup-v0", {}, "glfw", 1),
        ("ProtoRL-CartpoleSwingup-v0", STATE, "egl", 1),
        ("Pixel-Hopper-v4", {}, "egl", 3),
        ("Pixel-Hopper-v4", STATE, "egl", 1),
        ("Mine-HarvestSand-v0", TINY, "egl", 3),
        ("LSImagine-HarvestSand-v0", {"size": (8, 8)}, "glfw", 3),
        ("LSImagine-HarvestSand-v0", {"affordance": True}, "egl", 1),
    ],
)
def test_default_numbers_of_threads(name, kwargs, wanted, threads, monkeypatch):
    """As the guide on rendering says, on three cores; nothing is drawn here."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    monkeypatch.setenv("MUJOCO_GL", wanted)
    envs = gym.make_vec(name, 4, **kwargs)
    assert envs.unwrapped._pool.num_threads == threads
    envs.close()
