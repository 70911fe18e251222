"""The replay of sequences against a plain list of everything that was added."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papergym.agents.checkpoint.state import CheckpointError, load_state, save_state
from papergym.agents.replay.sequences import SequenceReplay

FIELDS = {"image": ((2, 3), np.dtype(np.uint8)), "number": ((), np.dtype(np.float32))}


def record(env, number):
    return {"image": np.full((2, 3), number % 256, np.uint8), "number": np.float32(1000 * env + number)}


def filled(capacity=40, length=4, n_envs=2, counts=(30, 9), seed=0, **kwargs):
    replay = SequenceReplay(capacity, FIELDS, length=length, n_envs=n_envs, seed=seed, **kwargs)
    for env, count in enumerate(counts):
        for number in range(count):
            replay.add(env, record(env, number))
    return replay


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 12),
    length=st.integers(1, 5),
    counts=st.lists(st.integers(0, 40), min_size=1, max_size=3),
    batch=st.integers(1, 9),
    online=st.booleans(),
)
def test_samples_are_whole_runs_of_what_is_still_held(size, length, counts, batch, online):
    n_envs = len(counts)
    if size < length:
        with pytest.raises(ValueError, match="buffer_size"):
            SequenceReplay(size * n_envs, FIELDS, length=length, n_envs=n_envs)
        return
    replay = filled(size * n_envs, length, n_envs, counts, online=online)
    held = [list(range(max(count - size, 0), count)) for count in counts]
    assert len(replay) == sum(map(len, held))
    runs = {(env, run[i]) for env, run in enumerate(held) for i in range(len(run) - length + 1)}
    assert replay.sequences == len(runs)
    if not runs:
        with pytest.raises(ValueError, match="learning_starts"):
            replay.sample(batch)
        return
    for _ in range(3):
        fields, places = replay.sample(batch)
        assert fields["number"].shape == places.shape == (length, batch) and fields["image"].shape == (length, batch, 2, 3)
        for column in fields["number"].T:
            env, number = divmod(int(column[0]), 1000)
            assert (env, number) in runs and column.tolist() == [1000 * env + number + i for i in range(length)]
        np.testing.assert_array_equal(fields["image"][..., 0, 0], fields["number"] % 1000 % 256)


def test_new_sequences_come_first_and_once():
    replay = filled(counts=(9, 8))  # two whole sequences of four each
    fields, _ = replay.sample(3)
    assert fields["number"][0].tolist() == [0, 4, 1000]
    assert replay.sample(1)[0]["number"][0].tolist() == [1004]
    later = np.concatenate([replay.sample(50)[0]["number"][0] for _ in range(10)])
    assert len(np.unique(later)) == replay.sequences == 11


def test_queue_forgets_what_was_overwritten():
    replay = filled(capacity=8, length=4, n_envs=1, counts=(18,))
    held = set(range(10, 18))
    fields, _ = replay.sample(20)
    assert fields["number"][0, 0] == 12 and set(fields["number"].ravel().astype(int)) <= held


def test_uniform_over_sequences():
    replay = filled(counts=(30, 9), online=False)
    starts = np.concatenate([replay.sample(100)[0]["number"][0] for _ in range(60)])
    counts = np.unique(starts, return_counts=True)[1]
    assert len(counts) == replay.sequences == 17 + 6
    expected = 6000 / 23
    assert ((counts - expected) ** 2 / expected).sum() < 48.3  # chi-square, 22 degrees of freedom, p = 0.001


def test_write_and_amend_change_the_records():
    replay = filled(online=False)
    fields, places = replay.sample(5)
    replay.write(places[1:], {"number": -fields["number"][1:]})
    written = set(fields["number"][1:].ravel())
    after = np.concatenate([replay.sample(100)[0]["number"].ravel() for _ in range(20)])
    assert {-value for value in after if value < 0} == {value for value in written if value > 0}
    replay.amend(1, number=7777)
    assert replay.sample(400)[0]["number"].max() == 7777


def test_resume_is_exact(tmp_path):
    replay = filled(capacity=20, counts=(25, 6))
    replay.sample(1)
    save_state(tmp_path / "state.safetensors", replay.get_state(), kind="replay")
    other = SequenceReplay(20, FIELDS, length=4, n_envs=2, seed=5)
    other.set_state(load_state(tmp_path / "state.safetensors", kind="replay"))
    for step in range(20):
        for memory in (replay, other):
            memory.add(step % 2, record(step % 2, 100 + step))
        (one, places), (two, same) = replay.sample(3), other.sample(3)
        np.testing.assert_array_equal(places, same)
        for name in FIELDS:
            np.testing.assert_array_equal(one[name], two[name])


def test_a_frame_is_held_once():
    replay = SequenceReplay(1000, {"image": ((64, 64, 3), np.dtype(np.uint8))}, length=16)
    assert sum(part.nbytes for part in replay._rows.values()) == 1000 * 64 * 64 * 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda good: {"image": good["image"]}, r"missing \['number'\], unknown \[\]"),
        (lambda good: {**good, "map": 1}, r"missing \[\], unknown \['map'\]"),
        (lambda good: {**good, "image": np.zeros((3, 2), np.uint8)}, r"'image' of shape \(2, 3\), got \(3, 2\)"),
        (lambda good: {**good, "number": np.zeros(2)}, r"'number' of shape \(\), got \(2,\)"),
        (lambda good: {**good, "number": "seven"}, "could not convert string to float"),
    ],
)
def test_bad_records(change, message):
    """Each is refused, and a memory that is full has lost none of its records."""
    replay = filled(capacity=20, counts=(25, 25))
    before = copy.deepcopy(replay.get_state())
    with pytest.raises(ValueError, match=message):
        replay.add(0, change(record(0, 1)))
    np.testing.assert_equal(replay.get_state(), before)


@pytest.mark.parametrize("bad", [{"number": np.zeros((4, 6))}, {"number": np.zeros((4, 5)), "image": np.zeros((4, 5, 3, 2))}])
def test_written_values_of_another_shape_change_nothing(bad):
    replay = filled()
    _, places = replay.sample(5)
    before = copy.deepcopy(replay.get_state())
    with pytest.raises(ValueError, match=r"expected '(number|image)' of shape \(4, 5.*\), got"):
        replay.write(places, bad)
    np.testing.assert_equal(replay.get_state(), before)


def test_a_checkpoint_of_another_memory_is_refused():
    state = filled().get_state()
    for other in (SequenceReplay(80, FIELDS, length=4, n_envs=2), SequenceReplay(40, FIELDS, length=4, n_envs=1)):
        with pytest.raises(CheckpointError, match=r"config\.toml"):
            other.set_state(state)
