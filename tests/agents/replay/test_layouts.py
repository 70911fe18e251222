"""Shapes of what is added: axes of length 1 may be missing or too many; every other layout is refused, never scrambled."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from papergym.agents.replay.frames import FrameReplay
from papergym.agents.replay.prioritized import PrioritizedReplayBuffer
from papergym.agents.replay.uniform import PackedReplayBuffer

IMAGE = spaces.Box(0, 255, (3, 4, 5), np.uint8)
MOVES = spaces.Box(-1, 1, (2, 3))
RNG = np.random.default_rng(0)
CLASSES: dict[str, Any] = {
    "uniform": PackedReplayBuffer,
    "prioritized": PrioritizedReplayBuffer,
    "frames": lambda *args, **kw: FrameReplay(*args, frame_stack=1, **kw),
}


def images(n, shape=(3, 4, 5)):
    return RNG.integers(0, 256, (n, *shape), np.uint8)


def add(memory, obs, next_obs, action, n):
    memory.add(obs, next_obs, action, np.arange(n, dtype=np.float32), np.zeros(n), [{}] * n)


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return np.array_equal(np.asarray(one), np.asarray(other))


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("shape", [(4, 5, 3), (3, 5, 4), (5, 4, 3), (60,), (12, 5), (3, 2, 2, 5)])
def test_another_layout_is_refused(shape, kind, n):
    memory = CLASSES[kind](8, IMAGE, MOVES, "cpu", n, seed=0)
    add(memory, images(n), images(n), np.zeros((n, 2, 3)), n)
    before = copy.deepcopy(memory.get_state())
    right, wrong = images(n), images(n, shape)
    for obs, next_obs, name in ((wrong, wrong, "observations"), (right, wrong, "next_observations")):
        with pytest.raises(ValueError, match=rf"{name}: expected the shape \({n}, 3, 4, 5\), got \({n}, {shape[0]}[,)]"):
            add(memory, obs, next_obs, np.zeros((n, 2, 3)), n)
    for action in (np.zeros((n, 3, 2)), np.zeros((n, 2, 3)).swapaxes(0, 2)):
        with pytest.raises(ValueError, match=r"actions: expected the shape"):
            add(memory, right, right, action, n)
    assert same(before, memory.get_state())


def test_the_environments_come_first():
    memory = PackedReplayBuffer(8, IMAGE, MOVES, "cpu", 2, seed=0)
    for wrong in (images(2).swapaxes(0, 1), images(1, (2, 3, 4, 5))[0].transpose(1, 0, 2, 3)):
        with pytest.raises(ValueError, match=r"observations: expected the shape \(2, 3, 4, 5\)"):
            add(memory, wrong, wrong, np.zeros((2, 6)), 2)


@pytest.mark.parametrize("kind", CLASSES)
def test_axes_of_length_one_may_be_missing_or_too_many(kind):
    memory = CLASSES[kind](8, IMAGE, MOVES, "cpu", 1, seed=0)
    kept = images(3)
    for obs, action in ((kept[0], np.full((2, 3), 0.0)), (kept[1][None], np.full(6, 0.1)), (kept[2][None, None], [[0.2] * 6])):
        add(memory, obs, obs, action, 1)
    batch = memory.sample(64)
    for obs, next_obs, action in zip(batch.observations, batch.next_observations, batch.actions):
        number = round(10 * float(action[0]))
        np.testing.assert_array_equal(obs, kept[number])
        np.testing.assert_array_equal(next_obs, kept[number])
        np.testing.assert_allclose(action, np.full(6, number / 10), rtol=1e-6)


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("kind", CLASSES)
def test_actions_of_several_axes_are_kept_row_by_row(kind, n):
    memory = CLASSES[kind](8 * n, IMAGE, MOVES, "cpu", n, seed=0)
    actions, rows = RNG.uniform(-1, 1, (n, 2, 3)).astype(np.float32), images(n)
    add(memory, rows, rows, actions, n)
    add(memory, rows, rows, actions.reshape(n, 6), n)  # flat, as SB3's policies give them
    batch = memory.sample(32)
    for reward, action in zip(batch.rewards[:, 0], batch.actions):
        np.testing.assert_array_equal(action, [value for row in actions[int(reward)] for value in row])


GRID = spaces.MultiDiscrete(np.array([[3, 4, 5], [6, 7, 8]]))


@pytest.mark.parametrize("key", [None, "grid"])
def test_grids_of_ids_are_kept_row_by_row(key):
    space: spaces.Space = GRID if key is None else spaces.Dict({key: GRID})
    memory = PackedReplayBuffer(8, space, spaces.Discrete(2), "cpu", 2, seed=0)
    ids = RNG.integers(0, 3, (2, 2, 3))
    given = [value if key is None else {key: value} for value in (ids, ids.transpose(0, 2, 1), ids.reshape(2, 6))]
    add(memory, given[0], given[2], np.array([0, 1]), 2)
    with pytest.raises(ValueError, match=r"observations.*: expected the shape \(2, 6\), got \(2, 3, 2\)"):
        add(memory, given[1], given[1], np.array([0, 1]), 2)
    batch = memory.sample(32)
    for held in (batch.observations, batch.next_observations):
        rows = held if key is None else held[key]  # pyright: ignore[reportArgumentType, reportCallIssue]
        for action, row in zip(batch.actions[:, 0], rows):
            np.testing.assert_array_equal(row, [value for line in ids[int(action)] for value in line])


def test_a_state_of_frames_is_a_view_of_frames_only():
    """As its docstring says: saved before the next add it is exact."""
    memory = CLASSES["frames"](4, IMAGE, MOVES, "cpu", 1, seed=0)
    for _ in range(4):
        obs = images(1)
        add(memory, obs, obs, np.zeros((1, 6)), 1)
    state = memory.get_state()
    kept, twin = copy.deepcopy(state), CLASSES["frames"](4, IMAGE, MOVES, "cpu", 1, seed=1)
    assert state["frames"].data_ptr() == memory.frames.data_ptr()
    for _ in range(9):
        obs = images(1)
        add(memory, obs, obs, np.ones((1, 6)), 1)
    assert all(same(kept[name], state[name]) for name in kept if name != "frames")
    twin.set_state(kept)
    assert torch.equal(twin.frames[:, : kept["frames"].shape[1]], kept["frames"]) and twin.size() == kept["count"].sum()
