"""Images against an independent ray caster, geometry by hand, and what masks and depth say."""

# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from papergym.envs.mine import make
from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.voxel import blocks, mobs, terrain, textures
from papergym.envs.mine.voxel.camera import Camera, Pose, look
from papergym.envs.mine.voxel.grid import Grid
from papergym.envs.mine.voxel.march import FAR
from papergym.envs.mine.voxel.painter import Painter

from . import reference_caster


@pytest.fixture(scope="module")
def grid():
    return Grid()


def _frame(grid, camera, pose, time):
    """Colours, depth and blocks of an image by the reference caster."""
    height, width = camera.size
    colour, depth, seen = np.zeros((3, height, width)), np.zeros((height, width)), np.zeros((height, width), np.uint8)
    tan = math.tan(math.radians(35))
    for row in range(height):
        for column in range(width):
            way = reference_caster.direction(row, column, camera.size, pose.yaw, pose.pitch, tan, width / height)
            found = reference_caster.pixel(grid, np.array(pose[:3]), way, time, camera.lod)
            colour[:, row, column], depth[row, column], seen[row, column] = found
    return np.clip(colour, 0, 255).astype(np.uint8), depth, seen


def _agree(grid, camera, pose, time=6000):
    camera.aim(pose)
    camera.draw(grid, time)
    colour, depth, seen = _frame(grid, camera, pose, time)
    near = np.abs(camera.rgb.astype(int) - colour).max(axis=0) <= 1
    deep = np.abs(camera.depth - np.minimum(depth, np.float32(FAR))) < 1e-3
    assert near.mean() > 0.995 and deep.mean() > 0.995 and (camera.seen == seen).mean() > 0.995
    return seen


@pytest.mark.parametrize(
    ("kind", "seed", "pitch"),
    [(terrain.FOREST, 1, 0.0), (terrain.PLAINS, 2, 10.0), (terrain.MIXED, 5, 25.0), (terrain.HILLS, 3, -15.0)],
)
def test_images_equal_a_plain_caster(grid, kind, seed, pitch):
    """Leaps, batches and single precision lose nothing: every pixel is what cell by cell in double precision finds."""
    grid.generate(seed, kind)
    camera, rng = Camera((24, 40)), np.random.default_rng(seed)
    met = set()
    for time in (6000, 18000):
        x, z = (int(v) for v in rng.integers(0, 256, 2))
        pose = Pose(x + 0.37, float(grid.roof[x, z]) + 1.62, z + 0.61, float(rng.uniform(-180, 180)), pitch)
        met |= set(_agree(grid, camera, pose, time).ravel())
    assert len(met) > 2


def test_water_equals_a_plain_caster(grid):
    """Over a lake, from its edge, and from within it."""
    grid.flat(63)
    for x in range(-30, 30):
        for z in range(2, 30):
            for y in (61, 62, 63):
                grid[x, y, z] = blocks.WATER
    for x in range(-2, 3):
        grid[x, 63, 5] = blocks.ID["tallgrass"]
        grid[x, 65, 8] = blocks.ID["leaves"]
    camera = Camera((30, 40))
    for pose in (
        Pose(0.5, 65.6, 0.5, 12.0, 20.0),
        Pose(0.3, 64.02, 6.4, -20.0, 3.0),
        Pose(0.5, 62.4, 9.5, 30.0, 0.0),
        Pose(0.4, 61.7, 15.5, 200.0, -40.0),
    ):
        assert (_agree(grid, camera, pose) != blocks.AIR).any()


def test_places_beyond_the_world(grid):
    """From above the world, and looking past its edge at 0, which is no edge: the world repeats."""
    grid.flat(63)
    grid[255, 64, 3] = grid[1, 64, 3] = grid[0, 95, 4] = blocks.ID["gold_block"]
    camera = Camera((16, 16))
    for pose in (Pose(0.5, 120.3, 0.5, 20.0, 80.0), Pose(0.5, 65.6, 0.5, 0.0, 20.0), Pose(512.5, 65.6, -255.5, 0.0, 20.0)):
        _agree(grid, camera, pose)
    camera.aim(Pose(0.5, 120.3, 0.5, 0.0, -30.0))
    camera.draw(grid, 6000)
    assert (camera.depth == np.float32(FAR)).all()


def test_any_size(grid):
    """Rows that no batch divides, and rows longer than a batch, show what an image of each pixel shows."""
    grid.generate(4, terrain.PLAINS)
    x, z = 40, 90
    pose = Pose(x + 0.3, float(grid.roof[x, z]) + 1.62, z + 0.4, 75.0, 8.0)
    for size in ((3, 1), (5, 7), (2, 300), (7, 84)):
        _agree(grid, Camera(size), pose)


def test_plants_equal_a_plain_caster(grid):
    """Among plants: from within one, from right above, past its edge, along its planes, behind leaves and water, and torches in
    a column with plants."""
    grid.flat(63)
    rng = np.random.default_rng(3)
    kinds = [blocks.ID[name] for name in ("tallgrass", "red_flower", "reeds", "torch", "leaves")]
    for _ in range(220):
        x, z = (int(v) for v in rng.integers(-12, 13, 2))
        grid[x, 64 + int(rng.integers(0, 3)), z] = int(rng.choice(kinds))
    for x in range(4, 8):
        grid[x, 63, 3] = grid[x, 64, 3] = blocks.WATER
    grid[0, 64, 0] = grid[0, 65, 0] = blocks.ID["reeds"]
    camera = Camera((30, 44))
    for pose in (
        Pose(0.4, 65.62, 0.7, 30.0, 15.0),
        Pose(0.5, 65.62, 0.31, 45.0, 0.0),
        Pose(0.52, 66.9, 0.48, 110.0, 89.0),
        Pose(2.5, 64.4, -3.3, 135.0, -20.0),
        Pose(6.5, 64.3, 3.4, -80.0, 5.0),
        Pose(256.37, 66.5, -511.61, 200.0, 60.0),
    ):
        seen = _agree(grid, camera, pose)
        assert np.isin(seen, kinds[:4]).any()


def test_plants_beyond_the_end_of_the_world(grid):
    """The world repeats after 256 blocks: a view that goes farther shows the plants that lie behind the eye."""
    grid.flat(63)
    for x in range(-40, 40):
        for y in range(64, 72):
            grid[x, y, 5] = blocks.ID["reeds"]
    for view, there in ((64.0, False), (300.0, True)):
        camera = Camera((160, 160), view=view)
        camera.aim(Pose(0.5, 65.6, 10.5, 0.0, 0.0))
        camera.draw(grid, 6000)
        depths = camera.depth[camera.seen == blocks.ID["reeds"]]
        assert bool(len(depths)) == there and ((depths > 250) & (depths < 252)).all()


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


def test_worlds_in_threads_are_those_of_one_thread():
    """Compiled code runs without the lock: worlds that are made, changed and drawn side by side do not disturb each other."""

    def life(seed: int) -> tuple[bytes, ...]:
        grid, camera, rng = Grid(), Camera((24, 40)), np.random.default_rng(seed)
        grid.generate(seed, terrain.MIXED)
        for _ in range(40):
            x, z = (int(v) for v in rng.integers(0, 256, 2))
            grid[x, int(rng.integers(40, 90)), z] = int(rng.choice([blocks.AIR, blocks.STONE, blocks.ID["torch"]]))
        x, z = (int(v) for v in rng.integers(0, 256, 2))
        camera.aim(Pose(x + 0.5, float(grid.roof[x, z]) + 1.62, z + 0.5, 30.0, 10.0))
        camera.draw(grid, 6000)
        return tuple(
            array.tobytes() for array in (grid.blocks, grid.light, grid.room, grid.plants.span, camera.rgb, camera.depth)
        )

    seeds = range(6)
    alone = [life(seed) for seed in seeds]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(life, seeds))
    assert together == alone and len(set(alone)) == len(alone)
