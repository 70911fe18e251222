"""DQN on the full memory of the Blind Cliffwalk."""

import numpy as np
import pytest
import torch

from papergym.agents.per.memory import learn_from_memory, make_dqn, values_error
from papergym.envs.toys.cliffwalk import optimal_values

METHODS = ("uniform", "proportional", "rank")


@pytest.mark.parametrize("method", ["DQN", "proportional"])
def test_buffer_holds_every_action_sequence_once(method):
    """Counted from the appendix: of n states, state i is met by 2^(n - i) sequences, half of them going each way."""
    n = 5
    buffer = make_dqn(method, n, seed=0).replay_buffer
    assert buffer is not None and len(buffer.rewards) == 2 ** (n + 1) - 2
    states, actions, rewards, ends = (
        np.asarray(getattr(buffer, name)).ravel() for name in ("observations", "actions", "rewards", "dones")
    )
    right = actions == states % 2
    assert [int((states[right] == i).sum()) for i in range(n)] == [2 ** (n - 1 - i) for i in range(n)]
    assert rewards.sum() == 1 and right[rewards == 1] and states[rewards == 1] == n - 1
    np.testing.assert_array_equal(ends == 1, ~right | (states == n - 1))


def test_error_of_known_values():
    model = make_dqn("uniform", 4, seed=0)
    with torch.no_grad():
        for parameter in model.q_net.parameters():
            parameter.zero_()
    truth = optimal_values(4, gamma=0.75)
    assert values_error(model, truth) == pytest.approx((1 + 0.75**2 + 0.75**4 + 0.75**6) / 8)


@pytest.mark.parametrize("method", ["DQN", "uniform", "proportional", "rank"])
def test_small_memory_is_learned(method):
    row = learn_from_memory(method, 6, 0, 3000)
    assert row["solved"] and row["mse"] < 1e-3 and row["memory"] == 126
    assert row["error_curve"].endswith(f"{row['updates']}:{row['mse']:.5g}")


@pytest.mark.slow
def test_priorities_save_updates():
    """At n = 13 (16382 transitions), two seeds; the table has five and larger memories."""
    sums = {method: sum(learn_from_memory(method, 13, seed, 40_000)["updates"] for seed in (0, 1)) for method in METHODS}
    assert sums["rank"] < 0.75 * sums["uniform"] and sums["proportional"] < 0.75 * sums["uniform"]
