"""Free boxes and the index of plants against brute force and scipy."""

import numpy as np
import pytest
from scipy import ndimage

from papergym.envs.mine.voxel import blocks, room, terrain
from papergym.envs.mine.voxel.grid import Grid


@pytest.fixture(scope="module")
def grid():
    return Grid()


def _edited(grid, rng, edits):
    """A random world after ``edits`` random changes, most of them near the ground."""
    grid.generate(int(rng.integers(1000)), int(rng.choice([terrain.MIXED, terrain.FOREST, terrain.PLAINS, terrain.OCEAN])))
    for _ in range(edits):
        x, z = (int(v) for v in rng.integers(0, 256, 2))
        y = min(int(grid.roof[x, z]) + int(rng.integers(-3, 3)), 95) if rng.random() < 0.7 else int(rng.integers(96))
        grid[x, max(y, 0), z] = int(
            rng.choice([blocks.AIR, blocks.WATER, blocks.STONE, blocks.ID["tallgrass"], blocks.ID["torch"]])
        )


def _kinds(grid):
    """0 air and plants, 1 water, 2 filled; and the same with a margin: the world repeats, is filled below and open above."""
    crosses = blocks.SHAPE[grid.blocks] == blocks.SHAPE_CROSS
    kinds = np.where((grid.blocks == blocks.AIR) | crosses, 0, np.where(grid.blocks == blocks.WATER, 1, 2)).astype(np.uint8)
    n = room.REACH
    wide = np.pad(kinds, ((n, n), (n, n), (0, 0)), "wrap")
    return kinds, np.pad(wide, ((0, 0), (0, 0), (n, n)), constant_values=((2, 0),) * 3)


@pytest.mark.parametrize("seed", [0, 1])
def test_every_cell_of_a_free_box_is_free(grid, seed):
    """After random edits: boxes hold only their own kind, and each is as wide as its height allows."""
    rng = np.random.default_rng(seed)
    _edited(grid, rng, 150)
    kinds, padded = _kinds(grid)
    room_of = grid.room[: room.END].reshape(256, 256, 2, room.TALL)[:, :, :, : terrain.HEIGHT]
    for x, z, y in rng.permutation(np.argwhere(kinds < 2))[:3000]:
        kind = kinds[x, z, y]
        for falling in (0, 1):
            byte = int(room_of[x, z, falling, y])
            wide, high = byte & 15, (byte >> 4 & 7) + 1
            assert byte >> 7 == kind and 1 <= wide <= room.REACH and high <= room.TALLEST
            layers = slice(y - high + 1, y + 1) if falling else slice(y, y + high)
            layers = slice(layers.start + room.REACH, layers.stop + room.REACH)
            for reach in (wide, wide + 1):
                columns = [slice(c + room.REACH - reach + 1, c + room.REACH + reach) for c in (x, z)]
                free = (padded[columns[0], columns[1], layers] == kind).all()
                assert free if reach == wide else not free or reach > room.REACH
    assert (room_of.transpose(0, 1, 3, 2)[kinds == 2] == 0).all() and (room_of.transpose(0, 1, 3, 2)[kinds < 2] > 0).all()


def test_edits_measure_what_a_new_world_would(grid):
    """After many edits, boxes and the index of plants equal those measured at once, and numpy's and scipy's."""
    _edited(grid, np.random.default_rng(5), 300)
    again = Grid()
    again.set_state(grid.get_state())
    assert (grid.flat_room == again.flat_room).all()
    a, b = (g.room[: room.END].reshape(256, 256, 2, room.TALL)[:, :, :, : terrain.HEIGHT] for g in (grid, again))
    assert (a == b).all() and grid.ceiling >= np.argwhere(grid.blocks.any((0, 1))).max()
    kinds, padded = _kinds(grid)
    for y in (5, 30, 62, 63, 64, 66, 70, 95):
        for kind, mark in ((0, 0), (1, room.IN_WATER)):
            layer, here = padded[:, :, y + room.REACH] == kind, kinds[:, :, y] == kind
            away = ndimage.distance_transform_cdt(layer, "chessboard") if not layer.all() else np.full(layer.shape, room.REACH)
            inner = np.minimum(away, room.REACH)[room.REACH : -room.REACH, room.REACH : -room.REACH]
            assert (grid.flat_room[:, :, y][here] == inner[here] + mark).all()
    crosses = blocks.SHAPE[grid.blocks] == blocks.SHAPE_CROSS
    assert crosses.any()
    for x in range(256):
        listed = grid.plants.columns[x, : grid.plants.count[x]]
        assert listed.tolist() == np.flatnonzero(crosses[x].any(axis=1)).tolist()
        for z in listed:
            heights = np.flatnonzero(crosses[x, z])
            assert grid.plants.span[:, x, z].tolist() == [heights[0], heights[-1] + 1]
