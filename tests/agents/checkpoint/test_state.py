"""State files: every leaf comes back bit for bit, and nothing large is copied on the way."""

import json
import zlib

import numpy as np
import pytest
import torch
from gymnasium import spaces
from safetensors.torch import save_file

from papergym.agents.checkpoint import state as module
from papergym.agents.checkpoint.state import CheckpointError, load_state, save_state
from papergym.agents.replay.uniform import PackedReplayBuffer


def test_leaves_come_back(tmp_path):
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(5, 6))
    stacked = torch.randn(3, 4)
    state = {
        "array": {
            "plain": matrix,
            "transposed": matrix.T,
            "strided": matrix[::2, 1:],
            "empty": np.zeros((0, 3)),
            "scalar": np.array(3),
        },
        "bytes": rng.integers(0, 256, (7, 3), np.uint8),
        "tensor": {"whole": stacked, "row": stacked[1], "again": stacked, "half": stacked.half(), "none": torch.zeros(0)},
        "json": {"list": [1, 2.5, None, "x"], "big": 2**200, "flag": True, "empty": {}},
    }
    save_state(tmp_path / "file", state, kind="test")
    found = load_state(tmp_path / "file", kind="test")
    for group in ("array", "tensor"):
        for name, value in state[group].items():
            assert type(found[group][name]) is type(value)
            np.testing.assert_array_equal(found[group][name], value, err_msg=name)
            assert found[group][name].dtype == value.dtype
    np.testing.assert_array_equal(found["bytes"], state["bytes"])
    assert found["json"] == state["json"]


def test_a_replay_is_written_from_where_it_is(tmp_path, monkeypatch):
    buffer = PackedReplayBuffer(100, spaces.Box(-1, 1, (3,)), spaces.Box(-1, 1, (1,)), "cpu", n_envs=2, seed=0)
    rng = np.random.default_rng(0)
    for _ in range(30):
        buffer.add(rng.random((2, 3)), rng.random((2, 3)), rng.random((2, 1)), rng.random(2), np.zeros(2), [{}, {}])
    written = {}
    save_file = module.save_file
    monkeypatch.setattr(
        module, "save_file", lambda tensors, *rest, **named: (written.update(tensors), save_file(tensors, *rest, **named))
    )
    save_state(tmp_path / "file", buffer.get_state(), kind="test")
    assert written["rows"].data_ptr() == buffer.rows.data.ctypes.data and len(written["rows"]) == 60
    other = PackedReplayBuffer(100, spaces.Box(-1, 1, (3,)), spaces.Box(-1, 1, (1,)), "cpu", n_envs=2, seed=9)
    other.set_state(load_state(tmp_path / "file", kind="test"))
    for ours, theirs in zip(buffer.sample(32)[:5], other.sample(32)[:5]):
        assert torch.equal(ours, theirs)


def test_damage_is_seen(tmp_path):
    path = tmp_path / "file"
    save_state(path, {"array": np.arange(100.0)}, kind="test")
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="fails its checksum"):
        load_state(path, kind="test")
    path.write_bytes(data[:-30])
    with pytest.raises(CheckpointError, match="truncated"):
        load_state(path, kind="test")


def small_state(path, **kwargs):
    state = {"counters": {"steps": 1234, "rate": 0.5}, "array": np.arange(6.0), "net": {"w": torch.ones(2, 3)}}
    save_state(path, state, kind="test", **kwargs)


def test_no_bit_of_a_file_can_change_unnoticed(tmp_path):
    """A bit of every byte of the header and of the values, one at a time."""
    rng = np.random.default_rng(0)
    path = tmp_path / "file"
    small_state(path, plan="0123")
    whole = path.read_bytes()
    accepted = []
    for place in 8 * np.arange(len(whole)) + rng.integers(0, 8, len(whole)):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << int(place % 8)
        path.write_bytes(damaged)
        try:
            load_state(path, kind="test", plan="0123")
            accepted.append(place)
        except CheckpointError:
            pass
    assert accepted == []


@pytest.mark.parametrize("change", [(b"1234", b"9999"), (b'/rate\\": 0.5', b'/rate\\": 0.7'), (b'"F64"', b'"I64"')])
def test_an_edited_header_is_refused(tmp_path, change):
    small_state(tmp_path / "file")
    data = (tmp_path / "file").read_bytes()
    assert change[0] in data
    (tmp_path / "file").write_bytes(data.replace(*change))
    with pytest.raises(CheckpointError, match="corrupted"):
        load_state(tmp_path / "file", kind="test")


def test_a_checkpoint_of_another_plan_is_refused(tmp_path):
    small_state(tmp_path / "file", plan="aa")
    load_state(tmp_path / "file", kind="test")
    with pytest.raises(CheckpointError, match="other settings or another seed"):
        load_state(tmp_path / "file", kind="test", plan="bb")


def test_files_of_the_first_format_are_read(tmp_path):
    """Written by versions that kept checksums of the tensors only."""
    values = torch.arange(4.0)
    sums = {"net/w": zlib.crc32(values.numpy().data)}
    head = {"format": "papergym-state-1", "kind": "test", "plain": '{"steps": 3}', "arrays": "[]", "sums": json.dumps(sums)}
    save_file({"net/w": values}, tmp_path / "file", metadata=head)
    found = load_state(tmp_path / "file", kind="test", plan="anything")
    assert found["steps"] == 3 and torch.equal(found["net"]["w"], values)
    save_file({"net/w": values + 1}, tmp_path / "file", metadata=head)
    with pytest.raises(CheckpointError, match="fails its checksum"):
        load_state(tmp_path / "file", kind="test")
