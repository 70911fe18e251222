"""Pictures against an independent ray marcher, geometry by hand, and what masks and depth say."""

# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

import math

import numpy as np
import pytest

from papergym.envs.mine import make
from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.voxel import blocks, mobs, terrain, textures
from papergym.envs.mine.voxel.camera import Camera, Pose, look
from papergym.envs.mine.voxel.grid import Grid
from papergym.envs.mine.voxel.painter import Painter
from papergym.envs.mine.voxel.raycast import FAR


@pytest.fixture(scope="module")
def grid():
    return Grid()


def _march(grid, camera, row, column, step=0.004):
    """(depth, block) of a pixel by small steps along its ray; only cubes count."""
    height, width = camera.size
    v = (1 - 2 * (row + 0.5) / height) * camera.array[13]
    h = (2 * (column + 0.5) / width - 1) * camera.array[12]
    eye, forward, right, up = (camera.array[i : i + 3] for i in (0, 3, 6, 9))
    way = forward + h * right + v * up
    t = step
    while t * np.linalg.norm(way) < camera.view:
        x, y, z = (math.floor(c) for c in eye + t * way)
        block = grid[x, y, z]
        if blocks.SHAPE[block] == blocks.SHAPE_CUBE and 0 <= y < terrain.HEIGHT:
            return t, block
        t += step
    return FAR, blocks.AIR


def test_depth_and_blocks_equal_a_ray_marcher(grid):
    """Leaping over bricks loses nothing: every sampled pixel shows what small steps find."""
    grid.generate(3, terrain.HILLS)
    for block in range(len(blocks.KEYS)):  # cubes only: holes and water are tested below
        if blocks.SHAPE[block] in (blocks.SHAPE_CUTOUT, blocks.SHAPE_CROSS, blocks.SHAPE_LIQUID):
            grid.blocks[grid.blocks == block] = blocks.AIR
    grid._derive()
    camera, rng = Camera((24, 32), view=40.0), np.random.default_rng(0)
    for yaw, pitch in ((10.0, 5.0), (200.0, -10.0), (100.0, 35.0)):
        x, z = (int(v) for v in rng.integers(0, 256, 2))
        camera.aim(Pose(x + 0.5, float(grid.roof[x, z]) + 1.62, z + 0.5, yaw, pitch))
        camera.draw(grid, 6000)
        for row, column in zip(rng.integers(0, 24, 40), rng.integers(0, 32, 40)):
            t, block = _march(grid, camera, row, column)
            seen = float(camera.depth[row, column])
            if t < FAR and seen < FAR:
                assert seen == pytest.approx(t, abs=0.02)
            if abs(seen - t) < 0.02:
                assert camera.seen[row, column] == block or abs(seen - t) > 1e-3
            else:
                assert min(seen, t) * 1.3 > camera.view * 0.95  # only at the end of the view may one of them miss


def test_field_of_view(grid):
    """A wall 4 ahead: 70 degrees show 2 * 4 * tan 35 = 5.6 blocks of its height."""
    grid.flat(63)
    for x in range(-12, 13):
        for y in range(64, 90):
            grid[x, y, 4] = blocks.ID["iron_block"] if y == 75 else blocks.STONE
    camera = Camera((160, 256))
    camera.aim(Pose(0.5, 75.5, 0.0, 0.0, 0.0))
    camera.draw(grid, 6000)
    assert camera.depth[80, 128] == pytest.approx(4.0)
    rows = np.flatnonzero(camera.seen[:, 128] == blocks.ID["iron_block"])
    assert len(rows) == pytest.approx(160 / (2 * 4 * math.tan(math.radians(35))), abs=1)
    assert abs(rows.mean() - 79.5) < 1


def test_left_is_left_and_up_is_up(grid):
    grid.flat(63)
    grid[3, 66, 6] = blocks.ID["gold_block"]  # looking along +z, +x is to the left
    camera = Camera((60, 60))
    camera.aim(Pose(0.5, 65.6, 0.5, 0.0, 0.0))
    camera.draw(grid, 6000)
    rows, columns = np.nonzero(camera.seen == blocks.ID["gold_block"])
    assert len(rows) and columns.max() < 30 and rows.mean() < 30
    assert look(90.0, 0.0) == pytest.approx((-1.0, 0.0, 0.0))


def test_night_is_darker_and_torches_help(grid):
    grid.flat(63)
    camera = Camera((40, 40))
    camera.aim(Pose(0.5, 65.6, 0.5, 0.0, 40.0))
    means = []
    for time in (6000, 18000):
        camera.draw(grid, time)
        means.append(camera.rgb.mean())
    grid[0, 64, 3] = blocks.ID["torch"]
    camera.draw(grid, 18000)
    assert means[1] < 0.8 * means[0] and camera.rgb.mean() > means[1] + 2


def test_water_is_translucent_and_leaves_have_holes(grid):
    grid.flat(63)
    camera = Camera((80, 80))
    camera.aim(Pose(0.5, 65.6, 0.5, 0.0, 45.0))
    camera.draw(grid, 6000)
    dry = camera.rgb.copy()
    for x in range(-6, 7):
        for z in range(-6, 12):
            grid[x, 63, z] = blocks.WATER
    camera.draw(grid, 6000)
    wet = camera.rgb.copy()
    grid.blocks[:, :, 62] = blocks.ID["gold_block"]
    camera.draw(grid, 6000)
    assert (camera.seen[30:] == blocks.WATER).mean() > 0.9
    assert wet[2, 40:].mean() > wet[0, 40:].mean() and dry[1, 40:].mean() > dry[2, 40:].mean()
    assert camera.rgb[0, 40:].mean() > wet[0, 40:].mean() + 5  # the gold below shines through
    grid.flat(63)
    for x in range(-4, 6):
        for y in range(64, 72):
            grid[x, y, 3] = blocks.ID["leaves"]
    camera.aim(Pose(0.5, 67.5, 0.5, 0.0, 0.0))
    camera.draw(grid, 6000)
    leafy = (camera.seen == blocks.ID["leaves"]).mean()
    assert 0.4 < leafy < 0.97


def test_a_mob_in_view():
    env = make("open-ended", (64, 96), segmentation=True, allow_mob_spawn=False)
    env.reset(seed=0)
    world = env.unwrapped.world
    world.grid.flat(63)
    world.put_player(0.5, 64.0, 0.5, 0.0, 10.0)
    env.unwrapped.command("spawn_mobs", "sheep", [0, 0, 4])
    _, _, _, _, info = env.step(env.unwrapped.actions.no_op)
    sheep = info["segmentation"]["entity"] == vocab.ENTITY_ID["sheep"]
    assert 0.01 < sheep.mean() < 0.4
    assert info["depth"][sheep].min() > 2.0 and info["depth"][sheep].max() < 6.0
    assert set(np.unique(info["segmentation"]["block"])) <= {vocab.BLOCK_ID[name] for name in ("air", "grass", "stone")}
    world.mobs[0, mobs.HEALTH] = 8
    world.grid[0, 64, 2] = world.grid[0, 65, 2] = blocks.STONE  # hides it
    hidden = env.step(env.unwrapped.actions.no_op)[4]["segmentation"]["entity"]
    assert (hidden > 0).mean() < sheep.mean()


def test_sizes_hand_and_hud():
    env = make("open-ended", 64, allow_mob_spawn=False)
    env.reset(seed=0)
    world = env.unwrapped.world
    plain = Painter((160, 256)).paint(world).copy()
    assert plain.shape == (3, 160, 256) and plain.dtype == np.uint8 and plain.std() > 5
    full = Painter((160, 256), hand=True, hud=True).paint(world)
    assert (full[:, 130:] != plain[:, 130:]).mean() > 0.1 and (full[:, :60] == plain[:, :60]).all()
    squeezed = Painter((64, 64), aspect=256 / 160).paint(world)
    wide = plain[:, :160:2, :256:4][:, :64]
    assert abs(squeezed.mean() - wide.mean()) < 25


def test_textures():
    atlas = textures.atlas()
    assert atlas.shape == (len(textures.NAMES), textures.TEXELS, 4)
    full = textures.texture("stone")
    assert atlas[textures.INDEX["stone"], :256].reshape(16, 16, 4).tolist() == full.tolist()
    coarsest = atlas[textures.INDEX["stone"], -1, :3].astype(float)
    assert coarsest == pytest.approx(full[..., :3].mean(axis=(0, 1)), abs=1.5)
    assert (textures.texture("leaves")[..., 3] == 0).mean() == pytest.approx(0.24, abs=0.08)
    looks = [textures.texture(name)[..., :3].astype(int) for name in textures.NAMES]
    assert len({look.tobytes() for look in looks}) >= len(looks) - 3  # furnace sides repeat
