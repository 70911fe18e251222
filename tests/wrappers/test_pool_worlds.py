"""Worlds of a batch of images: their contexts, how often they are drawn, and which make no batch."""

import gc

import gymnasium as gym
import numpy as np
import pytest

from papergym.envs.dmc.env import DmControlEnv
from papergym.envs.render import Renderer
from papergym.envs.render.backend import choose_backend
from papergym.wrappers.vector import PixelBatch
from tests.wrappers.test_pool import NAME, SMALL, make


def test_contexts_of_forgotten_batches_are_freed(new_contexts):
    def drawn(size):  # sizes that no other test draws
        envs = make(2, number=2, size_px=size)
        envs.reset(seed=0)
        return envs

    counts = []
    for size in (18, 19, 20, 21):
        envs = drawn(size)
        counts.append(new_contexts())
        del envs
        gc.collect()
    assert counts == [2, 2, 2, 2]
    drawn(17).close()
    assert new_contexts() == 0


def test_each_world_is_drawn_once_at_a_reset_and_a_step():
    envs, drawn = make(2, number=3), []
    for world in envs.envs:
        world.draw = lambda *out, draw=world.draw: drawn.append(len(out)) or draw(*out)
    envs.reset(seed=0)
    assert drawn == [1, 1, 1]
    envs.step(np.zeros((3, 1), np.float32))
    assert drawn == [1] * 6
    envs.close()


def test_what_makes_no_batch_is_refused():
    def world(lane=0, **kwargs):
        return DmControlEnv("cartpole", "swingup", lane=lane, **{"obs_type": "pixels", "share_model": True, **SMALL, **kwargs})

    def batch(worlds, threads=2):
        return PixelBatch(worlds, action_repeat=1, num_stack=1, num_threads=threads)

    with pytest.raises(ValueError, match="at least one world"):
        batch([])
    wrapped = gym.make(NAME, **SMALL)
    for other in (wrapped, gym.make("CartPole-v1").unwrapped, world(obs_type="state")):
        seeing = getattr(other, "observing", None)
        with pytest.raises(ValueError, match="that observe pixels, without wrappers"):
            batch([world(), other])
        assert getattr(other, "observing", None) == seeing
    with pytest.raises(ValueError, match="world 1 reads the model of a world of another thread"):
        batch([world(), world()])
    for worlds, threads in (
        ([world(), world()], 1), ([world(0), world(1)], 2), ([world(0), world(1), world(0)], 2),
        ([world(share_model=False), world(share_model=False)], 2),
    ):  # fmt: skip
        batch(worlds, threads).close()


def test_two_lanes_draw_the_same_on_displays_of_their_own():
    """Mesa draws the contexts of one display one after another; another display for each second lane lets them draw at once."""
    backend = choose_backend(None)
    if backend.name != "egl" or not backend.software:
        pytest.skip("needs EGL without a GPU")
    world = DmControlEnv("cartpole", "swingup")
    world.reset(seed=0)
    model, data = world._native()
    renderers = [Renderer(model, size_px=32, quality="fast", lane=lane) for lane in range(4)]
    images = [renderer.render(data) for renderer in renderers]
    assert images[0].std() > 0 and all(np.array_equal(image, images[0]) for image in images)
    for renderer in renderers:
        renderer.close()
    contexts = [backend.make_context(8, 8, lane) for lane in range(4)]
    displays = [context.display for context in contexts]
    for context in contexts:
        with backend.current(context):
            pass
        backend.free(context)
    assert displays[0] == displays[2] and displays[1] == displays[3] and displays[0] != displays[1]
