"""The command that draws what a bonus pays where."""

import matplotlib.image
import numpy as np
import pytest

from papergym.agents.cli import bonus_map
from papergym.agents.run import main


@pytest.mark.parametrize("env", ["TT-FourRooms-v0", "DT-KeyToDoor-v0", "MountainCarContinuous-v0"])
def test_a_image_with_both_runs(env, tmp_path, capsys):
    path = tmp_path / "maps" / "map.png"
    assert main(["bonus-map", env, "--steps", "512", "--bins", "10", "--output", str(path)]) == 0
    image = matplotlib.image.imread(path)
    assert image.shape[0] > 300 and image[..., :3].std() > 0.05
    told = capsys.readouterr().out
    assert "with KNNNovelty:" in told and "without:" in told and f"of {48 + 8 if 'Key' in env else 100} cells visited" in told


def test_cells_average_what_was_paid_there():
    places = np.array([[0.1, 0.1], [0.2, 0.3], [0.9, 0.9]])
    cells = bonus_map._average(places, np.array([1.0, 3.0, 5.0]), bonus_map._edges(np.zeros(2), np.ones(2), 2))
    np.testing.assert_array_equal(cells, [[2.0, np.nan], [np.nan, 5.0]])


def test_whole_numbers_have_a_cell_each():
    edges = bonus_map._edges(np.array([0, 2]), np.array([3, 2]), None)
    assert [row.tolist() for row in edges] == [[-0.5, 0.5, 1.5, 2.5, 3.5], [1.5, 2.5]]
    places = np.array([[0, 2], [3, 2], [3, 2]])
    np.testing.assert_array_equal(bonus_map._average(places, np.array([1.0, 2.0, 4.0]), edges)[:, 0], [1, np.nan, np.nan, 3])


def test_key_to_door_is_three_rooms_side_by_side():
    import gymnasium as gym

    env = gym.make("DT-KeyToDoor-v0").unwrapped
    env.action_space.seed(0)
    obs, _ = env.reset(seed=0)
    for _ in range(40):
        place = bonus_map._rooms_side_by_side(obs[None])[0]
        column, row = env.cells[env.phase]
        assert place.tolist() == [env.phase * 5 + column, row]
        obs, *_ = env.step(env.action_space.sample())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--bonus", "KNNNoveltee"], "KNNNovelty"),
        (["--steps", "0"], "--steps is at least 1"),
        (["--output", "map.txt"], ".png, .pdf or .svg"),
        (["MountainCar-v0", "--axes", "0", "5"], "elements 0 to 1"),
        (["FourRoomz-v0"], "papergym list"),
    ],
)
def test_requests_that_cannot_be_met(arguments, told, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["bonus-map", *arguments]) == 2
    assert told in capsys.readouterr().err
