"""What a world is at its start and in its states: nothing is forgotten, nothing shared."""

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import data_equivalence

from papergym.envs.mine import make
from papergym.envs.mine import vocabulary as vocab
from papergym.envs.mine.voxel import mobs

SMALL = (16, 24)


def test_a_refused_state_leaves_a_fresh_world_fresh():
    env = make("open-ended", SMALL).unwrapped
    fresh = env.get_state()
    with pytest.raises(ValueError):
        env.set_state({**fresh, "world": {}})
    with pytest.raises(gym.error.ResetNeeded, match="reset"):
        env.command("kill_agent")
    env.set_state(fresh)
    env.reset(seed=0, options={"fast_reset": True})
    assert env.world.grid.blocks.any(), "a world that has not begun is made anew"


def test_a_state_remembers_the_seed_of_the_first_reset():
    one, other = (make("open-ended", SMALL, seed=5).unwrapped for _ in range(2))
    one.reset()
    other.set_state(one.get_state())
    assert data_equivalence(one.reset()[0], other.reset()[0], exact=True)


def test_a_reset_has_taken_no_frame_and_names_the_biome_of_its_cell():
    env = make("open-ended", SMALL)
    world = env.unwrapped.world
    assert env.reset(seed=0)[1]["frames"] == 0
    world.grid.biome[:] = 1
    world.grid.biome[255] = 2
    world.put_player(-0.5, 80.0, 4.5, 0.0, 0.0)
    obs, _, _, _, info = env.step(env.unwrapped.actions.no_op)
    assert info["frames"] == 1 and vocab.BIOME_NAME[int(obs["location_stats"]["biome_id"])] == info["biome"]


def test_animals_beyond_the_border_are_seen_from_the_first_image_on():
    start = {"x": 250.5, "y": 90.0, "z": 128.5, "yaw": -90.0, "pitch": 0.0}  # looks along +x
    env = make("open-ended", SMALL, segmentation=True, allow_mob_spawn=False, start_position=start).unwrapped
    env.reset(seed=0)
    world = env.world
    mobs.new_mob(world.streams["mobs"], world.mobs[0], mobs.SHEEP, 0.5, 90.0, 128.5)  # 6 blocks ahead, around the torus
    world.mob_count = 1
    for put in (lambda: env.command("teleport_agent", *start.values()), world.gather):
        put()
        assert world.mobs[0, 0] == 256.5
        env.painter.paint(world)
        assert env.painter.segmentation()["entity"].any()
        world.mobs[0, 0] = 0.5


def test_no_one_changes_the_action_that_does_nothing():
    env = make("open-ended", SMALL).unwrapped
    env.actions.no_op[0] = 1
    env.action_space.no_op()[0] = 1
    env.get_keys_to_action()[()][0] = 1
    assert not env.actions.no_op[[0, 1, 2, 5, 6, 7]].any() and not env.get_keys_to_action()[()][0]


def test_commands_need_an_open_world():
    env = make("open-ended", SMALL).unwrapped
    env.reset(seed=0)
    env.close()
    with pytest.raises(RuntimeError, match="closed"):
        env.command("kill_agent")
