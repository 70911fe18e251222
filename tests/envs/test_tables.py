"""The tables of actions and observations on the pages of the environments, held against live models."""

import re
import sys
from itertools import groupby
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from papergym.envs.dmc import load
from papergym.envs.dmc.rows import TASK_PAIRS
from papergym.envs.mine import spaces
from papergym.envs.mujoco.rows import TASKS
from papergym.wrappers.rows import rows

sys.path.append(str(Path(__file__).resolve().parents[2] / "docs" / "_scripts"))
import meanings  # pyright: ignore[reportMissingImports]
from describe import actuators, task_tables  # pyright: ignore[reportMissingImports]

REWARDS = meanings.dmc_rewards()

UNITS = re.compile(
    r"1|m|rad|m/s|rad/s|m/s²|N|N·m|kg·m², kg·m, kg|rad/s, m/s|N·m, N|(log1p|arcsinh|tanh)\((N|N·m|m)\)(, 1 if nothing is hit)?"
)


def expected(meaning, physics):
    """The number that a meaning names, read from raw MuJoCo data; None where the words alone do not say how."""
    name = (re.findall(r"`([^`]*)`", meaning) or [""])[0]
    data, axis = physics.named.data, meaning.rpartition(", ")[2]
    turned = re.match(r"(sine|cosine) of the angle of ", meaning)
    component = re.fullmatch(r"(vertical|horizontal) component of the ([xyz]) axis of `.*`", meaning)
    rooted = re.fullmatch(r"(position|velocity|angular velocity) of `(\w+)`(?: in its own frame)?, ([xyz])", meaning)
    if re.match(r"angle of |position of `[^`]*`$", meaning):
        return data.qpos[name]
    if re.match(r"(angular )?velocity of `[^`]*`(, clipped to ±10)?$", meaning):
        return data.qvel[name]
    if turned:
        return {"sine": np.sin, "cosine": np.cos}[turned[1]](data.qpos[name])
    if component:
        return data.xmat[name, ("z" if component[1] == "vertical" else "x") + component[2]]
    if rooted:
        values = data.qpos[name] if rooted[1] == "position" else data.qvel[name]
        return values["xyz".index(axis) + 3 * (rooted[1] == "angular velocity")]
    if meaning.startswith("height of `"):
        return data.xpos[name, "z"]
    if re.match(r"[xz] position of `", meaning):
        return data.xpos[name, meaning[0]]
    if meaning.startswith("quaternion ") and "`" in meaning:
        return data.xquat[name, f"q{meaning[11]}"]
    if " at sensor `" in meaning:
        values = np.atleast_1d(data.sensordata[name])
        return values["xyz".index(axis)] if len(values) > 1 else values[0]
    return None


SCALES = {"log1p": np.log1p, "arcsinh": np.arcsinh, "tanh": lambda x: 1.0 if x == -1 else np.tanh(x)}


@pytest.mark.parametrize(("domain", "task"), TASK_PAIRS)
def test_every_entry_of_a_dm_control_task_has_its_meaning_and_unit(domain, task):
    drives, parts, step_s = task_tables(domain, task)
    environment = load.load(domain, task, np.random.RandomState(3))
    environment.reset()
    action = np.random.default_rng(0).uniform(-1, 1, environment.action_spec().shape)
    for _ in range(5):  # away from zero velocities
        seen = environment.step(action).observation
    environment.physics.forward()  # kinematics and sensors of the present state, as far as observations read them
    if domain != "jaco":
        seen = environment.task.get_observation(environment.physics)
    assert len(drives) == environment.action_spec().shape[0] and 0 < step_s < 0.1
    assert list(seen) == [part.key for part in parts]
    checked = 0
    for part in parts:
        values = np.ravel(seen[part.key])
        assert sum(entry.count for entry in part.entries) == len(values)
        for value, (words, unit, _) in zip(values, part.entries):
            assert len(words.split()) >= 3 and UNITS.fullmatch(unit), (words, unit)
            number = expected(words, environment.physics)
            if number is not None:
                scale = SCALES.get(unit.partition("(")[0], float)
                assert np.isclose(value, scale(np.ravel(number)[0]), rtol=1e-5, atol=1e-9), (part.key, words)
                checked += 1
    assert checked >= 0.2 * sum(np.size(value) for value in seen.values())
    sentence = REWARDS[domain][task]
    assert sentence.endswith(".") and len(sentence.split()) >= 4


def test_rows_of_a_family_follow_one_another():
    families = [family for family, _ in groupby(rows(), key=lambda row: row.family)]
    assert len(families) == len(set(families))


def test_no_reward_is_described_that_no_task_has():
    assert {(domain, task) for domain, tasks in REWARDS.items() for task in tasks} == set(TASK_PAIRS)


@pytest.mark.parametrize(
    ("domain", "task", "low", "high", "unit"),
    [
        ("walker", "walk", -100, 100, "N·m"),  # gear 100 on a hinge, in the suite's walker.xml
        ("cartpole", "swingup", -10, 10, "N"),  # gear 10 on the slider
        ("quadruped", "walk", -1, 1, "rad"),  # position servo of the first yaw joint
        ("jaco", "reach_top_left", -0.2 * np.pi, 0.2 * np.pi, "rad/s"),  # velocity servo, 36 degrees per second
        ("lqr", "lqr_2_1", -1, 1, "N"),  # no range: the action itself
    ],
)
def test_actions_are_told_in_physical_units(domain, task, low, high, unit):
    first = task_tables(domain, task)[0][0]
    assert (first.low, first.high, first.unit) == (pytest.approx(low), pytest.approx(high), unit)


def test_torques_told_are_those_that_the_model_applies():
    environment = load.load("humanoid", "walk", np.random.RandomState(0))
    physics = environment.physics
    physics.set_control(np.ones(21))
    physics.forward()
    for actuator in actuators(physics.model.ptr):
        assert physics.named.data.qfrc_actuator[actuator.name] == pytest.approx(actuator.high)


@pytest.mark.parametrize("task", TASKS)
def test_every_entry_of_a_v4_task_has_its_meaning_and_unit(task):
    world = gym.make(f"Pixel-{task}-v4", obs_type="state", action_repeat=1).unwrapped
    observation, _ = world.reset(seed=0)
    observation, *_ = world.step(world.action_space.sample())
    model, data = world._native()
    entries = meanings.v4_observation(task, model)
    assert sum(entry.count for entry in entries) == len(observation)
    assert len(actuators(model)) == world.action_space.shape[0]
    at = 0
    for words, unit, count in entries:
        assert UNITS.fullmatch(unit), (words, unit)
        name = (re.findall(r"`([^`]*)`", words) or [""])[0]
        if words.startswith("angle of "):
            assert observation[at] == np.float32(data.joint(name).qpos[0])
        if re.fullmatch(r"(angular )?velocity of `[^`]*`(, clipped to ±10)?", words):
            speed = data.joint(name).qvel[0]
            assert observation[at] == np.float32(np.clip(speed, -10, 10) if "clipped" in words else speed)
        if words.startswith("inertia"):
            assert np.array_equal(observation[at : at + count], data.body(name).cinert.astype(np.float32))
        if words.startswith("external torque"):
            assert np.array_equal(observation[at : at + count], data.body(name).cfrc_ext.astype(np.float32))
        at += count
    world.close()


@pytest.mark.parametrize("walker", ["boxhead", "ant"])
def test_every_key_of_a_drill_has_its_meaning_and_unit(walker):
    world = gym.make("Football-Follow-v0", walker=walker).unwrapped
    for key in world.slices():
        words, unit = meanings.football(key)
        assert len(words.split()) >= 2 and UNITS.fullmatch(unit)
    world.close()


def test_every_key_of_a_match_has_its_meaning_and_unit():
    pytest.importorskip("pettingzoo")
    match = gym.make("Football-2v2-v0", walker="boxhead").unwrapped.match
    assert all(meanings.football(key) for key in match.slices("home_0"))
    match.close()


def test_every_key_of_minedojo_has_its_meaning_and_unit():
    def leaves(space, path=""):
        if not isinstance(space, gym.spaces.Dict):
            return [path]
        return [leaf for key, part in space.spaces.items() for leaf in leaves(part, f"{path}.{key}".lstrip("."))]

    keys = leaves(spaces.observation_space(voxel_size=spaces.VOXEL_SIZE, lidar_rays=spaces.LIDAR_RAYS))
    found = meanings.facts("mine/meanings")
    assert all(words and unit for words, unit in (found["observation"][key] for key in keys))
    assert len(found["action"]) == spaces.action_space().shape[0]


def test_the_worlds_hold_no_words_for_the_pages():
    """Nothing of the package reads these files: what a page says is data, and the worlds run without it."""
    files = ("dmc/observations", "dmc/rewards", "mujoco/v4", "football/observations", "mine/meanings")
    root = Path(__file__).resolve().parents[2]
    for name in files:
        assert (root / "assets" / f"{name}.toml").is_file()
        stem = Path(name).name
        wrong = [
            path
            for room in ("envs", "wrappers", "agents")
            for path in (root / room).rglob("*.py")
            if f"{stem}.toml" in path.read_text("utf-8")
        ]
        assert not wrong
