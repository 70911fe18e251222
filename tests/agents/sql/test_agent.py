import pytest
import torch

import papergym  # noqa: F401
from papergym.agents.checkpoint.state import load_state, save_state
from papergym.agents.errors import UsageError
from papergym.agents.sql.build import build
from papergym.agents.sql.config import Config

torch.set_num_threads(1)
SMALL = Config(learning_starts=20, hidden=(16,), batch_size=16, buffer_size=200)


def test_interrupted_equals_uninterrupted(tmp_path):
    def make(seed=1):
        return build(SMALL, "SQL-MultiGoal-v0", seed=seed, device="cpu")

    whole = make().learn(40).learn(20, reset_num_timesteps=False)
    first = make().learn(40)
    save_state(tmp_path / "state", first.get_state(), kind="sql")
    second = make(9)
    second.set_state(load_state(tmp_path / "state", kind="sql"))
    second.learn_until(60)
    for ours, theirs in zip(whole.policy.parameters(), second.policy.parameters()):
        assert torch.equal(ours, theirs)


def test_needs_boxes():
    with pytest.raises(UsageError, match="needs a Box"):
        build(SMALL, "CartPole-v1", seed=0)
