"""Mining, drops, tools, crafting, buckets, shears, animals and commands against the game's rules, worked out by hand.

Long because every rule has its own few lines of arithmetic.
"""

import math

import numpy as np
import pytest

from papergym.envs.mine import make, tasks
from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.actions import InvalidAction
from papergym.envs.mine.voxel import blocks, commands, hands, mobs
from papergym.envs.mine.voxel.physics import X, Y, Z
from papergym.envs.mine.voxel.terrain import SIZE


def _dig_ahead(arena, block, item=None, limit=700):
    """Ticks until the block in front breaks."""
    arena.put(block, 0, 65, 2)
    if item:
        arena.give(item)
    for tick in range(1, limit):
        arena.tick(function="attack")
        if arena.world.grid[0, 65, 2] != blocks.ID[block]:
            return tick
    raise AssertionError(f"{block} did not break in {limit} ticks")


@pytest.mark.parametrize(
    ("block", "item", "ticks"),
    [  # hardness * 30 / speed, or * 100 where nothing drops; rounded up to whole ticks
        ("dirt", None, 15),
        ("log", None, 60),
        ("log", "wooden_axe", 30),
        ("stone", None, 150),
        ("stone", "wooden_pickaxe", 23),
        ("stone", "stone_pickaxe", 12),
        ("stone", "iron_pickaxe", 8),
        ("stone", "golden_pickaxe", 4),
        ("iron_ore", "wooden_pickaxe", 150),
        ("iron_ore", "stone_pickaxe", 23),
        ("clay", "stone_shovel", 5),
        ("leaves", "shears", 1),
        ("wool", "shears", 5),
        ("tallgrass", None, 1),
        ("furnace", None, 350),
    ],
)
def test_break_times(arena, block, item, ticks):
    assert _dig_ahead(arena, block, item) == ticks


def test_break_speed_multiplier(arena):
    arena.world.break_speed_multiplier = 100.0
    assert _dig_ahead(arena, "log") == 1
    assert _dig_ahead(arena, "stone") == 2  # 100 / 150 of it per tick


def test_digging_is_slow_in_the_air_and_after_a_break(arena):
    rate = blocks.break_rate(blocks.ID["dirt"], "air")
    assert rate == pytest.approx(1 / 15)
    for z in (2, 3):
        arena.put("dirt", 0, 65, z)
    arena.tick(15, function="attack")
    assert arena.world.grid[0, 65, 2] == 0
    arena.tick(5, function="attack")  # the pause after a break
    assert arena.world.dig_done == 0 or arena.world.dig_cell is None
    arena.tick(15, function="attack")
    assert arena.world.grid[0, 65, 3] == 0


@pytest.mark.parametrize(
    ("block", "item", "drop"),
    [
        ("stone", "air", None),
        ("stone", "wooden_pickaxe", "cobblestone"),
        ("grass", "air", "dirt"),
        ("iron_ore", "wooden_pickaxe", None),
        ("iron_ore", "golden_pickaxe", None),
        ("iron_ore", "stone_pickaxe", "iron_ore"),
        ("gold_ore", "stone_pickaxe", None),
        ("diamond_ore", "iron_pickaxe", "diamond"),
        ("coal_ore", "wooden_pickaxe", "coal"),
        ("leaves", "shears", "leaves"),
        ("glass", "iron_pickaxe", None),
        ("log", "air", "log"),
        ("clay", "air", "clay_ball"),
    ],
)
def test_drops_by_tier(arena, block, item, drop):
    arena.give(item) if item != "air" else None
    arena.put(block, 0, 64, 2)
    hands.break_block(arena.world, (0, 64, 2))
    lying = arena.world.drops[: arena.world.drop_count, 20].astype(int)
    assert [vocab.ITEMS[i] for i in lying] == ([drop] if drop else [])


def test_bedrock_and_reach(arena):
    arena.put("bedrock", 0, 65, 2)
    arena.tick(200, function="attack")
    assert arena.world.grid[0, 65, 2] == blocks.BEDROCK
    arena.put("air", 0, 65, 2)
    for z, hit in ((4, True), (5, False)):  # the near face of cell z is z - 0.5 away; the reach is 4.5
        arena.world.put_player(0.5, 64.0, 0.2, 0.0, 0.0)
        arena.put("dirt", 0, 65, z)
        assert bool(hands.gaze(arena.world)[1]) is hit
        arena.put("air", 0, 65, z)


def test_items_are_picked_up_and_stack(arena):
    arena.give("log", 3, 63)
    arena.world.drop_at(0.9, 64.2, 0.9, "log", 2)
    arena.tick(9)
    assert arena.count("log") == 63  # ten ticks must pass
    arena.tick(4)
    assert arena.count("log") == 65 and arena.world.drop_count == 0
    assert sorted(arena.world.inventory.quantity[arena.world.inventory.quantity > 0]) == [1, 64]
    arena.world.drop_at(3.5, 64.2, 0.5, "log", 1)
    arena.tick(30)
    assert arena.world.drop_count == 1  # out of reach


def test_full_inventory_leaves_items(arena):
    for slot in range(36):
        arena.give("wooden_pickaxe", slot)
    arena.world.drop_at(0.5, 64.2, 0.5, "log", 1)
    arena.tick(30)
    assert arena.world.drop_count == 1 and arena.count("log") == 0


def test_tools_wear_out(arena):
    arena.give("wooden_pickaxe")  # 59 uses, breaks with the 60th
    for use in range(60):
        assert arena.world.inventory.held() == "wooden_pickaxe", use
        arena.put("stone", 0, 64, 2)
        hands.break_block(arena.world, (0, 64, 2))
    assert arena.world.inventory.held() == "air"


def test_sand_falls_and_plants_need_ground(arena):
    for y, block in ((64, "stone"), (65, "sand"), (66, "sand")):
        arena.put(block, 5, y, 5)
    arena.put("tallgrass", 6, 64, 5)
    arena.put("air", 5, 64, 5)
    assert [arena.world.grid[5, y, 5] for y in (64, 65, 66)] == [blocks.SAND, blocks.SAND, blocks.AIR]
    arena.put("air", 6, 63, 5)
    assert arena.world.grid[6, 64, 5] == blocks.AIR


def test_tech_tree_to_an_iron_pickaxe(arena):
    world = arena.world

    def craft(name):
        arena.tick(function="craft", craft=vocab.CRAFT_ID[name])
        return world.crafted is not None

    arena.give("log", 0, 4)
    assert not craft("wooden_pickaxe")
    assert all(craft(name) for name in ("planks", "planks", "planks", "stick", "crafting_table"))
    assert (arena.count("log"), arena.count("planks"), arena.count("stick")) == (1, 6, 4)
    assert not craft("wooden_pickaxe")  # no table near
    arena.tick(pitch=60.0)
    table = int(np.flatnonzero(world.inventory.name == vocab.item_id("crafting_table"))[0])
    arena.tick(function="place", slot=table)
    assert world.station_near("crafting_table") and craft("wooden_pickaxe")
    arena.give("cobblestone", 10, 11)
    assert craft("stone_pickaxe") and craft("furnace")
    assert not craft("iron_pickaxe")
    arena.give("iron_ore", 11, 3)
    assert not craft("iron_ingot")  # no furnace near
    world.set_block(2, 64, 0, blocks.ID["furnace"])
    arena.give("log", 12, 2)
    assert all(craft("iron_ingot") for _ in range(3))
    assert arena.count("iron_ingot") == 3 and arena.count("log") == 1 + 2 - 2  # 300 ticks each; three pieces take 600
    arena.give("stick", 13, 2)
    assert craft("iron_pickaxe") and arena.count("iron_ingot") == 0


def test_bucket_draws_and_pours(arena):
    arena.put("water", 0, 63, 2)
    arena.give("bucket")
    arena.tick(pitch=40.0)
    arena.tick(function="use")
    assert arena.world.inventory.held() == "water_bucket" and arena.world.grid[0, 63, 2] == blocks.AIR
    arena.tick(5)
    arena.tick(function="use")
    assert arena.world.inventory.held() == "bucket" and (arena.world.grid.blocks == blocks.WATER).sum() == 1


def _mob(arena, kind, z=2.0):
    arena.world.mob_count = 1
    row = arena.world.mobs[0]
    mobs.new_mob(arena.world.streams["mobs"], row, mobs.KINDS.index(kind), 0.5, 64.0, z)
    return row


def test_shearing(arena):
    wool = []
    arena.tick(pitch=20.0)
    for _ in range(30):
        row = _mob(arena, "sheep")
        row[mobs.COLOUR] = 12
        arena.give("shears")
        arena.world.drop_count = 0
        arena.world.use_pause = 0
        hands.use(arena.world)
        assert row[mobs.SHORN]
        lying = arena.world.drops[: arena.world.drop_count]
        assert {int(v) for v in lying[:, 22]} == {12}
        wool.append(len(lying))
        hands.use(arena.world)
        assert arena.world.drop_count == wool[-1]  # nothing left to shear
    assert set(wool) == {1, 2, 3}


def test_sheep_colours_are_natural(arena):
    row, stream = np.zeros(mobs.MOB), np.array([5], np.uint64)
    seen = []
    for _ in range(20000):
        mobs.new_mob(stream, row, mobs.SHEEP, 0.0, 64.0, 0.0)
        seen.append(int(row[mobs.COLOUR]))
    share = {colour: seen.count(colour) / len(seen) for colour in set(seen)}
    assert share[0] == pytest.approx(0.818, abs=0.01) and share[15] == pytest.approx(0.05, abs=0.006)
    assert share[12] == pytest.approx(0.03, abs=0.005) and set(share) <= {0, 6, 7, 8, 12, 15}


def test_fists_and_swords(arena):
    arena.tick(pitch=20.0)
    for item, damage in ((None, 1.0), ("iron_sword", 6.0)):
        arena.world.inventory.clear()
        if item:
            arena.give(item)
        arena.world.arm = 100
        row = _mob(arena, "cow")
        hands.attack(arena.world)
        assert row[mobs.HEALTH] == 10.0 - damage
        hands.attack(arena.world)
        assert row[mobs.HEALTH] == 10.0 - damage  # the arm has not recovered
    row[mobs.HEALTH], row[mobs.HURT], arena.world.arm = 1.0, 0.0, 100
    hands.attack(arena.world)
    assert arena.world.mob_count == 0 and arena.world.kills == {"cow": 1} and arena.world.vitals.xp >= 1


def test_reach_of_blows(arena):
    row = _mob(arena, "pig", z=3.9)  # box from 3.45 - 0.1, eye at 0.5: 2.85 away
    arena.tick(pitch=18.0)
    assert hands.gaze(arena.world)[0] == 0
    row[Z] = 4.3
    assert hands.gaze(arena.world)[0] == -1


def test_zombie_hunts_burns_and_armour_helps(arena):
    world = arena.world
    world.time, world.vitals.food = 18000, 17
    row = _mob(arena, "zombie", z=8.0)
    arena.tick(100)
    assert world.vitals.life <= 17.0 and np.hypot(row[X] - world.body[X], row[Z] - world.body[Z]) < 2.0
    world.vitals.life, world.vitals.shield = 20.0, 0
    for slot, piece in ((36, "boots"), (37, "leggings"), (38, "chestplate"), (39, "helmet")):
        arena.give(f"iron_{piece}", slot)
    arena.tick(25)
    assert world.vitals.armor == 15 and world.vitals.life >= 20.0 - 2 * 3.0 * 0.4 - 1e-9
    world.time = 6000
    row[Y], row[X] = 64.0, 30.0
    arena.tick(20 * 21)
    assert world.mob_count == 0  # 20 half hearts in the sun, one a second


def test_animals_wander_and_flee(arena):
    row = _mob(arena, "sheep", z=6.0)
    row[mobs.PANIC] = 0.0
    start = row[[X, Z]].copy()
    arena.tick(1200)
    assert np.hypot(*(row[[X, Z]] - start)) > 1.0
    row = _mob(arena, "sheep")
    mobs.knock(row, 0.5, 0.5, 1.0)
    arena.tick(60)
    assert row[mobs.PANIC] > 0 and np.hypot(row[X] - 0.5, row[Z] - 2.0) > 2.0


def test_eating_takes_32_ticks(arena):
    arena.give("cooked_beef", 0, 2)
    arena.world.vitals.food, arena.world.vitals.saturation = 10, 0.0
    arena.tick(31, function="use")
    assert arena.world.vitals.food == 10
    arena.tick(1, function="use")
    assert (arena.world.vitals.food, arena.world.vitals.saturation) == (18, 12.8) and arena.count("cooked_beef") == 1


def test_equip_and_destroy(arena):
    arena.give("log")
    arena.give("iron_helmet", 5)
    arena.give("stone_axe", 6)
    arena.tick(function="equip", slot=5)
    arena.tick(function="equip", slot=6)
    assert arena.world.inventory.held() == "stone_axe" and vocab.ITEMS[arena.world.inventory.name[39]] == "iron_helmet"
    arena.tick(function="destroy", slot=6)
    assert arena.count("log") == 0
    with pytest.raises(InvalidAction, match="slot 6"):
        arena.tick(function="equip", slot=6)


def test_placing(arena):
    arena.give("cobblestone", 4, 2)
    arena.tick(pitch=60.0)
    arena.tick(function="place", slot=4)
    assert arena.count("cobblestone") == 1 and (arena.world.grid.blocks == blocks.ID["cobblestone"]).sum() == 1
    arena.give("anvil", 7)
    with pytest.raises(InvalidAction, match="anvil"):
        arena.tick(function="place", slot=7)
    arena.tick(pitch=30.0)  # straight down: the cell is where the player stands
    arena.tick(function="place", slot=4)
    assert arena.count("cobblestone") == 1


def test_commands(arena):
    world, rng = arena.world, np.random.default_rng(0)
    commands.run(world, rng, "set_block", ["stone", "log"], [[0, 3, 0], [1, 3, 0]])
    assert world.grid[0, 67, 0] == blocks.STONE and world.grid[1, 67, 0] == blocks.ID["log"]
    commands.run(world, rng, "spawn_mobs", "cow", [3, 0, 3])
    assert world.mob_count == 1 and world.mobs[0, X] == 3.5
    commands.run(world, rng, "set_inventory", [("mainhand", "bucket", 0, 1), (40, "shield", None, None)])
    assert world.inventory.held() == "bucket"
    commands.run(world, rng, "teleport_agent", 10.5, 70, -3.5, 45.0, 10.0)
    assert world.body[:3].tolist() == [10.5, 70.0, -3.5]
    commands.run(world, rng, "kill_agent")
    assert world.vitals.life == 0


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("set_block", ("stone", [0, 100, 0]), "heights 0 to 95"),
        ("set_block", ("stone", [0, -80, 0]), "heights 0 to 95"),
        ("set_block", ("anvil", [0, 1, 0]), "no block 'anvil'"),
        ("set_block", ("stome", [0, 1, 0]), "stone"),
        ("set_block", (["stone", "log"], [[0, 1, 0]] * 3), "one position per name"),
        ("spawn_mobs", ("ender_dragon", [0, 1, 0]), "no mob"),
        ("set_inventory", ([("mainhand", "log", 0, 65)],), "1 to 64"),
        ("set_inventory", ([(41, "log", 0, 1)],), "slot"),
        ("teleport_agent", (0, 200, 0), "y of the player must be a finite number, at least 0, at most 96"),
        ("set_time", (30000,), "0 to 24000"),
        ("set_weather", ("snow",), "clear"),
        ("explode", (), "unknown command"),
    ],
)
def test_bad_commands_change_nothing(arena, name, args, message):
    before = arena.world.get_state()
    with pytest.raises(ValueError, match=message):
        commands.run(arena.world, np.random.default_rng(0), name, *args)
    after = arena.world.get_state()
    assert (before["grid"]["blocks"] == after["grid"]["blocks"]).all()
    assert before["inventory"]["name"].tolist() == after["inventory"]["name"].tolist()


def test_mobs_do_not_start_in_trees(arena):
    world, rng = arena.world, np.random.default_rng(0)
    for x in range(-4, 5):
        for z in range(-4, 5):
            if x <= 0:
                arena.put("leaves", x, 68, z)  # over half of the region
    for _ in range(30):
        commands.scatter_mobs(world, rng, ("sheep",), (-4, 1, -4), (4, 1, 4))
    flock = world.mobs[: world.mob_count]
    assert world.mob_count == 30 and (flock[:, X] > 1.0).all() and (flock[:, Y] == 64.0).all()


def _columns_away(world, x, z):
    """Distance of the player's column from another, around the world."""
    ways = [(math.floor(world.body[axis]) - edge + SIZE // 2) % SIZE - SIZE // 2 for axis, edge in ((X, x), (Z, z))]
    return math.hypot(*ways)


def test_start_away_from_a_block(arena):
    world, rng = arena.world, np.random.default_rng(0)
    world.set_block(250, 63, 40, blocks.WATER)  # so near the seam that most of the ring lies beyond it
    starts = set()
    for _ in range(60):
        commands.start_away(world, rng, "water", 20.0, 24.0)
        assert 20.0 <= _columns_away(world, 250, 40) <= 24.0 and world.body[Y] == 64.0
        starts.add((math.floor(world.body[X]), math.floor(world.body[Z])))
    assert len(starts) > 40
    commands.start_away(world, rng, "water", 1000.0, 2000.0)  # nowhere: the farthest column of the torus
    assert _columns_away(world, 250, 40) == math.hypot(128, 128)
    world.grid.flat(63, blocks.STONE)
    before = world.body.copy()
    commands.start_away(world, rng, "water", 20.0, 24.0)
    assert (world.body == before).all()


@pytest.mark.parametrize("key", ["harvest_water_with_bucket", "harvest_sand"])
def test_tasks_start_away_from_their_goal(key):
    env = make(key, 8)
    start = tasks.lsimagine(key).start
    assert start is not None
    block, low, high = start
    for options in ({}, {"fast_reset": True}, {"fast_reset": True}):
        env.reset(seed=None if options else 0, options=options)
        world = env.unwrapped.world
        columns = np.argwhere((world.grid.blocks == blocks.ID[block]).any(axis=2))
        assert low <= min(_columns_away(world, x, z) for x, z in columns) <= high
    env.reset(seed=0, options={"start_position": {"x": 3.5, "y": 70.0, "z": 4.5}})
    assert env.unwrapped.world.body[[X, Z]].tolist() == [3.5, 4.5]
