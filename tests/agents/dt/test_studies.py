"""The toy experiments, small, and what their rows hold."""

import numpy as np
import pytest

from papergym.agents.data import toys
from papergym.agents.dt import credit, plot, studies
from papergym.agents.offline.sweep import play, target_sweep
from papergym.agents.reproduction.trials import reproductions, trial_id
from papergym.envs.toys.base import Walks
from papergym.envs.toys.key_to_door import KeyToDoor
from papergym.envs.toys.shortest_path import ShortestPath

ROOMS = {"size": 2, "phase_steps": 4}


def test_the_step_that_takes_the_key():
    """Against the environment's own report, walk by walk."""
    rng, env = np.random.default_rng(0), KeyToDoor(**ROOMS)
    steps, taken, walks = 12, [], []
    env.reset(seed=1)
    for _ in range(300):
        seen, actions, key = [env.reset()[0]], rng.integers(3, size=steps), -1
        for step, action in enumerate(actions):
            observation, _, over, _, info = env.step(action)
            seen.append(observation)
            key = step if info["has_key"] and key < 0 else key
            if over:
                break
        taken.append(key)
        lost = steps + 1 - len(seen)
        padded = np.concatenate((seen, np.zeros((lost, len(seen[0])), np.float32)))
        walks.append((padded, np.where(np.arange(steps) < len(seen) - 1, actions, 0), len(seen) - 1))
    observations, actions, lengths = (np.array(part) for part in zip(*walks))
    found = credit.key_steps(Walks(observations, actions, np.zeros((300, steps)), np.ones(300, bool), lengths), 2)
    np.testing.assert_array_equal(found, taken)
    assert 3 in taken and -1 in taken, "the last step of the phase and walks without a key are among them"


def test_learning_from_walks(monkeypatch):
    """Small rooms: told the best return it succeeds more often than the walks and than told nothing; BC does as they do."""
    monkeypatch.setattr(studies, "EPISODES", 300)
    trial = {"agent": "dt", "preset": "key-to-door", "walks": 600, "seed": 0, "updates": 250, **ROOMS}
    ours = studies.key_to_door({**trial, "method": "DT", "updates": 400})  # 26 with two seeds; after 250, 13 or 24
    best = studies.key_to_door({**trial, "method": "%BC"})
    clone = studies.key_to_door({**trial, "method": "BC"})
    assert ours["success"] > ours["data"] + 20 and best["success"] > ours["data"] + 20
    assert ours["told_zero"] < ours["success"] / 2 and "told_zero" not in clone
    assert abs(clone["sampled"] - clone["data"]) < 8


def test_credit_row(monkeypatch):
    monkeypatch.setattr(credit, "WALKS", 400)
    monkeypatch.setattr(credit, "AROUND", 1)
    row = studies.key_to_door_credit({"preset": "credit", "walks": 300, "seed": 0, "updates": 5, **ROOMS})
    assert 0 < row["with_key"] < 1 and [pair.split(":")[0] for pair in row["attention"].split()] == ["-1", "0", "1"]
    with pytest.raises(ValueError, match="sees whole episodes of 12 steps"):
        policy = studies.learn(
            "dt", "credit", {"updates": 1, "context": 3, "max_timestep": 12}, *_data(), "DT-KeyToDoor-v0", ROOMS, 0
        ).policy
        credit.credit(policy, ROOMS, seed=0)


def _data():
    return (toys.key_to_door(50, 0, **ROOMS),)


def test_shortest_path_row():
    """The row of a short training; and a walk that follows the shortest paths by hand."""
    trial = {"preset": "shortest-path", "walks": 300, "existing_edges": True, "seed": 0, "updates": 30}
    row = studies.shortest_path(trial)
    assert row["tabular"] <= 100 and row["shortest"] <= row["reached"]
    lengths = toys.shortest_path(300, 0).lengths  # of what is left of each walk, from each of its steps on
    count = np.bincount(lengths, minlength=12)
    walks = (count[1:11] - count[2:12]) / (count[1] - count[11])  # a walk of k steps leaves one rest of each length up to k
    np.testing.assert_allclose(plot._shares(row["histogram_walks"]), walks, atol=1e-3)
    world = ShortestPath()
    shares = plot._shares(row["histogram_optimal"])
    starts = [node for node in range(world.nodes) if node != world.goal]
    np.testing.assert_allclose(shares.sum(), 1, atol=1e-3)
    assert (shares * np.arange(1, 11)).sum() == pytest.approx(-world.optimal_values[starts].mean(), abs=1e-2)

    class Guide:
        def act(self, node, first, reward, target, state):
            closer = world.optimal_values[None] == world.optimal_values[node][:, None] + 1
            return (closer & world.edges[node]).argmax(1), None

    np.testing.assert_array_equal(studies.walk(Guide(), world, np.array(starts)), -world.optimal_values[starts])

    class Stays:
        def act(self, node, first, reward, target, state):
            return node, None

    assert np.isinf(studies.walk(Stays(), world, np.array(starts))).all()


def test_all_targets_in_one_batch():
    """Each target as if it were alone; the starts are the same for all."""
    data = toys.key_to_door(100, 0, **ROOMS)
    given = {"updates": 20, "max_timestep": 12}
    learner = studies.learn("dt", "key-to-door", given, data, "DT-KeyToDoor-v0", ROOMS, 0)
    together = target_sweep(learner, lambda: KeyToDoor(**ROOMS), [0.0, 1.0], 8, 0)
    assert together.shape == (2, 8)
    for target, reached in zip((0.0, 1.0), together):
        alone = [play(learner, [KeyToDoor(**ROOMS)], np.array([target]), [10_000 + i])[0][0] for i in range(8)]
        np.testing.assert_array_equal(alone, reached)


def test_figures_and_table(tmp_path):
    """Drawn from rows as the reproductions list them; the table holds the paper's numbers too."""
    lists = reproductions()
    rng = np.random.default_rng(0)
    rows = [
        {name: str(value) for name, value in {**trial, "trial": trial_id(trial), "success": rng.uniform(0, 100)}.items()}
        for trial in lists["dt-key-to-door"].trials
    ]
    plot.plot_key_to_door(tmp_path / "doors.png", rows)
    table = plot.table_key_to_door(rows)
    assert all(f"paper {value}" in table for value in ("71.8", "94.6", "95.1", "1.4", "13.3"))
    means = [np.mean([float(row["success"]) for row in rows if row["setting"] == "DT, 3 x 3, 1 000 walks"])]
    assert f"{means[0]:.1f} (" in table
    paths = [
        {**{name: str(value) for name, value in trial.items()}, "reached": "90"}
        | {f"histogram_{name}": "1:0.5 2:0.25" for name in plot.HISTOGRAMS}
        for trial in lists["dt-shortest-path"].trials
    ]
    plot.plot_shortest_path(tmp_path / "paths.png", paths)
    plot.plot_credit(
        tmp_path / "credit.png", [{"seed": "0", "at_key": "-1:0.1 0:0.3", "attention": "-1:0.1 0:0.5", "even": "0.1"}]
    )
    assert all((tmp_path / f"{name}.png").stat().st_size > 5000 for name in ("doors", "paths", "credit"))
