"""The contract against the dump of the real MineDojo package, and masks and deltas against values worked out by hand."""

import json
import pickle

import numpy as np
import pytest
from gymnasium import spaces

from papergym import assets
from papergym.envs.mine import make
from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.actions import Actions, InvalidAction, check_slot, count_items, delta, masks, sample_masked
from papergym.envs.mine.spaces import FUNCTIONS, VOXEL_SIZE, action_space, no_op, observation_space, voxel_shape

REAL = json.loads((assets.ROOT / "mine" / "minedojo_spaces.json").read_text(encoding="utf-8"))


def _flat(space, path=()):
    if isinstance(space, spaces.Dict):
        return {key: leaf for name, part in space.items() for key, leaf in _flat(part, (*path, name)).items()}
    return {"/".join(path): space}


def _described(space):
    entry = {"type": type(space).__name__, "shape": list(space.shape), "dtype": space.dtype.name}
    if isinstance(space, spaces.Box):
        bounds = (np.unique(bound.astype(float)).item() for bound in (space.low, space.high))
        entry["low"], entry["high"] = (bound if np.isfinite(bound) else repr(bound) for bound in bounds)
    elif isinstance(space, spaces.MultiDiscrete):
        entry["n"] = np.unique(space.nvec).item()
    else:
        entry["n"] = int(space.n)
    return entry


def _inventory(**items):
    name, quantity = np.full(36, vocab.AIR), np.zeros(36)
    for slot, (item, count) in enumerate(items.items()):
        name[slot], quantity[slot] = vocab.item_id(item), count
    return name, quantity


def test_observation_space_is_minedojos():
    ours = _flat(observation_space((160, 256), voxel_size=VOXEL_SIZE, lidar_rays=[(0.0, 0.0, 10.0)] * 3))
    assert set(ours) == set(REAL["observation"])
    for key, real in REAL["observation"].items():
        if real["type"] == "Text":  # no such space in Gymnasium: ids of the same shape
            assert isinstance(ours[key], spaces.MultiDiscrete) and list(ours[key].shape) == real["shape"]
        else:
            assert _described(ours[key]) == real, key


def test_action_space_is_minedojos():
    assert action_space().nvec.tolist() == REAL["action_nvec"]
    assert no_op().tolist() == REAL["action_no_op"]
    assert action_space(10).nvec.tolist() == [3, 3, 4, 37, 37, 8, 244, 36]


def test_vocabulary_counts():
    kinds = [vocab.WHERE.count(where) for where in ("hand", "table", "smelt")]
    assert (len(vocab.ITEMS), len(vocab.CRAFTS), kinds) == (392, 244, [54, 170, 20])
    assert (int(vocab.PLACEABLE.sum()), int(vocab.NOT_MAINHAND.sum()), len(vocab.BIOMES)) == (184, 24, 63)
    assert vocab.BIOMES["plains"] == 1 and vocab.BIOMES["desert"] == 2 and vocab.BIOMES["forest"] == 4


@pytest.mark.parametrize("name", ["iron ore", "iron_ore", "minecraft:iron_ore", "Iron_Ore"])
def test_names_are_read_in_every_spelling(name):
    assert vocab.ITEMS[vocab.item_id(name)] == "iron_ore"


def test_unknown_names_say_what_is_near():
    with pytest.raises(ValueError, match="iron_ore"):
        vocab.item_id("iron_orr")
    with pytest.raises(ValueError, match="plains"):
        vocab.biome_id("plain")
    with pytest.raises(ValueError, match="target_names"):
        make("harvest")
    with pytest.raises(ValueError, match="xmin"):
        voxel_shape({"xmin": 0})


def test_decoding():
    actions = Actions()
    noop = actions.decode(actions.no_op)
    assert noop == (0, 0, False, False, False, 0.0, 0.0, "no_op", 0, 0)
    words = actions.decode(np.array([2, 1, 3, 11, 14, 4, 7, 5]))
    assert words == (-1, 1, False, False, True, -15.0, 30.0, "craft", 7, 5)


@pytest.mark.parametrize("action", [np.zeros(7, int), np.full(8, 300), np.zeros(8), [0, 0, 0, 0, 0, -1, 0, 0], 3])
def test_actions_outside_the_space(action):
    with pytest.raises(ValueError, match="8 integers"):
        Actions().decode(action)


def test_masks_by_hand():
    name, quantity = _inventory(log=1, planks=3, stick=2)
    near_nothing = masks(name, quantity, table=False, furnace=False)
    makeable = {vocab.CRAFTS[i] for i in np.flatnonzero(near_nothing["craft_smelt"])}
    assert makeable == {"planks", "stick", "wooden_button", "wooden_pressure_plate"}
    at_table = masks(name, quantity, table=True, furnace=False)
    more = {vocab.CRAFTS[i] for i in np.flatnonzero(at_table["craft_smelt"])} - makeable
    assert more >= {"wooden_pickaxe", "wooden_axe"} and "furnace" not in more
    at_furnace = masks(name, quantity, table=False, furnace=True)
    assert {vocab.CRAFTS[i] for i in np.flatnonzero(at_furnace["craft_smelt"])} - makeable == {"coal"}
    assert near_nothing["equip"].tolist() == [False, True, True] + [False] * 33
    assert near_nothing["place"].tolist() == [True, True] + [False] * 34
    assert near_nothing["action_type"].all()
    empty = masks(*_inventory(), table=True, furnace=True)
    assert [FUNCTIONS[i] for i in np.flatnonzero(empty["action_type"])] == ["no_op", "use", "attack"]


def test_masked_samples_are_valid():
    actions, rng = Actions(), np.random.default_rng(0)
    name, quantity = _inventory(log=1)
    mask = masks(name, quantity, table=False, furnace=False)
    for _ in range(200):
        action = sample_masked(rng, actions, mask)
        assert actions.space.contains(action)
        kind = actions.decode(action).function
        if kind == "craft":
            assert vocab.CRAFTS[action[6]] == "planks"
        elif kind in ("equip", "place", "destroy"):
            check_slot(action[7], name, kind)


def test_empty_slots_are_refused():
    with pytest.raises(InvalidAction, match="slot 3"):
        check_slot(3, _inventory(log=1)[0], "place")


def test_deltas_by_cause():
    before, after = count_items(*_inventory(log=2)), count_items(*_inventory(log=1, planks=4))
    crafted = delta(before, after, vocab.CRAFT_ID["planks"])
    assert vocab.ITEMS[crafted["inc_name_by_craft"][0]] == "planks" and crafted["inc_quantity_by_craft"][0] == 4
    assert vocab.ITEMS[crafted["dec_name_by_craft"][0]] == "log" and crafted["dec_quantity_by_craft"][0] == 1
    assert crafted["inc_name_by_other"][0] == vocab.AIR
    found = delta(before, after, None)
    assert vocab.ITEMS[found["inc_name_by_other"][0]] == "planks" and found["inc_quantity_by_craft"][0] == 0


@pytest.mark.parametrize("bad", [0, (64, 0), (64, 64, 3), (-1, 64)])
def test_bad_image_sizes(bad):
    with pytest.raises(ValueError, match="image_size is"):
        make("harvest_log_in_plains", image_size=bad)


@pytest.mark.parametrize("cam_interval", [10, 15, 30, 90])
def test_the_action_space_knows_the_action_that_does_nothing(cam_interval):
    """As MineDojo's ``env.action_space.no_op()``, which programs written for it call."""
    actions = Actions(cam_interval)
    still = actions.decode(actions.space.no_op())
    assert np.array_equal(actions.space.no_op(), actions.no_op) and actions.no_op in actions.space
    assert (still.pitch, still.yaw, still.forward, still.function) == (0.0, 0.0, 0, "no_op")
    assert pickle.loads(pickle.dumps(actions.space)).no_op().tolist() == actions.no_op.tolist()
