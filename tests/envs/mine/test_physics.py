"""Motion against values worked out by hand from the game's rules (20 ticks a second)."""

import math

import numpy as np
import pytest

from papergym.envs.mine.voxel import blocks
from papergym.envs.mine.voxel.physics import GROUND, VY, X, Y, Z
from papergym.envs.mine.voxel.terrain import SIZE


def _steady_speed(arena, **keys):
    """Blocks per second after speeding up."""
    arena.tick(20, **keys)
    start = arena.world.body[Z]
    arena.tick(20, **keys)
    return arena.world.body[Z] - start


@pytest.mark.parametrize(
    ("keys", "metres_per_second"),
    [
        ({}, 4.317),  # 0.1 * 0.98 / (1 - 0.546) per tick
        ({"sprint": True}, 5.612),
        ({"sneak": True}, 1.295),
    ],
)
def test_speeds_on_the_ground(arena, keys, metres_per_second):
    assert _steady_speed(arena, forward=1, **keys) == pytest.approx(metres_per_second, abs=2e-3)


def test_directions(arena):
    arena.tick(10, strafe=1)  # left of +z is +x
    assert arena.world.body[X] > 1.0 and arena.world.body[Z] == pytest.approx(0.5)
    arena.world.put_player(0.5, 64.0, 0.5, 90.0, 0.0)  # yaw 90 looks along -x
    arena.tick(10, forward=1)
    assert arena.world.body[X] < 0.0


def test_jump_height_and_air_time(arena):
    speed, height, heights = 0.42, 0.0, []
    for _ in range(20):
        height += speed
        speed = (speed - 0.08) * 0.98
        heights.append(max(height, 0.0))
    seen = []
    for tick in range(12):
        arena.tick(jump=tick == 0)
        seen.append(arena.world.body[Y] - 64.0)
    assert max(heights) == pytest.approx(1.2522, abs=1e-4)
    assert seen[:11] == pytest.approx(heights[:11], abs=1e-9)
    assert seen[11] == pytest.approx(0.0) and arena.world.body[GROUND]


def test_walls_stop_and_one_block_can_be_climbed(arena):
    arena.put("stone", 0, 64, 3)
    arena.tick(30, forward=1)
    assert arena.world.body[Z] == pytest.approx(3 - 0.3)
    arena.tick(20, forward=1, jump=True)
    assert arena.world.body[Z] > 3.0
    arena.put("stone", 0, 65, 8)
    arena.put("stone", 0, 64, 8)
    arena.tick(60, forward=1, jump=True)
    assert arena.world.body[Z] == pytest.approx(8 - 0.3)


def test_sneaking_keeps_to_the_edge(arena):
    for x in (-1, 0, 1):
        for y in range(60, 64):
            arena.put("air", x, y, 3)
    arena.tick(120, forward=1, sneak=True)
    assert 3.0 < arena.world.body[Z] <= 3.3 and arena.world.body[Y] == 64.0
    arena.tick(20, forward=1)
    assert arena.world.body[Y] < 64.0


@pytest.mark.parametrize(("blocks_high", "damage"), [(3, 0), (4, 1), (5, 2), (10, 7), (23, 20)])
def test_fall_damage(arena, blocks_high, damage):
    arena.world.vitals.food = 17  # too hungry to heal
    arena.world.put_player(0.5, 64.0 + blocks_high, 0.5, 0.0, 0.0)
    arena.tick(60)
    assert 20.0 - arena.world.vitals.life == damage
    assert arena.world.vitals.cause == ("fall" if damage == 20 else "")


def test_water_breaks_a_fall_and_drowns(arena):
    for y in range(60, 64):
        for x in (-1, 0, 1):
            for z in (-1, 0, 1):
                arena.put("water", x, y, z)
    arena.world.vitals.food = 17  # too hungry to heal
    arena.world.put_player(0.5, 80.0, 0.5, 0.0, 0.0)
    arena.tick(80)
    assert arena.world.vitals.life == 20.0
    arena.put("stone", 0, 62, 0)  # a lid over two blocks of water
    arena.world.put_player(0.5, 60.0, 0.5, 0.0, 0.0)
    arena.world.vitals.breath = 300
    arena.tick(319)
    assert arena.world.vitals.life == 20.0 and arena.world.vitals.breath == -19
    arena.tick(1)  # 300 ticks of air, then the first two half hearts after 20 more
    assert arena.world.vitals.life == 18.0 and arena.world.vitals.breath == 0
    arena.tick(20)
    assert arena.world.vitals.life == 16.0


def test_swimming_up(arena):
    for y in range(55, 64):
        for x in (-1, 0, 1):
            for z in (-1, 0, 1):
                arena.put("water", x, y, z)
    arena.world.put_player(0.5, 56.0, 0.5, 0.0, 0.0)
    arena.tick(100, jump=True)
    assert arena.world.body[Y] > 62.0
    arena.world.put_player(0.5, 60.0, 0.5, 0.0, 0.0)
    arena.tick(30)
    assert arena.world.body[VY] == pytest.approx(-0.02 / (1 - 0.8), abs=1e-3)  # sinks at 0.1 blocks a tick


def test_hunger_and_healing(arena):
    vitals = arena.world.vitals
    vitals.saturation, vitals.life = 0.0, 10.0
    arena.tick(80)
    assert vitals.life == 11.0  # food 20, no saturation: one point in four seconds
    vitals.food, vitals.tired, vitals.life = 6, 0.0, 10.0
    before = arena.world.body[Z]
    arena.tick(40, forward=1, sprint=True)
    assert arena.world.body[Z] - before < 40 * 0.2159  # too hungry to sprint
    vitals.food = 0
    vitals.clock = 0
    arena.tick(80)
    assert vitals.life == 9.0


def test_sprinting_tires(arena):
    vitals = arena.world.vitals
    start = arena.world.body[Z]
    arena.tick(100, forward=1, sprint=True)
    metres = arena.world.body[Z] - start
    assert vitals.tired + 4.0 * (5.0 - vitals.saturation) == pytest.approx(0.1 * metres, rel=0.02)


def test_the_world_is_a_torus(arena):
    arena.world.put_player(SIZE - 2.5, 64.0, 0.5, -90.0, 0.0)
    arena.put("stone", 1, 64, 0)
    arena.put("stone", 1, 65, 0)
    arena.tick(60, forward=1)
    assert arena.world.body[X] == pytest.approx(SIZE + 1 - 0.3)
    assert arena.world.grid[SIZE + 1, 64, 0] == blocks.STONE


def test_view_follows_the_camera(arena):
    arena.tick(pitch=45.0, yaw=30.0)
    assert (arena.world.pitch, arena.world.yaw) == (45.0, 30.0)
    arena.tick(pitch=90.0, yaw=170.0)
    assert (arena.world.pitch, arena.world.yaw) == (90.0, -160.0)
    assert arena.world.look() == pytest.approx((0.0, -1.0, 0.0), abs=1e-9)
    assert np.linalg.norm(arena.world.look()) == pytest.approx(1.0)
    assert math.isclose(arena.world.eye()[1], 65.62)
