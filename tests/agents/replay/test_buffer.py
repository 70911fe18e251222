import copy
import itertools
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import DQN

from papergym.agents.checkpoint.state import load_state, save_state
from papergym.agents.replay.prioritized import PrioritizedReplayBuffer
from papergym.agents.replay.uniform import PackedReplayBuffer

MIXED = spaces.Dict(  # half precision, and fields between those of float32
    {"a": spaces.Box(-1, 1, (2,)), "b": spaces.Box(0, 255, (3,), np.uint8), "c": spaces.Box(-1, 1, (1,), np.float16)}
)
VARIANTS = ["proportional", "rank"]


def test_what_was_added_is_drawn():
    memory, rng = PackedReplayBuffer(8, MIXED, spaces.Box(-1, 1, (2,)), "cpu", 2, seed=0), np.random.default_rng(0)
    rows = [{key: rng.integers(0, 9, (2, *space.shape)) for key, space in MIXED.spaces.items()} for _ in range(4)]  # type: ignore[misc]
    for step, (now, then) in enumerate(itertools.pairwise(rows)):
        typed = [{key: value.astype(MIXED[key].dtype) for key, value in row.items()} for row in (now, then)]
        memory.add(typed[0], typed[1], np.full((2, 2), 0.5), np.full(2, float(step)), np.full(2, step == 2), [{}] * 2)
    batch = memory._gather(np.arange(3 * 2))
    for key in MIXED.spaces:
        np.testing.assert_array_equal(batch.observations[key], np.concatenate([row[key] for row in rows[:3]]))
        np.testing.assert_array_equal(batch.next_observations[key], np.concatenate([row[key] for row in rows[1:]]))
    np.testing.assert_array_equal(batch.rewards[:, 0], np.repeat([0.0, 1.0, 2.0], 2))
    np.testing.assert_array_equal(batch.dones[:, 0], np.repeat([0.0, 0.0, 1.0], 2))
    np.testing.assert_array_equal(batch.actions, np.full((3 * 2, 2), 0.5))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("n_envs", [1, 4])
def test_indices_point_at_the_rows_returned_after_wrap_around(filled, variant, n_envs):
    buffer = filled(35, 20 * n_envs, n_envs, variant=variant)
    stored = np.where(np.arange(20) < 15, np.arange(20) + 20, np.arange(20))  # step held by each time slot
    for _ in range(20):
        batch = buffer.sample(64)
        np.testing.assert_array_equal(batch.observations[:, 0], stored[batch.indices // n_envs])
        np.testing.assert_array_equal(batch.observations[:, 1], batch.indices % n_envs)
        np.testing.assert_array_equal(batch.next_observations[:, 0], batch.observations[:, 0] + 1)
        np.testing.assert_array_equal(batch.actions[:, 0], batch.observations[:, 0] % 4)
        np.testing.assert_array_equal(batch.rewards[:, 0], batch.observations[:, 0])
        buffer.update_priorities(batch.indices, torch.rand(64, 1))


def test_an_overwritten_slot_takes_the_largest_priority(filled):
    buffer = filled(20, 20)
    buffer.update_priorities(np.arange(20), np.linspace(0.1, 5.0, 20))
    filled.extend(buffer, 20)
    leaves = buffer.priorities.tree.leaves
    assert leaves[0] == pytest.approx(5.000001**0.6)
    assert leaves[1] < leaves[2] < leaves[19]


def test_rank_order_with_a_stale_snapshot(filled):
    buffer = filled(3000, 3000, variant="rank")
    ranked = buffer.priorities
    buffer.update_priorities(np.arange(3000), np.arange(3000.0))
    ranked.sort()
    for step in range(5):
        filled.extend(buffer, 3000 + step)
    np.testing.assert_array_equal(ranked._at(np.arange(7)), [4, 3, 2, 1, 0, 2999, 2998])


def test_n_step_return_by_hand(filled):
    # steps 0 ... 7 in a ring of 6: slots hold steps 6, 7, 2, 3, 4, 5; an episode ends at step 4
    buffer = filled(8, 6, ends=(4,), n_steps=3, gamma=0.5)
    batch = buffer._gather(np.arange(6))
    held = np.array([6, 7, 2, 3, 4, 5])
    windows = {2: [2, 3, 4], 3: [3, 4], 4: [4], 5: [5, 6, 7], 6: [6, 7], 7: [7]}  # 7 is the newest, 4 ends an episode
    for row, step in enumerate(held):
        window = windows[step]
        assert batch.rewards[row, 0] == sum(0.5**k * reward for k, reward in enumerate(window))
        assert batch.discounts[row, 0] == 0.5 ** len(window)
        assert batch.next_observations[row, 0] == window[-1] + 1
        assert batch.dones[row, 0] == (window[-1] == 4)


def test_n_step_never_mixes_environments(filled):
    buffer = filled(30, 40, 4, n_steps=5)
    batch = buffer.sample(128)
    np.testing.assert_array_equal(batch.next_observations[:, 1], batch.observations[:, 1])


def test_timeouts_do_not_cut_the_target():
    space = spaces.Box(-1, 1, (1,), np.float32)
    buffer = PackedReplayBuffer(4, space, space, device="cpu", n_envs=2, seed=0)
    one = np.zeros((2, 1), np.float32)
    infos = [{"TimeLimit.truncated": True}, {}]
    buffer.add(one, one, one, np.zeros(2), np.array([True, True]), infos)
    assert buffer._gather(np.array([0, 1])).dones[:, 0].tolist() == [0.0, 1.0]


def test_dict_observations_and_dtypes():
    observation = spaces.Dict({"image": spaces.Box(0, 255, (3, 4, 4), np.uint8), "speed": spaces.Box(-1, 1, (2,), np.float64)})
    buffer = PrioritizedReplayBuffer(8, observation, spaces.Box(-1, 1, (2,)), device="cpu", n_envs=2, seed=0)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 2, 3, 4, 4), np.uint8)
    for step in range(3):
        now = {"image": images[step], "speed": np.full((2, 2), step)}
        after = {"image": images[step + 1], "speed": np.full((2, 2), step + 1)}
        buffer.add(now, after, np.zeros((2, 2)), np.zeros(2), np.zeros(2), [{}, {}])
    batch = buffer.sample(16)
    assert batch.observations["image"].dtype == torch.uint8
    assert batch.observations["speed"].dtype == torch.float32
    for row, index in enumerate(batch.indices):
        np.testing.assert_array_equal(batch.observations["image"][row], images[index // 2, index % 2])
        np.testing.assert_array_equal(batch.next_observations["image"][row], images[index // 2 + 1, index % 2])
    assert buffer.observations["image"].shape == (4, 2, 3, 4, 4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_state_round_trip_gives_the_same_batches(filled, variant, tmp_path):
    buffer = filled(70, 50, variant=variant)
    for _ in range(5):
        buffer.update_priorities(buffer.sample(16).indices, np.random.default_rng(0).random(16))
    buffer.anneal(0.3)
    save_state(tmp_path / "buffer", buffer.get_state(), kind="test")
    twin = filled(0, 50, variant=variant)
    twin.set_state(load_state(tmp_path / "buffer", kind="test"))
    for step in range(30):
        ours, theirs = buffer.sample(16), twin.sample(16)
        np.testing.assert_array_equal(ours.indices, theirs.indices)
        assert torch.equal(ours.weights, theirs.weights)
        assert torch.equal(ours.observations, theirs.observations)
        for each in (buffer, twin):
            each.update_priorities(ours.indices, np.sin(np.arange(16.0) + step))
            filled.extend(each, 100 + step)


@pytest.mark.parametrize("duplicate", [lambda buffer: pickle.loads(pickle.dumps(buffer)), copy.deepcopy])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_pickled_buffer_goes_on_alike(filled, variant, duplicate):
    """stable-baselines3's save_replay_buffer and load_replay_buffer pickle; no view may come back as a copy."""
    buffer = filled(30, 50, variant=variant, n_steps=2)
    buffer.update_priorities(np.arange(30), np.linspace(0.1, 3.0, 30))
    twin = duplicate(buffer)
    for step in range(30, 90):
        for each in (buffer, twin):
            filled.extend(each, step)
        ours, theirs = buffer.sample(16), twin.sample(16)
        np.testing.assert_array_equal(ours.indices, theirs.indices)
        assert torch.equal(ours.observations, theirs.observations) and torch.equal(ours.rewards, theirs.rewards)
        for each in (buffer, twin):
            each.update_priorities(ours.indices, np.cos(np.arange(16.0) + step))


def test_own_generator(filled):
    first = filled(30, 30).sample(8).indices
    np.random.seed(1)  # noqa: NPY002
    np.testing.assert_array_equal(filled(30, 30).sample(8).indices, first)


def test_seed_follows_torch_as_sb3_seeds_it():
    space = spaces.Box(-1, 1, (1,))
    with torch.random.fork_rng():
        draws = []
        for seed in (5, 5, 6):
            torch.manual_seed(seed)
            draws.append(PackedReplayBuffer(9, space, space, device="cpu").generator.integers(1 << 60))
    assert draws[0] == draws[1] != draws[2]


def test_seed_follows_torch_seeded_before_the_import():
    code = (
        "import torch; torch.manual_seed(5)\n"
        "from gymnasium.spaces import Box; from papergym.agents.replay.uniform import PackedReplayBuffer\n"
        "print(PackedReplayBuffer(9, Box(-1, 1, (1,)), Box(-1, 1, (1,)), device='cpu').generator.integers(1 << 60))\n"
    )
    draws = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in "ab"}
    assert len(draws) == 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_bad_input_changes_nothing(filled, variant):
    buffer = filled(10, 10, variant=variant)
    before = buffer.get_state()["priorities"]
    batch = buffer.sample(4)
    with pytest.raises(ValueError, match="NaN"):
        buffer.update_priorities(batch.indices, np.array([1.0, np.nan, 1.0, 1.0]))
    with pytest.raises(ValueError, match="one TD error per index"):
        buffer.update_priorities(batch.indices, np.ones(3))
    with pytest.raises(IndexError, match="0"):
        buffer.update_priorities(np.array([99]), np.ones(1))
    after = buffer.get_state()["priorities"]
    name = "leaves" if variant == "proportional" else "priorities"
    np.testing.assert_array_equal(before[name], after[name])


def test_bad_arguments(filled):
    with pytest.raises(ValueError, match="proportional, rank"):
        filled(0, 10, variant="topk")
    with pytest.raises(ValueError, match="alpha"):
        filled(0, 10, alpha=-1.0)
    with pytest.raises(ValueError, match="optimize_memory_usage"):
        filled(0, 10, optimize_memory_usage=True)
    with pytest.raises(ValueError, match="add transitions"):
        filled(0, 10).sample(4)
    with pytest.raises(ValueError, match="spaces and the buffer size"):
        filled(0, 10).set_state(filled(20, 20).get_state())


@pytest.mark.parametrize("variant", VARIANTS)
def test_plain_sb3_is_told_once_that_nothing_is_prioritised(variant):
    """Its DQN never returns TD errors. Every transition keeps the same priority, and one warning says so."""
    arguments = {"learning_starts": 10, "train_freq": 1, "batch_size": 8, "buffer_size": 400, "device": "cpu", "seed": 0}
    model = DQN(
        "MlpPolicy",
        "CartPole-v1",
        replay_buffer_class=PrioritizedReplayBuffer,
        replay_buffer_kwargs={"variant": variant},
        **arguments,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.learn(300)
    told = [warning for warning in caught if "no priority was ever updated" in str(warning.message)]
    assert len(told) == 1 and "use PrioritizedDQN" in str(told[0].message)
    state = model.replay_buffer.priorities.get_state()
    assert len(set(state["leaves" if variant == "proportional" else "priorities"])) == 1


@pytest.mark.parametrize("kwargs", [{"alpha": 0.0}, {}])
def test_nothing_is_said_where_uniform_is_meant_or_errors_come_back(filled, kwargs):
    buffer = filled(50, 50, **kwargs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for count in range(250):
            batch = buffer.sample(8)
            if not kwargs and count == 90:  # once is enough: who collects batches before an update is not told
                buffer.update_priorities(batch.indices, torch.ones(8))
