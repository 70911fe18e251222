"""Batches on several threads against batches on one: the same numbers, whatever fails, and nothing left behind."""

import gc
import os
import threading
import time
import weakref

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import papergym  # noqa: F401
from papergym.envs.vector.pool import Pool, cores, threads_for
from tests.envs.vector.conftest import COPIES, copies_go_on_alike, equal, names

SMALL = {"quality": "fast", "size_px": 32, "limit_frames": 7}
NAME = "ProtoRL-CartpoleSwingup-v0"


def make(threads, number=5, name=NAME, **kwargs):
    return gym.make_vec(name, number, num_threads=threads, **{**SMALL, **kwargs}).unwrapped


def workers():
    return {thread for thread in threading.enumerate() if thread.name.startswith("papergym lane")}


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize(
    "name, kwargs",
    [
        (NAME, {}),
        (NAME, {"quality": "paper", "copy": False, "frame_stack": 1}),
        ("ProtoRL-ReacherEasy-v0", {}),  # each world has a model of its own
        ("Pixel-Hopper-v4", {}),
        (NAME, {"obs_type": "state"}),
        ("Pixel-Hopper-v4", {"obs_type": "state"}),
    ],
)
def test_threads_change_no_number(mode, name, kwargs):
    one, three = (make(threads, name=name, autoreset_mode=mode, **kwargs) for threads in (1, 3))
    equal(one.reset(seed=3), three.reset(seed=3))
    one.action_space.seed(0)
    for time_step in range(14):
        actions = one.action_space.sample()
        results = one.step(actions), three.step(actions)
        equal(*results)
        ended = np.logical_or(results[0][2], results[0][3])
        mask = ended.copy()
        mask[time_step % 5] |= time_step == 5  # also one that has not ended
        if mode == AutoresetMode.DISABLED and mask.any():
            equal(*(envs.reset(options={"reset_mask": mask.copy()}) for envs in (one, three)))
    states = [[world.np_random.bit_generator.state["state"] for world in envs.envs] for envs in (one, three)]
    assert states[0] == states[1]
    one.close()
    three.close()


def test_a_state_continues_on_another_number_of_threads():
    one, three = make(1), make(3)
    one.reset(seed=0), three.reset(seed=9)
    one.action_space.seed(0)
    for _ in range(2):
        one.step(one.action_space.sample())
    three.load_state_dict(one.state_dict())
    for _ in range(8):
        actions = one.action_space.sample()
        equal(one.step(actions), three.step(actions))
    one.close(), three.close()


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("failing", [0, 1, 4])
@pytest.mark.parametrize("kind", [ZeroDivisionError, KeyboardInterrupt])
def test_an_exception_in_one_world_leaves_the_others_after_their_step(threads, failing, kind):
    envs, plain = make(threads, limit_frames=100), make(1, limit_frames=100)
    for batch in (envs, plain):
        batch.reset(seed=0)
    actions = np.full((5, 1), 0.5, np.float32)
    shown = envs.step(actions)[0]
    plain.step(actions)
    world = envs.envs[failing]

    def fail(action):
        raise kind("of this world")

    world.advance = fail
    with pytest.raises(kind, match="of this world") as raised:
        envs.step(actions)
    assert names(raised.value, failing)
    del world.advance
    expected = plain.step(actions)[0]
    others = np.arange(5) != failing
    found = envs._batch()
    assert np.array_equal(found[others], expected[others])
    assert np.array_equal(found[failing, 3:], np.concatenate((shown[failing, 6:], shown[failing, 6:]))), "its last image again"
    with pytest.raises(gym.error.ResetNeeded):
        envs.step(actions)
    for batch in (envs, plain):
        batch.reset(seed=[None if other else 7 for other in others], options={"reset_mask": ~others})
    for _ in range(3):
        equal(envs.step(actions), plain.step(actions))
    envs.close(), plain.close()


def test_the_first_of_several_exceptions_is_raised_when_all_calls_have_ended():
    pool, ended = Pool(3), []

    def call(number):
        time.sleep(0.01 * number)
        ended.append(number)
        if number in (2, 4):
            raise ValueError(f"call {number}")
        return number

    with pytest.raises(ValueError, match="call 2"):
        pool.run(call, range(6))
    assert sorted(ended) == list(range(6))
    assert pool.run(lambda number: (number, threading.get_ident()), range(1, 6))[0][0] == 1
    lanes = [pool.run(lambda number: threading.get_ident(), range(7)) for _ in range(2)]
    assert lanes[0] == lanes[1] and lanes[0][0] == threading.get_ident()
    assert len(set(lanes[0])) == 3 and lanes[0][:3] == lanes[0][3:6], "every number keeps its thread"
    pool.close()


def test_an_interrupt_comes_before_other_exceptions():
    pool = Pool(2)
    errors = {0: ValueError("first"), 1: KeyboardInterrupt(), 2: ZeroDivisionError("third")}

    def call(number):
        raise errors[number]

    with pytest.raises(KeyboardInterrupt):
        pool.run(call, range(3))
    with pytest.raises(ValueError, match="first"):
        pool.run(call, [0, 2])
    pool.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_an_interrupted_child_does_not_wait_for_the_parents_threads():
    pool = Pool(2)
    pool.run(lambda number: number, range(2))
    child = os.fork()
    if child == 0:
        pool._settle()
        os._exit(7)
    for _ in range(1000):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.01)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert done and os.waitstatus_to_exitcode(status) == 7
    pool.close()


def test_no_interrupt_leaves_a_thread_at_work():
    """Ctrl-C at each line that the waiting thread executes in the pool."""
    import sys

    import papergym.envs.vector.pool as module

    pool, running, place, kinds = Pool(2), [], 0, set()

    def call(number):
        running.append(number)
        time.sleep(0.002)
        running.remove(number)

    while "ended" not in kinds:
        left = place

        def trace(frame, event, argument):
            nonlocal left
            if frame.f_code.co_filename != module.__file__ or frame.f_code.co_name not in ("run", "_settle", "_start"):
                return None
            left -= 1
            if left == -1:
                raise KeyboardInterrupt
            return trace

        sys.settrace(trace)
        try:
            pool.run(call, range(2))
            kinds.add("ended")
        except KeyboardInterrupt:
            kinds.add("interrupted")
        finally:
            sys.settrace(None)
        assert not running, place
        place += 1
    assert "interrupted" in kinds and pool.run(lambda number: number, range(4)) == [0, 1, 2, 3]
    started = list(pool._threads)
    pool.close()
    assert len(started) == 1 and not any(thread.is_alive() for thread in started)


@pytest.mark.parametrize("times", [20, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "name, kwargs, drawn",
    [
        (NAME, {"size_px": 23, "quality": "fast"}, 2),  # a size that no other test draws: nobody else holds its contexts
        ("DMC-CartpoleSwingup-v0", {}, 0),
        ("Mine-HarvestSand-v0", {"image_size": 8}, 0),
    ],
)
def test_nothing_is_left_after_many_makes_and_closes(times, name, kwargs, drawn, new_contexts):
    threads = workers()
    files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(times):
        envs = gym.make_vec(name, 2, num_threads=2, **kwargs)
        envs.reset(seed=0)
        envs.step(np.zeros(envs.action_space.shape, envs.action_space.dtype))
        assert len(workers() - threads) == 1 and new_contexts() == drawn
        envs.close()
        assert not workers() - threads and new_contexts() == 0
    envs.close()
    if files:
        assert len(os.listdir("/proc/self/fd")) <= files + 4, "libraries open a few files once"


@pytest.mark.parametrize(
    "name, kwargs", [(NAME, SMALL), (NAME, {"obs_type": "state"}), ("Mine-HarvestSand-v0", {"image_size": 8})]
)
def test_a_batch_that_is_forgotten_ends_its_threads(name, kwargs):
    gc.collect()
    threads = workers()
    envs = gym.make_vec(name, 2, num_threads=2, **kwargs)
    envs.reset(seed=0)
    envs.step(np.zeros(envs.action_space.shape, envs.action_space.dtype))
    there, started = weakref.ref(envs), workers() - threads
    assert len(started) == 1
    del envs
    gc.collect()
    for thread in started:
        thread.join(10)
    assert there() is None and not workers() & started


@pytest.mark.parametrize("make_copy", COPIES)
def test_copies_have_threads_of_their_own(make_copy):
    copies_go_on_alike(make(2, number=3), make_copy)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_starts_its_own_threads():
    """Five times: the first OpenGL calls of two threads after a fork once destroyed the heap in 1 child of 20."""
    envs = make(2, number=3)
    envs.reset(seed=0)
    envs.action_space.seed(0)
    envs.step(envs.action_space.sample())
    for _ in range(5):
        actions = envs.action_space.sample()
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            images = envs.step(actions)[0]
            envs.close()
            os.write(write, images.tobytes())
            os._exit(0)
        os.close(write)
        expected = envs.step(actions)[0].tobytes()
        with os.fdopen(read, "rb") as file:
            assert file.read() == expected
        assert os.waitpid(child, 0)[1] == 0
    envs.close()


def test_the_number_of_threads():
    assert cores() >= 1
    assert [threads_for(5, None, 8), threads_for(5, None, 2), threads_for(5, 3, 8), threads_for(1, 3, 8)] == [5, 2, 3, 1]
    for wrong in (0, -1, 1.5, True, "two"):
        with pytest.raises(ValueError, match="num_threads"):
            make(wrong)
