"""State files: every leaf comes back bit for bit, and nothing large is copied on the way."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

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
