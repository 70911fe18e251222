"""dm_control tasks against dm_control itself: states, rewards and ends step for step, images bit for bit."""

import gymnasium as gym
import numpy as np
import pytest

from papergym.envs.dmc.env import DmControlEnv
from papergym.envs.dmc.load import suite
from papergym.envs.dmc.tasks import DEFAULT_TASK, EXTRA_TASKS, TASKS

ALL = [(domain, task) for domain, tasks in TASKS.items() for task in tasks]
BENCHMARKING = suite().BENCHMARKING
CAMERA = {"quadruped": 2}


def raw(domain, task, seed):
    """dm_control's own environment, drawing from the same stream of random numbers as ours after reset(seed=seed)."""
    random = np.random.RandomState(np.random.PCG64(np.random.SeedSequence(seed)))
    return suite().load(domain, task, task_kwargs={"random": random})


def native(environment, action):
    """[-1, 1] to the actuators' ranges; LQR has none."""
    spec = environment.action_spec()
    if np.any(spec.maximum > 1e9):
        return np.asarray(action, np.float64)
    middle, half = (spec.maximum + spec.minimum) / 2, (spec.maximum - spec.minimum) / 2
    return middle + half * np.asarray(action, np.float64)


def vector(observation):
    return np.concatenate([np.asarray(part).ravel() for part in observation.values()]).astype(np.float32)


def test_the_table_lists_the_suite():
    """A task that dm_control gains fails here until it has a sentence in tasks.py."""
    assert sorted(ALL) == sorted(suite().ALL_TASKS)
    known = {domain: {**TASKS.get(domain, {}), **EXTRA_TASKS.get(domain, {})} for domain in (*TASKS, *EXTRA_TASKS)}
    assert all(task in known[domain] for domain, task in DEFAULT_TASK.items()) and set(DEFAULT_TASK) == set(known)


@pytest.mark.parametrize(("domain", "task"), BENCHMARKING)
def test_paper_quality_is_bit_exact_after_50_random_steps(domain, task):
    camera = CAMERA.get(domain, 0)
    env, oracle = DmControlEnv(domain, task, obs_type="pixels", camera=camera), raw(domain, task, seed=3)
    env.observing = False
    env.reset(seed=3)
    oracle.reset()
    env.action_space.seed(5)
    for _ in range(50):
        action = env.action_space.sample()
        env.observing = _ == 49
        observation, reward, *_ = env.step(action)
        step = oracle.step(native(oracle, action))
        assert reward == step.reward
    assert np.array_equal(observation, oracle.physics.render(84, 84, camera_id=camera))
    env.close()
    oracle.physics.free()


@pytest.mark.parametrize("task", ["WalkerWalk", "QuadrupedWalk"])
def test_protorl_ids_equal_repeat_render_stack(task):
    domain, name = {"WalkerWalk": ("walker", "walk"), "QuadrupedWalk": ("quadruped", "walk")}[task]
    env, oracle = gym.make(f"ProtoRL-{task}-v0"), raw(domain, name, seed=11)
    env.action_space.seed(0)
    observation, _ = env.reset(seed=11)
    oracle.reset()

    def image():
        return np.moveaxis(oracle.physics.render(84, 84, camera_id=CAMERA.get(domain, 0)), -1, 0)

    images = [image()] * 3
    for _ in range(6):
        assert np.array_equal(observation, np.concatenate(images[-3:]))
        action = env.action_space.sample()
        observation, reward, terminated, truncated, info = env.step(action)
        assert reward == sum(oracle.step(native(oracle, action)).reward for _ in range(2)) and info["frames"] == 2
        assert not terminated and not truncated
        images.append(image())
    env.close()
    oracle.physics.free()


def check_rollout(domain, task, frames):
    env, oracle = DmControlEnv(domain, task), raw(domain, task, seed=2)
    env.action_space.seed(1)
    observation, _ = env.reset(seed=2)
    step = oracle.reset()
    for frame in range(frames):
        assert np.array_equal(observation, vector(step.observation)), frame
        if step.last():
            assert frame == 1000 or step.discount == 0.0
            observation, _ = env.reset()
            step = oracle.reset()
            continue
        action = env.action_space.sample()
        observation, reward, terminated, truncated, info = env.step(action)
        step = oracle.step(native(oracle, action))
        assert reward == step.reward and info == {}
        assert (terminated, truncated) == (step.last() and step.discount == 0, step.last() and step.discount == 1)
        assert type(reward) is float and type(terminated) is bool and type(truncated) is bool


@pytest.mark.parametrize(("domain", "task"), ALL)
def test_states_equal_dm_control(domain, task):
    check_rollout(domain, task, frames=25)


@pytest.mark.slow
@pytest.mark.parametrize(("domain", "task"), ALL)
def test_states_equal_dm_control_over_an_episode_and_into_the_next(domain, task):
    check_rollout(domain, task, frames=1020)


def test_a_whole_episode_of_walker_ends_truncated_and_begins_again():
    check_rollout("walker", "walk", frames=1010)


def test_protorl_walker_takes_500_steps():
    env = gym.make("ProtoRL-Walker-v0", quality="fast")
    assert env.observation_space == gym.spaces.Box(0, 255, (9, 84, 84), np.uint8)
    env.action_space.seed(0)
    env.reset(seed=0)
    for count in range(1, 501):
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        assert not terminated and truncated == (count == 500)
    with pytest.raises(gym.error.ResetNeeded, match="reset"):
        env.step(env.action_space.sample())


def test_termination_is_not_truncation():
    env = gym.make("ProtoRL-LqrLqr21-v0", obs_type="state").unwrapped
    env.reset(seed=0)
    env.physics.data.qpos[:] = env.physics.data.qvel[:] = 0
    env.physics.forward()
    *_, terminated, truncated, _ = env.step(np.zeros(1, np.float32))
    assert terminated and not truncated
