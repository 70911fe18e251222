"""The extra tasks: rewards against formulas written out here from the published definitions, models and starts the suite's."""

import gymnasium as gym
import numpy as np
import pytest

import papergym  # noqa: F401
from papergym.envs.dmc.env import DmControlEnv
from papergym.envs.dmc.tasks import EXTRA_TASKS
from papergym.envs.dmc.urlb import CORNERS, REWARDS


def ramp(value, low, high, at_low=0.0):
    """Linear from ``at_low`` at ``low`` to 1 at ``high``; below ``low`` it falls on to 0 at the same slope."""
    return float(np.clip(at_low + (1 - at_low) * (value - low) / (high - low), 0, 1))


def gauss(value, low, margin):
    """dm_control's default tolerance: 0.1 at ``margin`` below ``low``."""
    return 1.0 if value >= low else float(np.exp(np.log(0.1) * ((low - value) / margin) ** 2))


def expected(domain, task, physics):
    data = physics.named.data
    sign = -1 if task.endswith("backward") else 1
    if domain in ("walker", "cheetah", "hopper"):
        spin = ramp(sign * data.subtree_angmom["torso", "y"], 0, 5)
        speed = data.sensordata["torso_subtreelinvel"][0]
    if domain == "walker":
        stand = (3 * gauss(data.xpos["torso", "z"], 1.2, 0.6) + (1 + data.xmat["torso", "zz"]) / 2) / 4
        return stand * (5 * spin + 1) / 6
    if domain == "cheetah":
        return ramp(-speed, 0, 10) if task == "run_backward" else spin
    if domain == "hopper":
        height = data.xipos["torso", "z"] - data.xipos["foot", "z"]
        return float(0.6 <= height <= 2) * (ramp(-speed, 1, 2, 0.5) if task == "hop_backward" else spin)
    upright = (1 + data.xmat["torso", "zz"]) / 2
    velocity = np.linalg.norm(data.sensordata["velocimeter"])
    way = {
        "stand": 1.0,
        "jump": ramp(data.subtree_com["torso", "z"], 0, 1, 0.5),
        "roll": ramp(velocity, 0, 0.5, 0.5),
        "roll_fast": ramp(velocity, 0, 5, 0.5),
    }[task]
    return upright * way


@pytest.mark.parametrize(("domain", "task"), REWARDS)
def test_rewards(domain, task):
    env = DmControlEnv(domain, task)
    suite = DmControlEnv(domain, REWARDS[domain, task][0])
    assert np.array_equal(env.reset(seed=1)[0], suite.reset(seed=1)[0]), "model and start are the suite's"
    env.action_space.seed(0)
    seen = set()
    for _ in range(120):
        action = env.action_space.sample()
        observation, reward, *_ = env.step(action)
        assert np.array_equal(observation, suite.step(action)[0]), "only the reward differs"
        assert reward == pytest.approx(expected(domain, task, env.physics), abs=1e-9)
        seen.add(round(reward, 6))
    env.physics.data.qvel[:3] = 4 if not task.endswith("backward") else -4  # fast enough to be paid
    env.physics.forward()
    assert env._dm.task.get_reward(env.physics) == pytest.approx(expected(domain, task, env.physics), abs=1e-9)
    assert max(seen) <= 1 and min(seen) >= 0


@pytest.mark.parametrize("task", CORNERS)
def test_jaco_pays_at_its_corner(task):
    env = gym.make(f"DMC-Jaco{''.join(part.capitalize() for part in task.split('_'))}-v0")
    env.reset(seed=0)
    world = env.unwrapped
    reach = world._dm.task
    brick = world.physics.bind(reach._target).xpos
    assert np.allclose(brick[:2], CORNERS[task], atol=0.01)
    _, reward, *_ = env.step(np.zeros(9, np.float32))
    hand = world.physics.bind(reach.hand.tool_center_point).xpos
    distance = np.linalg.norm(hand - world.physics.bind(reach._target).xpos)
    assert reward == pytest.approx(gauss(-distance, -0.05, 0.05), abs=1e-9)


def test_jaco_takes_250_frames():
    env = gym.make("DMC-JacoReachTopLeft-v0")
    env.reset(seed=0)
    for count in range(1, 251):
        *_, terminated, truncated, _ = env.step(np.zeros(9, np.float32))
        assert not terminated and truncated == (count == 250)
        assert (env.unwrapped._dm.physics.time() >= 10.0) == (count == 250)  # the benchmark's own rule: 10 s
    env.reset()


def test_all_published_tasks_have_ids():
    for domain, tasks in EXTRA_TASKS.items():
        for task in tasks:
            name = "".join(part.capitalize() for part in f"{domain}_{task}".split("_"))
            assert f"ProtoRL-{name}-v0" in gym.registry and f"DMC-{name}-v0" in gym.registry
    for name in ("QuadrupedEscape", "QuadrupedFetch"):  # the benchmark's definitions are the suite's
        assert f"ProtoRL-{name}-v0" in gym.registry and f"DMC-{name}-v0" in gym.registry


@pytest.mark.parametrize(("domain", "suite", "geom"), [("cheetah", "run", "ground"), ("hopper", "hop", "floor")])
def test_floors_of_cheetah_and_hopper_are_twice_the_suites(domain, suite, geom):
    """As in the benchmark's own cheetah.xml (ground 200) and hopper.xml (floor 100), in each of its tasks."""
    half = DmControlEnv(domain, suite).physics.named.model.geom_size[geom, 0]
    for task in EXTRA_TASKS[domain]:
        assert (
            DmControlEnv(domain, task).physics.named.model.geom_size[geom, 0] == 2 * half == {"ground": 200, "floor": 100}[geom]
        )
