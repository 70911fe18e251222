"""Kind G: ``env.spec.max_episode_steps`` is the episode's length in steps, which other libraries read."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

import papergym  # noqa: F401
from papergym.wrappers.rows import rows

LIMITED = [row for row in rows() if row.limit_frames and not row.unavailable and row.family not in ("Mine", "LS-Imagine")]


@pytest.mark.parametrize("row", LIMITED[::17], ids=lambda row: row.id)
def test_the_spec_says_when_an_episode_is_cut(row):
    env = gym.make(row.id)
    repeat = row.kwargs.get("action_repeat", 1)
    assert env.spec.max_episode_steps == -(-row.limit_frames // repeat)
    env.close()


@pytest.mark.parametrize("env_id", ["ProtoRL-Pendulum-v0", "DMC-PendulumSwingup-v0", "Pixel-Hopper-v4"])
def test_and_that_limit_is_true_after_json_and_for_another_limit(env_id):
    kwargs = {"obs_type": "state", "limit_frames": np.int64(7)}
    env = gym.make(env_id, **kwargs)
    copy = gym.make(EnvSpec.from_json(env.spec.to_json()))
    for one in (env, copy):
        one.reset(seed=0)
        steps, over = 0, False
        while not over:
            *_, terminated, over, _ = one.step(np.zeros(one.action_space.shape, np.float32))
            steps += 1
            assert not terminated
        assert steps == one.spec.max_episode_steps
        one.close()
