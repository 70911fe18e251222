"""Terrain, light and snapshots of the embedded world."""

import numpy as np
import pytest

from papergym.envs.mine.voxel import blocks, light, terrain
from papergym.envs.mine.voxel.grid import Grid
from papergym.envs.mine.voxel.start import terrain_kind
from papergym.envs.mine.voxel.terrain import HEIGHT, SEA, SIZE, WRAP


@pytest.fixture(scope="module")
def grid():
    return Grid()


@pytest.mark.parametrize("biome", terrain.BIOME_NAMES)
def test_single_biomes(grid, biome):
    kind = terrain_kind(biome)
    grid.generate(3, kind)
    assert (grid.biome == kind).all()
    assert (grid.blocks[:, :, 0] == blocks.BEDROCK).all() and (grid.blocks[:, :, HEIGHT - 2 :] == blocks.AIR).all()
    water = (grid.blocks == blocks.WATER).any(axis=2).mean()
    logs = np.isin(grid.blocks, [blocks.ID["log"], blocks.ID["birch_log"]]).any(axis=2).sum()
    if biome == "ocean":
        assert water > 0.8
    elif biome in ("plains", "forest"):
        assert 0.02 < water < 0.6  # lakes
        assert logs > (600 if biome == "forest" else 20)
    elif biome == "desert":
        assert (grid.blocks == blocks.ID["cactus"]).sum() > 50 and logs == 0


def test_the_mixed_world_has_everything(grid):
    for seed in range(3):
        grid.generate(seed)
        assert {terrain.PLAINS, terrain.OCEAN, terrain.HILLS, terrain.FOREST, terrain.BEACH} <= set(
            np.unique(grid.biome).tolist()
        )
        counts = np.bincount(grid.blocks.ravel(), minlength=len(blocks.KEYS))
        for key in ("log", "sand", "water", "coal_ore", "iron_ore", "diamond_ore", "gold_ore", "gravel", "leaves", "tallgrass"):
            assert counts[blocks.ID[key]] > 0, key
        hollow = (grid.blocks[:, :, 8:50] == blocks.AIR).mean()
        assert 0.005 < hollow < 0.2  # caves
        assert not (grid.blocks[:, :, SEA + 1 :] == blocks.WATER).any()


def test_iron_shows_in_caves_and_hillsides(grid):
    """Ore next to air, as a player sees it: some below ground, some under the open sky."""
    deep = shallow = 0
    for seed in range(3):
        grid.generate(seed)
        free = grid.blocks == blocks.AIR
        near = np.zeros_like(free)
        for axis in range(3):
            near |= np.roll(free, 1, axis) | np.roll(free, -1, axis)
        seen = (grid.blocks == blocks.ID["iron_ore"]) & near
        deep += seen[:, :, :50].sum()
        shallow += seen[:, :, 60:].sum()
    assert deep > 300 and shallow > 20


def test_seeds_decide_the_land(grid):
    grid.generate(7)
    first = grid.blocks.copy()
    grid.generate(8)
    assert (grid.blocks != first).mean() > 0.01
    grid.generate(7)
    assert (grid.blocks == first).all()


def test_the_land_has_no_seam(grid):
    """Across the border of the torus, heights change no more than elsewhere."""
    grid.generate(11)
    roof = grid.roof.astype(int)
    inner = np.abs(np.diff(roof, axis=0)).mean()
    assert np.abs(roof[0] - roof[-1]).mean() < 3 * inner + 0.5


def _reference_light(grid, x0, z0, edge):
    """Sky light by relaxation until nothing changes, over a window; an independent computation."""
    index = np.ix_((np.arange(edge) + x0) & WRAP, (np.arange(edge) + z0) & WRAP)
    block = grid.blocks[index]
    dims = np.maximum(blocks.DIMS[block].astype(int), 1)
    level = np.zeros(block.shape, int)
    for x in range(edge):
        for z in range(edge):
            for y in range(HEIGHT - 1, -1, -1):
                if blocks.DIMS[block[x, z, y]]:
                    break
                level[x, z, y] = 15
    while True:
        padded = np.pad(level, 1)
        around = np.max(
            [
                padded[2:, 1:-1, 1:-1],
                padded[:-2, 1:-1, 1:-1],
                padded[1:-1, 2:, 1:-1],
                padded[1:-1, :-2, 1:-1],
                padded[1:-1, 1:-1, 2:],
                padded[1:-1, 1:-1, :-2],
            ],
            axis=0,
        )
        better = np.maximum(level, around - dims)
        if (better == level).all():
            return level
        level = better


def test_light_equals_an_independent_flood(grid):
    grid.generate(4, terrain.FOREST)
    edge, margin = 48, 15  # light from outside the window reaches 15 cells in
    expected = _reference_light(grid, 100, 100, edge)
    seen = grid.light[100 : 100 + edge, 100 : 100 + edge] & 15
    inner = slice(margin, edge - margin)
    assert (seen[inner, inner] == expected[inner, inner]).all()


def test_light_stays_right_under_changes(grid):
    """After random edits the light is what lighting the world anew gives."""
    rng = np.random.default_rng(0)
    grid.generate(4, terrain.PLAINS)
    for _ in range(60):
        x, z = (int(v) for v in rng.integers(90, 110, 2))
        y = int(rng.integers(50, 72))
        grid[x, y, z] = int(rng.choice([blocks.AIR, blocks.STONE, blocks.AIR, blocks.ID["torch"], blocks.ID["leaves"]]))
    changed, roof = grid.light.copy(), grid.roof.copy()
    light.shine(grid.blocks, grid.light, grid.roof, light.queue())
    sky = grid.light & 15
    assert (roof == grid.roof).all()
    assert ((changed & 15) == sky).mean() == 1.0
    torches = np.argwhere(grid.blocks == blocks.ID["torch"])
    assert len(torches) and all(changed[tuple(cell)] >> 4 == 14 for cell in torches)


def test_edits_outside_the_world(grid):
    with pytest.raises(ValueError, match=f"0 to {HEIGHT - 1}"):
        grid[0, HEIGHT, 0] = blocks.STONE
    assert grid[0, HEIGHT + 5, 0] == blocks.AIR and grid[0, -1, 0] == blocks.BEDROCK
    assert grid[SIZE + 3, 10, -5] == grid[3, 10, SIZE - 5]
