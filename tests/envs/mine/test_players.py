"""Scripted players prove that the tasks can be done; random play shows that they are not trivial."""

# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

import gymnasium as gym
import numpy as np
import pytest

import papergym  # noqa: F401  # registers the ids
from papergym.envs.mine import tasks
from papergym.envs.mine.players.paths import beside, find_path
from papergym.envs.mine.players.scripts import script
from papergym.envs.mine.voxel import blocks
from papergym.envs.mine.voxel.grid import Grid
from papergym.envs.mine.voxel.terrain import HEIGHT, SIZE
from papergym.wrappers.mine import ACTIONS

PAPER = tuple(tasks.FACTS["lsimagine"])


def _success(key, seed, *, random=False):
    env = gym.make(f"LSImagine-{tasks.FACTS['lsimagine'][key]['name']}-v0", image_size=8, size=(8, 8))
    env.reset(seed=seed)
    player, rng = script(key, env.unwrapped.world, seed), np.random.default_rng(seed)
    while True:
        action = int(rng.integers(12)) if random else ACTIONS.index(player.act())
        _, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            return info["success"]


@pytest.mark.parametrize("key", PAPER)
def test_scripts_solve_their_task(key):
    assert all(_success(key, seed) for seed in (0, 1))


@pytest.mark.slow
@pytest.mark.parametrize("key", PAPER)
def test_scripts_solve_95_percent_of_100_seeds(key):
    assert np.mean([_success(key, seed) for seed in range(100)]) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("key", PAPER)
def test_random_play_rarely_succeeds(key):
    assert np.mean([_success(key, seed, random=True) for seed in range(50)]) <= 0.3


def test_unknown_task():
    with pytest.raises(KeyError, match="shear_sheep"):
        script("dance", None)  # type: ignore[arg-type]


def test_paths_on_flat_ground_and_around_a_wall():
    grid = Grid()
    grid.flat(63)
    goal = np.zeros((SIZE, SIZE, HEIGHT), bool)
    goal[10, 0, 64] = True
    path = find_path(grid.blocks, goal, (0, 64, 0))
    assert path is not None and len(path) == 11 and path[-1] == (10, 64, 0)
    for z in range(-4, 5):
        for y in range(64, 70):
            grid[5, y, z] = blocks.BEDROCK
    around = find_path(grid.blocks, goal, (0, 64, 0))
    assert around is not None and len(around) == 11 + 10  # five cells aside and back
    goal[:] = False
    assert find_path(grid.blocks, goal, (0, 64, 0), limit=100) is None
    wanted = np.zeros((SIZE, SIZE, HEIGHT), bool)
    wanted[3, 3, 65] = True
    near = beside(wanted, 0, 1)
    assert {tuple(cell) for cell in np.argwhere(near)} == {
        (3 + dx, 3 + dz, y) for dx, dz in ((1, 0), (-1, 0), (0, 1), (0, -1)) for y in (64, 65)
    }
