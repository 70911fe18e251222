"""The environment: conformity, determinism, snapshots, tasks, bad input."""

# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

import hashlib
import json

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env, data_equivalence

import papergym  # noqa: F401  # registers the ids
from papergym.envs.mine import make, tasks
from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.actions import InvalidAction, InventoryItem, sample_masked
from papergym.envs.mine.voxel.env import VoxelMineEnv
from papergym.envs.table import rows_of
from papergym.wrappers.rows import ROWS

SMALL = (16, 24)
IDS = ROWS["mine"] + rows_of("mine")
PAPER = list(tasks.FACTS["lsimagine"])


def _leaves(tree, path=""):
    if isinstance(tree, dict):
        return {key: leaf for name, part in tree.items() for key, leaf in _leaves(part, f"{path}/{name}").items()}
    return {path: np.asarray(tree)}


def _digest(tree):
    sha = hashlib.sha256()
    for key, leaf in sorted(_leaves(tree).items()):
        sha.update(key.encode() + np.ascontiguousarray(leaf).tobytes())
    return sha.hexdigest()


def _same(a, b):
    a, b = _leaves(a), _leaves(b)
    return set(a) == set(b) and all(np.array_equal(a[key], b[key]) for key in a)


_QUICK = {"LSImagine-MineIronOre-v0", "LSImagine-ShearSheep-v0", "Mine-HarvestLogInPlains-v0", "Mine-OpenEnded-v0"} | {
    "Mine-CombatZombiePlainsIronArmorsIronSwordShield-v0",
    "Mine-TechtreeFromBarehandToWoodenPickaxe-v0",
    "Mine-Survival-v0",
}


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=row.id, marks=() if row.id in _QUICK else pytest.mark.slow) for row in IDS]
)
@pytest.mark.filterwarnings("ignore:.*maximum value is infinity.*", "ignore:.*minimum value is -infinity.*")
@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version.*", "ignore:.*nested.*")
def test_ids_conform(row):
    env = gym.make(row.id, image_size=SMALL)
    check_env(env if row.id.startswith("LSImagine") else env.unwrapped, skip_render_check=True)
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    first, second = env.reset(seed=5)[0], again.reset(seed=5)[0]
    assert _same({"obs": first}, {"obs": second})


def test_same_seed_same_story_other_seed_another():
    envs = [make("open-ended", SMALL, use_voxel=True, use_lidar=True) for _ in range(3)]
    first = [env.reset(seed=seed)[0] for env, seed in zip(envs, (3, 3, 4))]
    assert _same(first[0], first[1]) and not _same(first[0], first[2])
    envs[0].action_space.seed(0)
    for _ in range(150):
        action = envs[0].action_space.sample()
        a, b = envs[0].step(action), envs[1].step(action)
        assert _same(a[0], b[0]) and a[1:4] == b[1:4]
        if a[2]:
            break


def test_snapshot_in_mid_episode():
    env = make("harvest_log_in_plains", SMALL)
    env.reset(seed=1)
    env.action_space.seed(1)
    actions = [env.action_space.sample() for _ in range(120)]
    for action in actions[:60]:
        env.step(action)
    assert isinstance(env.unwrapped, VoxelMineEnv)
    state = env.unwrapped.get_state()
    kept = _digest({key: value for key, value in state["world"].items()})
    ahead = [env.step(action) for action in actions[60:]]
    assert _digest(state["world"]) == kept  # a snapshot is a copy
    other = make("harvest_log_in_plains", SMALL)
    other.reset(seed=99)
    other.unwrapped.set_state(state)
    for action, expected in zip(actions[60:], ahead):
        got = other.step(action)
        assert _same(got[0], expected[0]) and got[1:4] == expected[1:4]
    assert _digest(other.unwrapped.get_state()["world"]) == _digest(env.unwrapped.get_state()["world"])


def test_snapshots_are_arrays_and_json():
    env = make("open-ended", SMALL)
    env.reset(seed=0)
    state = env.unwrapped.get_state()

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(part) for key, part in value.items()}
        return value.tolist()[:1] if isinstance(value, np.ndarray) else value

    json.dumps(plain(state))
    state["world"]["version"] = 0
    with pytest.raises(ValueError, match="version"):
        env.unwrapped.set_state(state)


@pytest.mark.parametrize("key", PAPER)
def test_paper_tasks(key):
    """Start, reward and end of the five tasks, as tabulated from the paper's repository."""
    env = make(key, SMALL)
    _, info = env.reset(seed=2)
    facts, world = tasks.FACTS["lsimagine"][key], env.unwrapped.world
    assert world.inventory.held() == facts.get("hand", "air") and info["prompt"] == facts["prompt"]
    assert world.break_speed_multiplier == 100.0
    if "biome" in facts:
        assert info["biome"] == facts["biome"]
    sheep = world.mobs[: world.mob_count]
    near = np.hypot(sheep[:, 0] - world.body[0], sheep[:, 2] - world.body[2]) <= 15 * 2**0.5 + 1
    assert key != "shear_sheep" or near.any()
    world.inventory.set(7, vocab.item_id(facts["target"]))
    _, reward, terminated, truncated, info = env.step(env.unwrapped.actions.no_op)
    assert (reward, terminated, truncated, info["success"]) == (1.0, True, False, True)
    doubled = make(key, SMALL, reward_scale=2.0, success_ends=False)
    doubled.reset(seed=2)
    doubled.unwrapped.world.inventory.set(7, vocab.item_id(facts["target"]))
    assert doubled.step(doubled.unwrapped.actions.no_op)[1:3] == (2.0, False)


def test_losing_items_costs():
    env = make(
        "harvest",
        SMALL,
        target_names=["log", "stick"],
        target_quantities=[2, 1],
        initial_inventory=[InventoryItem(3, "log", 0, 5)],
    )
    env.reset(seed=0)
    env.unwrapped.world.inventory.clear()
    assert env.step(env.unwrapped.actions.no_op)[1] == -5.0


def test_limits_truncate():
    env = gym.make("Mine-HarvestSand-v0", image_size=8)
    env.reset(seed=0)
    noop = env.unwrapped.actions.no_op
    for step in range(1, 1001):
        _, _, terminated, truncated, _ = env.step(noop)
        assert not terminated and truncated == (step == 1000)


def test_death_ends():
    env = make("open-ended", SMALL)
    env.reset(seed=0)
    env.unwrapped.command("kill_agent")
    _, _, terminated, truncated, info = env.step(env.unwrapped.actions.no_op)
    assert terminated and not truncated and info["cause_of_death"] == "command"


def test_combat():
    env = make("combat_sheep_plains_barehand", SMALL)
    env.reset(seed=0)
    assert env.unwrapped.world.mob_count == 1
    env.unwrapped.world.kills["sheep"] = 1
    assert env.step(env.unwrapped.actions.no_op)[1:3] == (1.0, True)


def test_fast_reset_keeps_the_world():
    env = make("harvest_sand", SMALL, fast_reset=1)
    env.reset(seed=0)
    before = env.unwrapped.world.grid.blocks.copy()
    env.reset()
    assert (env.unwrapped.world.grid.blocks == before).all()
    env.reset()
    assert (env.unwrapped.world.grid.blocks != before).any()


def test_start_options():
    env = make("open-ended", SMALL, start_time=18000, initial_weather="rain", start_health=7, start_food=9)
    start = {"x": 5.5, "y": 90.0, "z": 6.5, "yaw": 30.0, "pitch": 20.0}
    obs, _ = env.reset(seed=0, options={"start_position": start, "inventory": [("mainhand", "log", 0, 3)]})
    assert obs["life_stats"]["life"] == 7 and obs["life_stats"]["food"] == 9 and obs["location_stats"]["is_raining"] == 1
    assert obs["location_stats"]["pos"].tolist() == [5.5, 90.0, 6.5] and obs["location_stats"]["yaw"] == 30.0
    assert obs["location_stats"]["sun_brightness"] == pytest.approx(0.2)
    assert vocab.ITEMS[obs["equipment"]["name"][0]] == "log" and obs["inventory"]["quantity"][0] == 3


def test_masked_play_is_never_refused():
    env = make("open-ended", SMALL, strict_actions=True, initial_inventory=[InventoryItem(0, "log", 0, 9)])
    obs, _ = env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(200):
        obs, _, dead, _, _ = env.step(sample_masked(rng, env.unwrapped.actions, obs["masks"]))
        if dead:
            obs, _ = env.reset()


def test_refused_actions():
    action = np.array([0, 0, 0, 12, 12, 6, 0, 20])
    env = make("open-ended", SMALL)
    env.reset(seed=0)
    info = env.step(action)[4]
    assert info["invalid_action"] and "slot 20" in info["refusal"]
    strict = make("open-ended", SMALL, strict_actions=True)
    strict.reset(seed=0)
    with pytest.raises(InvalidAction, match="slot 20"):
        strict.step(action)
    with pytest.raises(ValueError, match="8 integers"):
        env.step(np.zeros(3, int))


@pytest.mark.parametrize(("item", "function"), [("stick", 6), ("fence", 6), ("fence", 1)])
def test_what_cannot_be_placed_is_refused_before_anything_changes(item, function):
    """The player looks down at a block beside him and turns by one bin at the same time."""
    turn = np.array([0, 0, 0, 12, 13, function, 0, 0])
    start = {"initial_inventory": [InventoryItem(0, item, 0, 1)], "start_position": {"x": 0, "y": 70, "z": 0, "pitch": 60}}
    env = make("open-ended", SMALL, **start)
    yaw = env.reset(seed=0)[0]["location_stats"]["yaw"][0]
    observation, *_, info = env.step(turn)
    assert info["invalid_action"] and item in info["refusal"]
    assert (observation["location_stats"]["yaw"][0] - yaw) % 360 == pytest.approx(15, abs=1e-4), "turned once"
    strict = make("open-ended", SMALL, strict_actions=True, **start)
    strict.reset(seed=0)
    before = strict.get_state()
    with pytest.raises(InvalidAction, match=item):
        strict.step(turn)
    assert data_equivalence(strict.get_state(), before, exact=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"task_id": "harvest_1_unobtainium"}, "unknown item"),
        ({"task_id": "dance"}, "unknown task"),
        ({"task_id": "harvest_1_log_jungle"}, "no biome 'jungle'"),
        ({"task_id": "combat_ghast_plains_barehand"}, "ghast"),
        ({"task_id": "harvest_1_ender_pearl"}, "cannot be obtained"),
        ({"backend": "real"}, "backend"),
        ({"specified_biome": "mesa"}, "no biome"),
        ({"initial_inventory": [InventoryItem(50, "log")]}, "slot"),
        ({"initial_inventory": [InventoryItem(0, "logg")]}, "unknown item"),
        ({"use_voxel": True, "voxel_size": {"xmin": 1}}, "voxel_size"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        make(**call)


def test_unknown_reset_option():
    with pytest.raises(ValueError, match="biom"):
        make("open-ended", SMALL).reset(options={"biom": 1})
