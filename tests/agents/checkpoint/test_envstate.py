"""An environment put into a saved state continues exactly as the one that was saved."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import wrappers
from stable_baselines3.common.monitor import Monitor

from papergym.agents.checkpoint.envstate import set_single_env_state, single_env_state
from papergym.agents.checkpoint.state import CheckpointError, load_state, save_state

MUJOCO = [
    "HalfCheetah",
    "Hopper",
    "Walker2d",
    "Ant",
    "Humanoid",
    "HumanoidStandup",
    "Swimmer",
    "Reacher",
    "InvertedDoublePendulum",
]
IDS = [f"{name}-{version}" for name in MUJOCO for version in ("v4", "v5")]
IDS += ["Pendulum-v1", "CartPole-v1", "Acrobot-v1", "MountainCar-v0", "MountainCarContinuous-v0", "FrozenLake-v1", "Taxi-v4"]


def rollout(env: gym.Env, actions: list) -> list:
    """Everything the environment says over these actions, with resets where an episode ends."""
    said = []
    for action in actions:
        observation, reward, terminated, truncated, info = env.step(action)
        said.append((np.array(observation), float(reward), terminated, truncated, info.get("episode", {}).get("r")))
        if terminated or truncated:
            said.append((np.array(env.reset()[0]),))
    return said


def assert_continues(make, tmp_path, *, before: int = 17, after: int = 60) -> None:
    env = make()
    env.action_space.seed(5)
    env.reset(seed=3)
    rollout(env, [env.action_space.sample() for _ in range(before)])
    save_state(tmp_path / "env", single_env_state(env), kind="env")
    actions = [env.action_space.sample() for _ in range(after)]
    expected = rollout(env, actions)
    twin = make()
    set_single_env_state(twin, load_state(tmp_path / "env", kind="env"))
    got = rollout(twin, actions)
    assert len(got) == len(expected)
    for one, other in zip(expected, got):
        for left, right in zip(one, other):
            np.testing.assert_array_equal(left, right)
    env.close()
    twin.close()


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.filterwarnings("ignore:.*out of date")
def test_worlds(env_id, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # MuJoCo appends its warnings to a file in the current folder
    assert_continues(lambda: Monitor(gym.make(env_id, max_episode_steps=40)), tmp_path)


LENSES = {
    "frame_stack": lambda env: wrappers.FrameStackObservation(env, 3),
    "time_aware": wrappers.TimeAwareObservation,
    "normalised": lambda env: wrappers.NormalizeReward(wrappers.NormalizeObservation(env)),
    "delay": lambda env: wrappers.DelayObservation(env, 2),
    "statistics": wrappers.RecordEpisodeStatistics,
    "actions": lambda env: wrappers.ClipAction(wrappers.RescaleAction(env, -1, 1)),
    "sticky": lambda env: wrappers.StickyAction(env, 0.5),
}


@pytest.mark.parametrize("name", LENSES)
def test_gymnasium_wrappers(name, tmp_path):
    assert_continues(lambda: LENSES[name](gym.make("Pendulum-v1", max_episode_steps=40)), tmp_path)


class Forgetful(gym.Wrapper):
    """A foreign wrapper that offers nothing."""


def test_state_before_the_first_step(tmp_path):
    """Gymnasium's checker compares the first two steps with the reset before them, which the twin never saw."""
    assert_continues(lambda: gym.make("Pendulum-v1"), tmp_path, before=0)
    assert_continues(lambda: gym.make("Pendulum-v1"), tmp_path, before=1)


def test_foreign_wrapper_has_no_state():
    assert single_env_state(Forgetful(gym.make("Pendulum-v1"))) is None


def test_other_chain_is_refused(tmp_path):
    env = gym.make("Pendulum-v1")
    env.reset(seed=0)
    state = single_env_state(env)
    assert state is not None
    with pytest.raises(CheckpointError, match="belongs to the chain"):
        set_single_env_state(gym.make("CartPole-v1"), state)
