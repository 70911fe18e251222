"""Batches in one process against a vector of single environments."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import papergym  # noqa: F401
from papergym.envs.dmc.env import DmControlEnv
from papergym.envs.dmc.shared import FIXED_MODELS
from papergym.envs.dmc.tasks import DEFAULT_TASK
from papergym.envs.render.native import mujoco

SMALL = {"quality": "fast", "size_px": 32, "limit_frames": 7}


def pair(mode, name="ProtoRL-CartpoleSwingup-v0", **kwargs):
    ours = gym.make_vec(name, 3, autoreset_mode=mode, **SMALL, **kwargs)
    sync = gym.make_vec(name, 3, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, **SMALL, **kwargs)
    return ours, sync


def equal_infos(one, two):
    assert set(one) == set(two)
    for key, value in one.items():
        if isinstance(value, dict):
            equal_infos(value, two[key])
        elif value.dtype == object:
            assert all(np.array_equal(a, b) for a, b in zip(value, two[key], strict=True))
        else:
            assert np.array_equal(value, two[key]), key


def test_bad_actions_move_no_environment():
    ours, other = pair(AutoresetMode.NEXT_STEP)[0], pair(AutoresetMode.NEXT_STEP)[0]
    good, bad = np.zeros((3, 1), np.float32), np.zeros((3, 1), np.float32)
    bad[2] = np.nan
    for venv in (ours, other):
        venv.reset(seed=0)
    for actions, message in (
        (bad, "finite"),
        (good[:2], "one action per environment"),
        (np.zeros((4, 1), np.float32), "got 4"),
    ):
        with pytest.raises(ValueError, match=message):
            ours.step(actions)
    for _ in range(3):
        assert np.array_equal(ours.step(good)[0], other.step(good)[0])
    ours.close()
    other.close()


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("kwargs", [{}, {"frame_stack": 1, "action_repeat": 3}, {"obs_type": "state"}])
def test_batch_equals_single_environments(mode, kwargs):
    ours, sync = pair(mode, **kwargs)
    assert ours.observation_space == sync.observation_space and ours.action_space == sync.action_space
    assert ours.metadata == sync.metadata
    (a, info_a), (b, info_b) = ours.reset(seed=1), sync.reset(seed=1)
    assert np.array_equal(a, b)
    equal_infos(info_a, info_b)
    ours.action_space.seed(0)
    for _ in range(12):
        actions = ours.action_space.sample()
        a, b = ours.step(actions), sync.step(actions)
        assert all(np.array_equal(x, y) for x, y in zip(a[:4], b[:4], strict=True))
        equal_infos(a[4], b[4])
        ended = np.logical_or(a[2], a[3])
        if mode == AutoresetMode.DISABLED and ended.any():
            ended[0] = not ended[0]
            if ended.any():
                a, b = (venv.reset(options={"reset_mask": ended.copy()})[0] for venv in (ours, sync))
                assert np.array_equal(a, b)
            ours.reset(seed=2), sync.reset(seed=2)
    ours.close()
    sync.close()


def test_one_context_and_no_copies(new_contexts):
    size_px = 29  # no other test's: a context still open elsewhere would be shared
    venv = gym.make_vec("ProtoRL-WalkerWalk-v0", 3, quality="fast", size_px=size_px, copy=False, num_threads=1)
    view, _ = venv.reset(seed=0)
    assert new_contexts() == 1
    assert view.base is not None and np.shares_memory(view, venv.unwrapped._ring) and not view.flags.writeable
    expected = gym.make_vec("ProtoRL-WalkerWalk-v0", 3, quality="fast", size_px=size_px, num_threads=1)
    assert np.array_equal(view, expected.reset(seed=0)[0])
    venv.action_space.seed(0)
    for _ in range(7):
        actions = venv.action_space.sample()
        view, copy = venv.step(actions)[0], expected.step(actions)[0]
        assert np.array_equal(view, copy) and not np.shares_memory(copy, expected.unwrapped._ring)
    venv.close()
    expected.close()
    assert new_contexts() == 0


@pytest.mark.parametrize("threads", [1, 2])
def test_environments_of_a_thread_share_their_model(threads):
    venv = gym.make_vec("ProtoRL-WalkerWalk-v0", 3, num_threads=threads, **SMALL)
    models = [id(world.physics.model.ptr) for world in venv.unwrapped.envs]
    assert models[2] == models[0] and len(set(models)) == threads  # the third one is stepped by the first thread
    separate = gym.make_vec("ProtoRL-ReacherEasy-v0", 2, **SMALL)
    assert len({id(world.physics.model.ptr) for world in separate.unwrapped.envs}) == 2, "reacher moves its target"


@pytest.mark.parametrize("domain", FIXED_MODELS)
def test_domains_that_share_leave_their_model_alone(domain):
    env = DmControlEnv(domain, DEFAULT_TASK[domain])
    model = env.physics.model.ptr

    def image():
        buffer = np.empty(mujoco.mj_sizeModel(model), np.uint8)
        mujoco.mj_saveModel(model, None, buffer)
        return buffer

    before = image()
    for seed in (0, 1):
        env.reset(seed=seed)
        env.step(env.action_space.sample())
    assert np.array_equal(before, image())


def test_mujoco_v4_too():
    ours, sync = pair("NextStep", name="Pixel-Hopper-v4")
    assert np.array_equal(ours.reset(seed=0)[0], sync.reset(seed=0)[0])
    ours.action_space.seed(0)
    for _ in range(8):
        actions = ours.action_space.sample()
        assert all(np.array_equal(a, b) for a, b in zip(ours.step(actions)[:4], sync.step(actions)[:4], strict=True))


def test_state_continues_exactly():
    one, two = (gym.make_vec("ProtoRL-CartpoleSwingup-v0", 2, **SMALL) for _ in range(2))
    one.reset(seed=0)
    two.reset(seed=5)
    one.action_space.seed(0)
    for _ in range(3):
        one.step(one.action_space.sample())
    two.load_state_dict(one.state_dict())
    for _ in range(8):
        actions = one.action_space.sample()
        assert all(np.array_equal(a, b) for a, b in zip(one.step(actions)[:4], two.step(actions)[:4], strict=True))


def test_bad_masks_and_limits_are_refused():
    venv = gym.make_vec("ProtoRL-CartpoleSwingup-v0", 2, **SMALL)
    for mask in (np.zeros(2, bool), np.ones(3, bool), np.ones(2, int)):
        with pytest.raises(ValueError, match="reset_mask"):
            venv.reset(options={"reset_mask": mask})
    with pytest.raises(ValueError, match="one seed per environment"):
        venv.reset(seed=[1, 2, 3])
    with pytest.raises(ValueError, match="limit_frames"):
        gym.make_vec("ProtoRL-CartpoleSwingup-v0", 2, max_episode_steps=5)
