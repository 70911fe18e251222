"""Environments on several threads against Gymnasium's SyncVectorEnv, which steps them one after another."""

import copy
import threading

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import papergym
from papergym.envs.checks import ResetNeeded
from papergym.envs.mine.actions import InvalidAction
from papergym.envs.vector.batch import ThreadedVectorEnv
from papergym.wrappers.rows import rows
from papergym.wrappers.vector import FrameStack
from tests.envs.vector.conftest import COPIES, copies_go_on_alike, equal, names

CARTPOLE = {"limit_frames": 5}
TINY = {"image_size": (16, 24), "max_episode_steps": 5}
EVERYTHING = {
    "use_voxel": True,
    "use_lidar": True,
    "segmentation": True,
    "hand": True,
    "initial_inventory": [(0, "dirt", 0, 9)],
}
CASES = {
    "states": ("DMC-CartpoleSwingup-v0", CARTPOLE),
    "own models": ("DMC-LqrLqr21-v0", CARTPOLE),  # drawn anew by each seed
    "a limit of steps": ("DMC-CartpoleSwingup-v0", {"limit_frames": 9, "max_episode_steps": 5}),
    "images": ("DMC-ReacherEasy-v0", {**CARTPOLE, "obs_type": "pixels", "quality": "fast", "size_px": 16}),
    "repeated": ("ProtoRL-CartpoleSwingup-v0", {"limit_frames": 7, "obs_type": "state"}),
    "v4": ("Pixel-Hopper-v4", {"limit_frames": 7, "obs_type": "state"}),
    "voxels": ("Mine-CombatPigPlainsBarehand-v0", {**TINY, **EVERYTHING, "render_mode": "rgb_array"}),
    "fast resets": ("Mine-HarvestLogInPlains-v0", {**TINY, "fast_reset": 1}),
    "twelve actions": ("LSImagine-HarvestSand-v0", {**TINY, "size": (8, 8), "keep": ["location_stats"]}),
}
MINE, CONTROL = CASES["fast resets"], CASES["states"]


def ours(case, number=3, threads=2, **kwargs):
    name, arguments = case
    return gym.make_vec(name, number, num_threads=threads, **{**arguments, **kwargs})


def theirs(case, number=3, mode=AutoresetMode.NEXT_STEP, **kwargs):
    name, arguments = case
    return gym.make_vec(
        name, number, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, **{**arguments, **kwargs}
    )


def states(envs):
    return copy.deepcopy([env.unwrapped.get_state() for env in envs.unwrapped.envs])


def generators(envs):
    return [env.np_random.bit_generator.state for env in envs.unwrapped.envs]


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("case", CASES)
def test_threads_equal_gymnasiums_vector(case, mode):
    threaded, sync = ours(CASES[case], autoreset_mode=mode), theirs(CASES[case], mode=mode)
    assert type(threaded) is ThreadedVectorEnv and type(sync) is SyncVectorEnv
    for name in ("observation_space", "single_observation_space", "action_space", "single_action_space", "metadata"):
        assert getattr(threaded, name) == getattr(sync, name), name
    equal(*(envs.reset(seed=[3, 5, 9]) for envs in (threaded, sync)))
    threaded.action_space.seed(0)
    ends = 0
    for time_step in range(12):
        actions = threaded.action_space.sample()
        results = threaded.step(actions), sync.step(actions)
        equal(*results)
        ended = np.logical_or(results[0][2], results[0][3])
        ends += ended.sum()
        mask = ended.copy()
        mask[time_step % 3] |= time_step == 6  # also one that has not ended
        if mode == AutoresetMode.DISABLED and mask.any():
            equal(*(envs.reset(options={"reset_mask": mask.copy()}) for envs in (threaded, sync)))
    assert ends >= 3
    equal(generators(threaded), generators(sync))
    if "render_mode" in CASES[case][1]:
        equal(threaded.render(), sync.render())
    threaded.close(), sync.close()


@pytest.mark.parametrize("case", [MINE, CONTROL])
def test_without_copies_the_batch_is_one_array(case):
    one, other = ours(case, copy=False), ours(case)
    shown = one.reset(seed=0)[0]
    other.reset(seed=0)
    one.action_space.seed(0)
    for _ in range(3):
        actions = one.action_space.sample()
        batch, expected = one.step(actions)[0], other.step(actions)[0]
        assert batch is shown
        equal(batch, expected)
    kept = copy.deepcopy(expected)
    other.step(actions)
    equal(expected, kept)
    one.close(), other.close()


@pytest.mark.parametrize("failing", [0, 1, 2])
@pytest.mark.parametrize("kind", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("case", [MINE, CONTROL])
def test_an_exception_in_one_environment_leaves_the_others_after_their_step(case, kind, failing):
    envs, plain = ours(case), theirs(case)
    for batch in (envs, plain):
        batch.reset(seed=0)
    envs.action_space.seed(0)
    actions = envs.action_space.sample()
    world = envs.unwrapped.envs[failing].unwrapped
    place, name = (world.world, "tick") if case is MINE else (world, "advance")

    def fail(*_):
        raise kind("of this world")

    setattr(place, name, fail)
    with pytest.raises(kind, match="of this world") as raised:
        envs.step(actions)
    assert names(raised.value, failing)
    delattr(place, name)
    plain.step(actions)
    others = np.arange(3) != failing
    before = states(envs)
    with pytest.raises(gym.error.ResetNeeded):
        envs.step(actions)
    equal(states(envs), before)
    seeds = [None if other else 7 for other in others]
    equal(*(batch.reset(seed=seeds, options={"reset_mask": ~others}) for batch in (envs, plain)))
    for _ in range(3):
        equal(envs.step(actions), plain.step(actions))
    envs.close(), plain.close()


def refused_actions(case):
    """What an environment or the batch refuses, in the last place."""
    good = ours(case, number=1)
    still = good.action_space.sample()[[0, 0, 0]]
    good.close()
    if case in (CONTROL, CASES["a limit of steps"]):
        bad = [np.full(1, np.nan, np.float32), np.full(1, np.inf, np.float32)]
    elif case is MINE:
        still[:, 5] = 0
        bad = [np.full(8, -1), still[0] + 1000]
    else:
        bad = [np.int64(12), np.int64(-1)]
    return still, [np.stack([still[0], still[1], one]) for one in bad] + [still[:2], still[[0, 0, 0, 0]], None, 3]


@pytest.mark.parametrize("case", [MINE, CONTROL, CASES["a limit of steps"], CASES["twelve actions"]])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_refused_call_changes_no_environment(case, threads):
    envs, plain = ours(case, threads=threads), theirs(case)
    still, wrong = refused_actions(case)
    for batch in (envs, plain):
        batch.reset(seed=0)
        batch.step(still)
    before = states(envs)
    for actions in wrong:
        with pytest.raises((ValueError, TypeError)):
            envs.step(actions)
    for call in (
        {"seed": [1, 2]}, {"seed": -1}, {"seed": True}, {"options": 3}, {"options": {"reset_mask": np.zeros(3, bool)}},
        {"options": {"reset_mask": [True, True, True]}},
    ):  # fmt: skip
        with pytest.raises(ValueError):
            envs.reset(**call)
    equal(states(envs), before)
    for _ in range(3):
        equal(envs.step(still), plain.step(still))
    envs.close(), plain.close()


def test_a_strict_refusal_of_one_world_changes_no_environment():
    envs = ours(MINE, strict_actions=True)
    envs.reset(seed=0)
    actions = np.tile(envs.envs[0].unwrapped.actions.no_op, (3, 1))
    actions[:, 4] += 1  # all turn
    actions[2, 5:] = (5, 0, 20)  # equip from an empty slot
    before = states(envs)
    with pytest.raises(InvalidAction, match="slot 20"):
        envs.step(actions)
    equal(states(envs), before)
    envs.close()


@pytest.mark.parametrize("case", ["a limit of steps", "fast resets"])
def test_an_ended_environment_needs_a_reset_where_autoreset_is_disabled(case):
    envs = ours(CASES[case], autoreset_mode="Disabled")
    envs.reset(seed=0)
    actions = envs.action_space.sample()
    while not envs.step(actions)[3].any():
        pass
    before = states(envs)
    with pytest.raises(ResetNeeded, match="reset_mask"):
        envs.step(actions)
    equal(states(envs), before)
    envs.reset()
    envs.step(actions)
    envs.close()


@pytest.mark.parametrize("case", [MINE, CONTROL])
def test_further_options_are_the_environments(case):
    envs = ours(case)
    envs.reset(seed=0)
    before = states(envs)
    with pytest.raises(ValueError, match="unknown reset options"):
        envs.reset(options={"no_such_option": 1})
    equal(states(envs), before)
    if case is MINE:
        observations, _ = envs.reset(seed=1, options={"start_health": 7, "reset_mask": np.array([True, False, True])})
        assert observations["life_stats"]["life"].ravel().tolist() == [7, 20, 7]
    envs.close()


@pytest.mark.parametrize("case", [MINE, CONTROL])
@pytest.mark.parametrize("make_copy", COPIES)
def test_copies_go_on_alike(case, make_copy):
    copies_go_on_alike(ours(case), make_copy)


@pytest.mark.parametrize("case", [MINE, CONTROL, CASES["twelve actions"]])
def test_closed_batches_and_bad_numbers(case):
    envs = ours(case, number=2, render_mode="rgb_array")
    envs.reset(seed=0)
    envs.close()
    envs.close()
    left = threading.active_count()
    for call in (lambda: envs.step(envs.action_space.sample()), envs.reset, envs.render):
        with pytest.raises(RuntimeError, match="closed"):
            call()
    assert threading.active_count() == left
    for wrong in (0, -1, 1.5, True, "two"):
        with pytest.raises(ValueError, match="num_threads"):
            ours(case, threads=wrong)
        with pytest.raises(ValueError, match="num_envs"):
            ours(case, number=wrong)


def test_every_world_of_these_families_has_a_vector_entry_point():
    for row in rows():
        if row.family in ("dmc", "Mine", "LS-Imagine"):
            assert gym.spec(row.id).vector_entry_point == row.vector_entry_point is not None


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_wrappers_of_vectors_do_the_same_on_threads(mode):
    """RND and a stack of images over both kinds."""
    case = ("LSImagine-HarvestSand-v0", {**TINY, "size": (40, 40)})
    both = [ours(case, 2, autoreset_mode=mode), theirs(case, 2, mode=mode)]
    both = [papergym.wrappers.RNDReward(FrameStack(envs, 2), weight=0.1, warmup=2) for envs in both]
    equal(*(envs.reset(seed=0) for envs in both))
    for actions in (np.array([6, 4]), np.array([10, 2]), np.array([1, 3]), np.array([6, 11]), np.array([4, 4])):
        results = [envs.step(actions) for envs in both]
        equal(*results)
    assert results[0][4]["reward_intrinsic"].any()
    for envs in both:
        envs.close()
