import numpy as np
import pytest
from gymnasium import spaces

from papergym.agents.per.cliffwalk import METHODS, solve
from papergym.agents.replay.heap import new_heap, sift
from papergym.agents.replay.prioritized import PrioritizedReplayBuffer
from papergym.envs.toys.cliffwalk import cliffwalk_memory, features, optimal_values


def median(method: str, representation: str, n: int) -> float:
    runs = [solve(method, representation, n, seed) for seed in range(10)]
    assert all(run.solved for run in runs)
    return float(np.median([run.updates for run in runs])) / runs[0].memory


@pytest.mark.parametrize("n", [8, 10, 12])
@pytest.mark.parametrize("representation", ["tabular", "linear"])
def test_figure_2_bands(representation, n):
    """Medians in updates per transition held, as an independent reproduction found them."""
    ratio = {method: median(method, representation, n) for method in ("uniform", "greedy", "rank", "proportional")}
    assert 7 < ratio["uniform"] < 18
    assert 1.4 < ratio["rank"] < 3.5
    assert 1.2 < ratio["proportional"] < 3.3
    assert ratio["proportional"] < ratio["rank"] < ratio["uniform"] / 2.5
    if representation == "tabular":
        assert 0.95 < ratio["greedy"] < 1.6


def test_the_gain_grows_with_the_memory():
    gains = [median("uniform", "tabular", n) / median("proportional", "tabular", n) for n in (4, 8, 13)]
    assert gains[0] < gains[1] < gains[2]
    assert gains[2] > 7


def test_oracle_grows_slowly_and_is_stuck_with_the_bias_feature():
    tabular = [solve("oracle", "tabular", 12, seed) for seed in range(10)]
    assert all(run.solved for run in tabular)
    assert np.median([run.updates for run in tabular]) < 0.12 * tabular[0].memory
    linear = [solve("oracle", "linear", 12, seed) for seed in range(10)]
    assert all(run.stuck and not run.solved and run.mse > 1e-3 for run in linear)


@pytest.mark.parametrize(
    ("representation", "n", "seed"), [("tabular", 3, 0), ("tabular", 5, 1), ("linear", 3, 2), ("linear", 4, 3)]
)
def test_oracle_against_matrices(representation, n, seed):
    """The same oracle written with feature matrices over the whole memory."""
    linear = representation == "linear"
    rng = np.random.default_rng([seed, n])
    memory = cliffwalk_memory(n, alternate=linear, rng=rng)
    theta = rng.normal(0.0, 0.1, (n + 1, 2))
    table = features(np.arange(n), n)
    if not linear:
        theta[n], table[:, n] = 0.0, 0.0
    truth, phi, phi_next = optimal_values(n, alternate=linear), table[memory.state], table[memory.next_state]
    updates, mse = 0, ((table @ theta - truth) ** 2).mean()
    while mse >= 1e-3:
        after = (phi_next @ theta).max(axis=1) * ~memory.terminated
        delta = memory.reward + (1 - 1 / n) * after - (phi @ theta)[np.arange(len(phi)), memory.action]
        trials = np.repeat(theta[None], len(phi), axis=0)
        trials[np.arange(len(phi)), :, memory.action] += 0.25 * delta[:, None] * phi
        errors = ((table @ trials - truth) ** 2).mean(axis=(1, 2))
        if errors.min() >= mse:
            break
        theta, mse, updates = trials[errors.argmin()], errors.min(), updates + 1
    outcome = solve("oracle", representation, n, seed)
    assert outcome.updates == updates
    assert outcome.mse == pytest.approx(mse)


def test_memory_and_determinism():
    for method in METHODS:
        first, again = solve(method, "tabular", 6, 4), solve(method, "tabular", 6, 4)
        assert first == again
        assert first.memory == 126
    assert solve("uniform", "tabular", 6, 4) != solve("uniform", "tabular", 6, 5)
    gave_up = solve("uniform", "tabular", 8, 0, max_updates=10)
    assert (gave_up.updates, gave_up.solved, gave_up.stuck) == (10, False, False)


@pytest.mark.parametrize("variant", ["proportional", "rank"])
def test_the_replay_buffer_solves_it_as_fast(variant):
    """The real buffer, one transition per update, against the compiled study."""
    n = 7
    truth, gamma = optimal_values(n, alternate=False), 1 - 1 / n
    counts = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        memory = cliffwalk_memory(n, alternate=False, rng=rng)
        size, space = len(memory.state), spaces.Discrete(n)
        buffer = PrioritizedReplayBuffer(
            size, space, spaces.Discrete(2), device="cpu", n_envs=size, variant=variant, epsilon=1e-4, seed=seed
        )
        buffer.add(memory.state, memory.next_state, memory.action, memory.reward, memory.terminated, [{}] * size)
        q, updates = rng.normal(0, 0.1, (n, 2)), 0
        while ((q - truth) ** 2).mean() >= 1e-3:
            batch = buffer.sample(1)
            s, a, s_next = (int(x.item()) for x in (batch.observations, batch.actions, batch.next_observations))
            delta = batch.rewards.item() + gamma * (1 - batch.dones.item()) * q[s_next].max() - q[s, a]
            q[s, a] += 0.25 * delta
            buffer.update_priorities(batch.indices, np.array([delta]))
            updates += 1
            assert updates < 20 * size
        counts.append(updates)
    study = np.median([solve(variant, "tabular", n, seed).updates for seed in range(10)])
    assert 0.6 < np.median(counts) / study < 1.6


def test_heap_against_sorting():
    rng = np.random.default_rng(0)
    heap, places = new_heap(200)
    values = np.full(200, np.inf)
    for _ in range(3000):
        item = rng.integers(200)
        values[item] = rng.random()
        sift(heap, places, values, places[item])
        assert values[heap[0]] == values.max()
    assert sorted(heap) == list(range(200))
    np.testing.assert_array_equal(heap[places], np.arange(200))
    child = np.arange(1, 200)
    assert (values[heap[(child - 1) // 2]] >= values[heap[child]]).all()


def test_bad_arguments():
    with pytest.raises(ValueError, match="uniform"):
        solve("random", "tabular", 4, 0)
    with pytest.raises(ValueError, match="at least 2"):
        solve("uniform", "tabular", 1, 0)
