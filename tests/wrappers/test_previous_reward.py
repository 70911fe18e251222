"""The previous reward in the observation, for one environment, for vectors in every mode, and for stable-baselines3."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv

from papergym import wrappers


class Counting(gym.Env):
    """Pays 1, 2, 3, ... and ends after ``length`` steps; observes a Box, a Discrete or a Dict."""

    def __init__(self, length=3, observes="box"):
        self.length, self.observes = length, observes
        box, number = gym.spaces.Box(-1000.0, 1000.0, (2,), np.float32), gym.spaces.Discrete(1000)
        self.observation_space = {"box": box, "discrete": number, "dict": gym.spaces.Dict({"a": box, "b": number})}[observes]
        self.action_space = gym.spaces.Discrete(2)

    def _seen(self):
        box, number = np.full(2, self.time, np.float32), np.int64(self.time)
        return {"box": box, "discrete": number, "dict": {"a": box, "b": number}}[self.observes]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time, self.options = 0, options
        return self._seen(), {}

    def step(self, action):
        self.time += 1
        return self._seen(), float(self.time), self.time == self.length, False, {}


@pytest.mark.parametrize("observes", ["box", "discrete", "dict"])
def test_one_environment(observes):
    env = wrappers.PreviousReward(Counting(observes=observes))
    check_env(env, skip_render_check=True)
    observation, _ = env.reset(seed=1, options={"x": 1})
    assert env.unwrapped.options == {"x": 1} and observation["previous_reward"] == 0
    seen = [observation]
    for step in (1, 2, 3):
        observation, reward, terminated, _, _ = env.step(0)
        assert observation["previous_reward"] == reward == step and terminated == (step == 3)
        assert not any(np.shares_memory(observation["previous_reward"], old["previous_reward"]) for old in seen)
        seen.append(observation)
    assert set(observation) == ({"a", "b"} if observes == "dict" else {"observation"}) | {"previous_reward"}
    assert env.reset()[0]["previous_reward"] == 0


def test_the_spec_rebuilds_it():
    env = wrappers.PreviousReward(gym.make("CartPole-v1"))
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.observation_space == env.observation_space and isinstance(again, wrappers.PreviousReward)
    with pytest.raises(ValueError, match="wrapped twice"):
        wrappers.PreviousReward(env)


@pytest.mark.parametrize("maker", [SyncVectorEnv, AsyncVectorEnv])
@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("observes", ["box", "dict"])
def test_a_vector_equals_a_vector_of_wrapped_environments(maker, mode, observes):
    lengths = (2, 3, 5)
    plain = [lambda length=length: Counting(length, observes) for length in lengths]
    inside = maker([lambda make=make: wrappers.PreviousReward(make()) for make in plain], autoreset_mode=mode)
    outside = wrappers.vector.PreviousReward(maker(plain, autoreset_mode=mode))
    assert inside.single_observation_space == outside.single_observation_space
    assert inside.observation_space == outside.observation_space
    pairs = [(inside.reset(seed=0), outside.reset(seed=0))]
    for _ in range(9):
        results = [env.step(np.zeros(3, int)) for env in (inside, outside)]
        pairs.append(tuple(results))
        over = np.logical_or(results[0][2], results[0][3])
        if mode == AutoresetMode.DISABLED and over.any():
            pairs.append(tuple(env.reset(options={"reset_mask": over}) for env in (inside, outside)))
    for left, right in pairs:
        assert all(np.array_equal(left[0][name], right[0][name]) for name in left[0])
        assert set(left[-1]) == set(right[-1])
        for mine, theirs in zip(left[-1].get("final_obs", ()), right[-1].get("final_obs", ())):
            assert (mine is None) == (theirs is None)
            assert mine is None or all(np.array_equal(mine[name], theirs[name]) for name in mine)
    inside.close(), outside.close()


@pytest.mark.parametrize("observes", ["box", "dict"])
def test_stable_baselines3(observes):
    makers = [lambda length=length: Counting(length, observes) for length in (2, 3)]
    inside = DummyVecEnv([lambda make=make: wrappers.PreviousReward(make()) for make in makers])
    outside = wrappers.sb3.PreviousReward(DummyVecEnv(makers))
    assert inside.observation_space == outside.observation_space
    pairs = [(inside.reset(), outside.reset())]
    for _ in range(7):
        (left, *_, left_infos), (right, *_, right_infos) = (env.step(np.zeros(2, int)) for env in (inside, outside))
        pairs.append((left, right))
        for mine, theirs in zip(left_infos, right_infos):
            assert ("terminal_observation" in mine) == ("terminal_observation" in theirs)
            if "terminal_observation" in mine:
                pairs.append((mine["terminal_observation"], theirs["terminal_observation"]))
    assert len(pairs) > 10
    for left, right in pairs:
        assert set(left) == set(right) and all(np.array_equal(left[name], right[name]) for name in left)


def test_no_two_environments_share_a_space():
    one, other = (wrappers.PreviousReward(Counting()) for _ in range(2))
    assert one.observation_space == other.observation_space
    assert one.observation_space["previous_reward"] is not other.observation_space["previous_reward"]
