"""The four rooms: the walks of the data, and the study on a small scale."""

from itertools import pairwise

import numpy as np
import pytest

from papergym.agents.data.four_rooms import route, waypoint_walks
from papergym.agents.reproduction.trials import reproduction
from papergym.agents.tt.four_rooms import DRAWN, detour, four_rooms, persistent_walk, play
from papergym.agents.tt.plot import parse_paths, plot_four_rooms
from papergym.envs.toys.rooms import distance, slide, visible


def test_routes_are_free_and_not_much_longer_than_the_shortest():
    generator = np.random.default_rng(0)
    for _ in range(200):
        start, end = generator.uniform(-1, 1, (2, 2))
        points = np.array([start, *route(start, end)])
        assert all(visible(a, b) for a, b in pairwise(points)) and len(points) <= 4
        length = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
        assert distance(start, end) - 1e-9 <= length <= distance(start, end) + 0.4


def test_walks_end_where_they_were_headed_for():
    data = waypoint_walks(40, seed=3)
    assert data.episodes == 40 and not data.rewards.any() and not data.terminated.any()
    np.testing.assert_array_equal(waypoint_walks(40, seed=3).observations, data.observations)
    generator = np.random.default_rng(3)
    for number in range(40):
        episode = data.episode(number)
        start, end = generator.uniform(-1, 1, (2, 2))
        generator.normal(size=len(episode.actions))  # the headings
        assert np.abs(episode.observations[0] - start).max() < 2e-3
        assert len(episode.actions) < 200 and np.linalg.norm(episode.observations[-1] - end) <= 0.051
        before = episode.observations[0].astype(np.float64)
        for action, after in zip(episode.actions, episode.observations[1:]):
            norm = max(1.0, float(np.linalg.norm(action)))
            before = slide(before, 0.05 * action.astype(np.float64) / norm)
            np.testing.assert_allclose(before, after, atol=1e-5)


def test_the_study_on_a_small_scale(tmp_path):
    trial = {**reproduction("tt-four-rooms").trials[0], "updates": 30, "walks": 60}
    row = four_rooms(trial)
    assert 0 <= row["reached"] <= 100 and 10 < row["random_walk"] < 40 and np.isfinite(row["loss"])
    runs = parse_paths(row["paths"])
    assert len(runs) == DRAWN and all(len(path) <= 201 and path.shape[1] == 2 for _, path in runs)
    assert len(row["paths"]) < 131_072, "the longest field that the csv module reads"
    plot_four_rooms(tmp_path / "figure.png", [{name: str(value) for name, value in row.items()}])
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_play_counts_what_the_environment_says():
    def guided(observations, first):
        """Along the route to the goal."""
        gaps = []
        for start, end in zip(observations["observation"], observations["desired_goal"]):
            points = [point for point in route(start, end) if np.linalg.norm(point - start) > 0.04]
            gaps.append(points[0] - start if points else end - start)
        gaps = np.array(gaps)
        return (gaps / np.maximum(np.linalg.norm(gaps, axis=1, keepdims=True), 1e-9)).astype(np.float32)

    found = play(guided, 0)
    assert sum(run["reached"] for run in found) == 100
    assert np.mean([detour(run) for run in found]) == pytest.approx(1.0, abs=0.15)
    walked = play(persistent_walk(0), 0)
    assert [run["goal"].tolist() for run in walked] == [run["goal"].tolist() for run in found]
    for run in walked:
        ends = np.linalg.norm(run["path"][-1] - run["goal"]) < 0.1
        assert run["reached"] == ends and (ends or len(run["path"]) == 201)
