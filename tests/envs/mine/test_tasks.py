"""Tasks against what MineDojo 0.1 and LS-Imagine define, and MineDojo's arguments; bad values are named."""

import numpy as np
import pytest

from papergym.envs.mine import make, tasks
from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.actions import InventoryItem
from papergym.envs.mine.task import DAY
from papergym.envs.mine.voxel import mobs

SMALL = 8


def _start(task):
    return {item.slot: (item.name, item.quantity) for item in task.inventory}


def _env(task_id, **kwargs):
    env = make(task_id, SMALL, **kwargs).unwrapped
    env.reset(seed=0)
    return env


def _hold(env, item, slot=0, pieces=1):
    env.world.inventory.set(slot, vocab.item_id(item), pieces)


def _step(env):
    return env.step(env.actions.no_op)[1:3]


@pytest.mark.parametrize(  # read from the package's tables by hand; all ids are compared where the package is installed
    ("task_id", "prompt", "start", "mobs"),
    [
        ("harvest_1_log", "obtain log", {}, ()),
        ("harvest_8_stick_plains", "find material and craft to obtain 8 stick in plains", {}, ()),
        ("harvest_wool_with_sheep", "shear a sheep with a sheep nearby", {}, ("sheep",)),
        ("harvest_milk_with_cow", "obtain milk from a cow with a cow nearby", {}, ("cow",)),
        ("harvest_milk_with_empty_bucket", "obtain milk from a cow with an empty bucket", {"mainhand": ("bucket", 1)}, ()),
        (
            "harvest_1_glass_with_furnace_and_fuel",
            "find material and smelt to obtain glass given a furnace and fuels",
            {"mainhand": ("furnace", 1), 1: ("coal", 20)},
            (),
        ),
        (
            "harvest_8_iron_ingot_forest_with_furnace_and_fuel",
            "find material and smelt to obtain 8 iron ingot in forest given a furnace and fuels",
            {"mainhand": ("furnace", 1), 1: ("coal", 50)},
            (),
        ),
        (
            "techtree_from_wood_to_stone_pickaxe",
            "starting from wood tools, craft and use a stone pickaxe",
            {
                "mainhand": ("wooden_pickaxe", 1),
                1: ("wooden_axe", 1),
                2: ("wooden_hoe", 1),
                3: ("wooden_sword", 1),
                4: ("wooden_shovel", 1),
            },
            (),
        ),
        (
            "survival_sword_food",
            "survive as long as possible given a sword and some food",
            {"mainhand": ("iron_sword", 1), 1: ("cooked_beef", 8)},
            (),
        ),
    ],
)
def test_programmatic_tasks_are_minedojos(task_id, prompt, start, mobs):
    env = _env(task_id)
    assert (env.task.prompt, _start(env.task), env.task.mobs) == (prompt, start, mobs)
    assert "voxels" in env.observation_space.spaces and env.reset(seed=1)[1]["prompt"] == prompt


def test_ls_imagines_words_go_to_the_real_game_too():
    task_id, arguments = tasks.minedojo_call("shear_sheep")
    assert task_id == "harvest" and arguments["prompt"] == "Obtain wool" and arguments["initial_mobs"] == ["sheep"]


def test_a_tool_pays_1_to_own_and_10_to_use_and_its_use_is_success():
    env = _env("techtree_from_barehand_to_wooden_pickaxe")
    _hold(env, "wooden_pickaxe")
    assert _step(env) == (1.0, False)
    env.world.wear_tool(1)
    assert _step(env) == (10.0, True)


def test_a_hundred_days_pay_1_each_and_100_at_last():
    env = _env("survival")
    for age, expected in ((DAY - 1, (1.0, False)), (DAY, (0.0, False)), (100 * DAY - 1, (101.0, True))):
        env.world.age = age
        assert _step(env) == expected


@pytest.mark.parametrize("task_id", ["techtree_from_barehand_to_wooden_pickaxe", "survival"])
def test_a_task_can_be_done_again_after_a_fast_reset(task_id):
    env = _env(task_id, fast_reset=True)
    for _ in range(3):
        if task_id == "survival":
            assert env.world.age == 0
            env.world.age = 100 * DAY - 1
        else:
            _hold(env, "wooden_pickaxe")
            env.world.wear_tool(1)
        assert _step(env)[1]
        blocks = env.world.grid.blocks.copy()
        env.reset()
        assert (env.world.grid.blocks == blocks).all()


def test_mobs_of_a_task_find_room_however_often_the_world_is_kept():
    env = _env("shear_sheep")
    for _ in range(mobs.ROOM):
        env.reset(options={"fast_reset": True})
        here = env.world.mobs[: env.world.mob_count]
        near = np.abs(here[:, [mobs.X, mobs.Z]] - env.world.body[[mobs.X, mobs.Z]]).max(axis=1) < 16
        assert (here[near, mobs.KIND] == mobs.SHEEP).any() and env.world.mob_count <= mobs.ROOM


def test_meta_harvest_and_combat():
    env = _env("harvest", target_names=["log", "stick"], target_quantities={"log": 2, "stick": 1}, reward_weights=[3, 0.5])
    assert env.task.prompt == "Harvest 2 log, 1 stick." and env.task.start_time is None
    _hold(env, "log", 1, 2)
    assert _step(env) == (6.0, False)
    _hold(env, "stick", 2, 1)
    assert _step(env) == (0.5, True)
    env = _env("combat", target_names="zombie", initial_mobs="zombie", specified_biome="plains", allow_mob_spawn=False)
    assert env.task.prompt == "Hunt 1 zombie." and env.world.time == 13000 and env.world.mob_count == 1
    env.world.kills["zombie"] = 1
    assert _step(env) == (1.0, True)


def test_meta_techtree_and_survival():
    env = _env("techtree", tech_item="stone_axe", obtain_items_reward_weights=2, use_items_reward_weights=5)
    _hold(env, "stone_axe")
    assert env.task.prompt == "Unlock stone axe technology." and _step(env) == (2.0, False)
    env.world.wear_tool(1)
    assert _step(env) == (5.0, True)
    env = _env("survival", target_days=2, per_day_reward=3)
    env.world.age = 2 * DAY - 1
    assert env.task.prompt == "Survive for 2 days." and _step(env) == (9.0, True)


def test_minedojos_arguments_that_mean_nothing_here():
    kwargs = {
        "generate_world_type": "specified_biome",
        "specified_biome": "desert",
        "sim_name": "x",
        "event_level_control": True,
    }
    assert _env("open-ended", **kwargs)._info()["biome"] == "desert"


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"task_id": "playthrough"}, 'backend="minedojo"'),
        ({"task_id": "creative:3"}, 'backend="minedojo"'),
        ({"task_id": "harvest_0_log"}, "at least 1"),
        ({"task_id": "combat", "target_names": "ghast"}, "ghast"),
        ({"task_id": "techtree", "tech_item": "bow"}, "tech_item"),
        ({"task_id": "harvest", "target_names": ["log"], "target_quantities": [1, 2]}, "one of target_quantities"),
        ({"task_id": "harvest", "target_names": ["log"], "reward_weights": {"stick": 1}}, "reward_weights"),
        ({"task_id": "survival", "target_days": 0}, "target_days"),
        ({"generate_world_type": "flat"}, "generate_world_type"),
        ({"generate_world_type": "specified_biome"}, "needs specified_biome"),
        ({"regenerate_world_after_reset": False}, "fast_reset"),
        ({"start_position": {"x": 0, "y": 70}}, "start_position"),
        ({"start_position": {"x": 0, "y": 500, "z": 0}}, "y of the player must be a finite number, at least 0, at most 96"),
        ({"start_position": {"x": 700_000, "y": 70, "z": 0}}, "x of the player must be a finite number, at least -600000"),
        ({"start_position": {"x": 0, "y": 70, "z": "1"}}, "z of the player"),
        ({"start_position": {"x": 0, "y": 70, "z": 0, "yaw": None}}, "yaw of the player"),
        ({"task_id": "combat_zombie_plains_iron_armors_iron_sword_shield", "start_time": 6000}, "always midnight"),
        ({"initial_inventory": [(0, "wool", 500, 1)]}, "variant"),
        ({"initial_inventory": [(0, "wool", "red", 1)]}, "variant"),
        ({"initial_inventory": [(0, "log", 0, 1.5)]}, "quantity"),
        ({"initial_inventory": [(0.5, "log", 0, 1)]}, "slot is a whole number"),
        ({"initial_inventory": [(0, 17, 0, 1)]}, "name of an item"),
        ({"view_distance": 1e12}, "view_distance"),
        ({"use_lidar": True, "lidar_rays": [(0.0, 0.0, 1e12)]}, "at most 4096 blocks"),
        ({"task_id": "harvest", "target_names": []}, "at least one name"),
        ({"task_id": "harvest", "target_names": [5]}, "target_names is a sequence of texts"),
        ({"task_id": "harvest", "target_names": "log", "target_quantities": 1.5}, "target_quantities is a whole number"),
        ({"task_id": "harvest", "target_names": "log", "target_quantities": 0}, "target_quantities is a whole number"),
        ({"task_id": "harvest", "target_names": "log", "reward_weights": float("nan")}, "reward_weights must be a finite"),
        ({"task_id": "combat", "target_names": "zombie", "start_at_night": 2}, "start_at_night is True or False"),
        ({"task_id": "combat", "target_names": "pig", "initial_mobs": 5}, "initial_mobs is a sequence of texts"),
        ({"task_id": "combat", "target_names": "pig", "initial_mob_spawn_range_low": (9, 0, 9)}, "nowhere above"),
        ({"task_id": "combat", "target_names": "pig", "initial_mob_spawn_range_high": (9, 0)}, r"\(x, y, z\) in blocks"),
        ({"task_id": "survival", "target_days": 0}, "target_days is a whole number"),
        ({"task_id": "survival", "target_days": 1, "per_day_reward": "x"}, "per_day_reward must be"),
        ({"start_position": {"x": 0, "y": float("nan"), "z": 0}}, "finite"),
        ({"start_health": 0}, "start_health"),
        ({"start_food": 21}, "start_food"),
        ({"start_time": -1}, "start_time"),
        ({"initial_weather": "sunny"}, "clear, normal, rain or thunder"),
        ({"initial_inventory": "log"}, "list of InventoryItems"),
        ({"initial_inventory": ["log"]}, "slot and name"),
        ({"world_seed": 3.5}, "world_seed"),
        ({"break_speed_multiplier": 0}, "break_speed_multiplier"),
        ({"cam_interval": 7}, "divides 180"),
        ({"cam_interval": 0}, "divides 180"),
        ({"view_distance": 0}, "view_distance"),
        ({"aspect": -1.0}, "aspect"),
        ({"fast_reset": -1}, "fast_reset"),
        ({"render_mode": "ansi"}, "render_mode"),
        ({"use_lidar": True, "lidar_rays": []}, "lidar_rays"),
        ({"use_lidar": True, "lidar_rays": [(0, 0)]}, "lidar_rays"),
        ({"use_voxel": True, "voxel_size": {}}, "voxel_size"),
        ({"image_size": (64.5, 64)}, "image_size"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        make(**{"image_size": SMALL, **kwargs})


def test_a_bad_option_changes_nothing():
    env = _env("open-ended")
    before = env.world.grid.blocks.copy()
    for options in ({"initial_weather": "sunny"}, {"start_position": {"x": 0, "y": 500, "z": 0}}, {"inventory": "log"}):
        with pytest.raises(ValueError, match=r"clear|y of the player|InventoryItems"):
            env.reset(options=options)
        assert (env.world.grid.blocks == before).all()


@pytest.mark.parametrize(("seed", "same"), [(-5, "-5"), (-5, 2**64 - 5), ("hello", 99162322)])  # Java's "hello".hashCode()
def test_world_seeds_are_numbers_or_text(seed, same):
    one, two = _env("open-ended", world_seed=seed), _env("open-ended", world_seed=same)
    assert (one.world.grid.blocks == two.world.grid.blocks).all()


def test_nothing_moves_before_the_first_reset():
    env = make("open-ended", SMALL, render_mode="rgb_array")
    for act in (lambda: env.step(env.unwrapped.actions.no_op), env.render, lambda: env.unwrapped.command("kill_agent")):
        with pytest.raises(Exception, match=r"call reset\(\)"):
            act()
    assert env.reset(seed=0, options={"fast_reset": True})[0]["location_stats"]["pos"][1] > 0  # there is no world to keep


def test_a_snapshot_of_another_task_changes_nothing():
    sand, log = _env("harvest_sand"), _env("harvest_log_in_plains")
    before = log.world.grid.blocks.copy()
    for state, message in ((sand.get_state(), r"counts \['log'\]"), ({}, "get_state")):
        with pytest.raises(ValueError, match=message):
            log.set_state(state)
    assert (log.world.grid.blocks == before).all()


def test_segmentation_from_the_first_observation():
    _, info = make("open-ended", SMALL, segmentation=True).reset(seed=0)
    assert set(info["segmentation"]) == {"block", "entity"} and info["depth"].shape == (SMALL, SMALL)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("teleport_agent", (float("nan"), 70.0, 0.0), "finite"),
        ("teleport_agent", (0.0, 70.0, 0.0, float("nan")), "finite"),
        ("set_block", ("log", [0, float("nan"), 0]), "finite"),
        ("spawn_mobs", ("sheep", [1, 5000, 1]), "heights"),
        ("spawn_mobs", (["sheep"] * 97, [1, 0, 1]), "at most 96"),
        ("set_time", ("noon",), "0 to 24000"),
        ("set_inventory", ("log",), "InventoryItems"),
        ("random_teleport", (-5,), "max_range"),
    ],
)
def test_bad_commands_change_nothing(name, arguments, message):
    env = _env("open-ended")
    body, count = env.world.body.copy(), env.world.mob_count
    with pytest.raises(ValueError, match=message):
        env.command(name, *arguments)
    assert (env.world.body == body).all() and env.world.mob_count == count


def test_items_are_given_as_tuples_or_mappings():
    env = _env("open-ended", initial_inventory=[{"slot": 1, "name": "log", "quantity": 3}, InventoryItem(2, "stick")])
    assert env.world.inventory.count(vocab.item_id("log")) == 3 and env.world.inventory.count(vocab.item_id("stick")) == 1
